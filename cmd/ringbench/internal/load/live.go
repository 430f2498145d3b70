package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
	"annulus/ring"
)

// live is a ring of the profile that is there. It belongs to the parent's goroutine.
type live struct {
	Ring     // Backing and At as they are
	ring     *ring.Ring
	dir      string // made for its file
	arrivals *arrivals
	places   []*place // at it

	consumersKilled bool
	uncertain       []gap // messages that a kill cut off: they may come or not
	gaps            []gap
	looks           []float64 // how full it was
}

// create makes the ring; places is how many there are in all.
func create(r *Ring, places int) (l *live, err error) {
	l = &live{Ring: *r}
	defer func() {
		if err != nil {
			err = fmt.Errorf("ring %s: %w", r.Name, errors.Join(err, l.remove()))
		}
	}()
	switch r.Backing {
	case "shm":
		if l.At == "" {
			l.At = fmt.Sprintf("rb-load-%d-%s", os.Getpid(), r.Name)
		}
		l.ring, err = ring.Create(l.At, r.Config)
	case "file":
		if l.At == "" {
			if l.dir, err = os.MkdirTemp("", "ringbench-"); err != nil {
				return l, err
			}
			l.At = filepath.Join(l.dir, r.Name)
		}
		l.ring, err = ring.CreateFile(l.At, r.Config)
	default:
		l.ring, err = ring.CreateMemfd("ringbench "+r.Name, r.Config)
	}
	if err != nil {
		return l, err
	}
	l.arrivals, err = newArrivals(r.Config, places)
	return l, err
}

// remove closes the ring and leaves nothing of it.
func (l *live) remove() (err error) {
	if l.ring != nil {
		err = l.ring.Close()
		switch l.Backing {
		case "shm":
			err = errors.Join(err, ring.Remove(l.At))
		case "file":
			err = errors.Join(err, ring.RemoveFile(l.At))
		}
	}
	if l.dir != "" {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	if l.arrivals != nil && l.arrivals.Shared != nil {
		err = errors.Join(err, l.arrivals.Close())
	}
	return err
}

// look notes how full the ring is; a broadcast ring, for its slowest consumer.
func (l *live) look() error {
	s, err := l.ring.Stats()
	if err != nil {
		return err
	}
	l.looks = append(l.looks, min(1, float64(s.Occupied)/float64(s.Capacity)))
	return nil
}

func (l *live) occupancy() *report.Occupancy {
	n := len(l.looks)
	if n == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(l.looks))
	return &report.Occupancy{Min: sorted[0], Median: sorted[n/2], Max: sorted[n-1], Looks: n}
}

// read takes in the gaps that consumers have found.
func (l *live) read() {
	for _, p := range l.places {
		if !p.group.Producer {
			p.page.gaps(func(g gap) { l.gaps = append(l.gaps, g) })
		}
	}
}

// close lets consumers find the end: a dead producer does not close, so another does it.
func (l *live) close() error {
	if _, err := l.ring.Recover(); err != nil {
		return err
	}
	var p *ring.Producer
	err := rig.WhileAttached(func() (err error) { p, err = l.ring.Producer(); return err })
	if err != nil {
		return err
	}
	err = p.Close()
	for _, p := range l.places {
		mem.Publish(&p.page.Drain, 1)
	}
	return err
}

// left tells whether in an MPSC ring a producer that is gone has left messages in its lane.
// Its successor, which has another, waits for these: there is no order between lanes.
func (l *live) left() bool {
	if l.Config.Topology != ring.MPSC {
		return false
	}
	s, err := l.ring.Stats()
	return err == nil && slices.ContainsFunc(s.Members, func(m ring.MemberStats) bool { return !m.Attached && m.Occupied > 0 })
}

// ended tells whether all consumers have received all.
func (l *live) ended() bool {
	return !slices.ContainsFunc(l.places, func(p *place) bool { return !p.group.Producer && !p.atEnd() })
}

// verdict says what became of the messages, after all processes have ended.
func (l *live) verdict() (v report.Load, err error) {
	if l.Config.Topology == ring.MPMC {
		if err := l.leftover(); err != nil {
			return v, err
		}
	}
	l.read()
	l.tails()
	var missing uint64
	for _, g := range l.gaps {
		cut := l.cut(g)
		v.CutOff += cut
		if n := g.N - cut; n > g.Credit {
			missing += n - g.Credit
		}
	}
	for _, p := range l.places {
		w := p.page
		v.Attached, v.Kills, v.Leaves = v.Attached+p.incarnation, v.Kills+p.kills, v.Leaves+p.leaves
		v.Doubled, v.Disordered, v.Torn, missing = v.Doubled+w.Doubled, v.Disordered+w.Disorder, v.Torn+w.Torn, missing+w.Missed
	}
	s, err := l.ring.Stats()
	if err != nil {
		return v, err
	}
	if l.Config.Topology == ring.MPMC && !l.Config.Redeliver {
		v.LostInHand = min(missing, s.Consumer.Repaired)
	}
	v.Lost = missing - v.LostInHand
	return v, nil
}

// cut is how many messages of a gap a kill may have cut off.
func (l *live) cut(g gap) (n uint64) {
	for _, u := range l.uncertain {
		if u.Place != g.Place {
			continue
		}
		from, to := max(g.From, u.From), min(g.From+g.N, u.From+u.N)
		if from < to {
			n += to - from
		}
	}
	return n
}

// tails finds what did not come at the end, behind which nothing showed a gap.
func (l *live) tails() {
	for _, p := range l.places {
		w := p.page
		switch {
		case l.Config.Topology == ring.Broadcast:
			// Who was there until the end has received all that was sent by then.
			if !p.group.Producer && w.Seen != 0 && w.AtEnd != 0 {
				l.tail(l.producer(), w.Seen, w.Credit)
			}
		case !p.group.Producer:
		case l.arrivals.window > 0:
			l.arrivals.rest(p.number, w.Next, func(seq uint64) {
				l.gaps = append(l.gaps, gap{uint64(p.number), seq, 1, 0})
			})
		default:
			l.tail(p, *l.arrivals.next(p.number), 0)
		}
	}
}

func (l *live) tail(p *place, from, credit uint64) {
	if end := p.page.Next; from < end {
		l.gaps = append(l.gaps, gap{uint64(p.number), from, end - from, credit})
	}
}

// producer is the place of the one producer of a broadcast ring.
func (l *live) producer() *place {
	return l.places[slices.IndexFunc(l.places, func(p *place) bool { return p.group.Producer })]
}

// leftover receives what an MPMC ring still holds: what the last to be killed had in its hands.
func (l *live) leftover() error {
	if _, err := l.ring.Recover(); err != nil {
		return err
	}
	c, err := l.ring.Consumer()
	if err != nil {
		return err
	}
	for {
		b, err := c.TryPeek()
		if err != nil {
			return c.Close()
		}
		if h, whole := unseal(b); whole {
			l.arrivals.mark(h.place, h.seq, func(seq uint64) {
				l.gaps = append(l.gaps, gap{uint64(h.place), seq, 1, 0})
			})
		}
		if err := c.Release(); err != nil {
			return errors.Join(err, c.Close())
		}
	}
}
