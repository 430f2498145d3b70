package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// Patience of the parent, for what should take moments.
const (
	startGrace = 60 * time.Second // for all processes to attach
	hangAfter  = 60 * time.Second // at the end, without any message received or process ended
	tick       = 2 * time.Millisecond
	closeEvery = 50 * time.Millisecond
	lookEvery  = 10 * time.Millisecond
	watchEvery = 200 * time.Millisecond
)

// Watch is called now and then, from Run's goroutine, while a load runs: with the messages
// received since it began.
type Watch func(messages uint64, elapsed time.Duration)

// run is one load under way.
type run struct {
	*Profile
	ctx    context.Context
	rng    *rand.Rand
	rings  []*live
	places []*place
	watch  Watch

	begun      time.Time
	strikes    map[*Group]time.Time // when churn next takes one of the group
	stopping   bool
	looked     time.Time
	watched    time.Time
	open, shut snapshot
}

// Run plays a profile once. When ctx ends, the window closes at once, and what was counted until then is
// the outcome, with the error of ctx. Messages that were lost, doubled, torn or out of order stand in
// the results and are an error too. All processes have ended, and nothing is left, when it returns.
// Concurrent calls disturb each other's figures, nothing else.
func Run(ctx context.Context, p *Profile, watch Watch) (results []report.Result, err error) {
	// The workers are tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &run{Profile: p, ctx: ctx, rng: rand.New(rand.NewPCG(p.Seed, 0)), watch: watch, strikes: map[*Group]time.Time{}}
	defer func() { err = errors.Join(err, r.clean()) }()
	if err := r.make(); err != nil {
		return nil, err
	}
	if err := r.attach(); err != nil {
		return nil, err
	}
	if err := r.measure(); err != nil {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	results, err = r.results()
	return results, errors.Join(err, ctx.Err())
}

func (r *run) make() error {
	total := 0
	for _, g := range r.Groups {
		total += g.Count
	}
	for _, c := range r.Rings {
		l, err := create(c, total)
		if err != nil {
			return err
		}
		r.rings = append(r.rings, l)
		for _, g := range r.Groups {
			for range g.Count {
				if g.Ring != c.Name {
					continue
				}
				page, err := newPage()
				if err != nil {
					return err
				}
				p := &place{group: g, ring: l, number: len(r.places), page: page}
				r.places = append(r.places, p)
				l.places = append(l.places, p)
			}
		}
	}
	return nil
}

// clean ends what still runs and removes the rings.
func (r *run) clean() (err error) {
	for _, p := range r.places {
		p.end()
	}
	for _, l := range r.rings {
		err = errors.Join(err, l.remove())
	}
	return err
}

// attach starts all processes and waits until each has its role.
func (r *run) attach() error {
	for _, p := range r.places {
		if err := p.start(r.rng.Uint64()); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(startGrace); ; {
		if err := r.step(); err != nil || r.ctx.Err() != nil {
			return errors.Join(err, r.ctx.Err())
		}
		waiting := 0
		for _, p := range r.places {
			if !p.working() {
				waiting++
			}
		}
		if waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d processes did not attach within %v", waiting, len(r.places), startGrace)
		}
	}
	r.begun = time.Now()
	now := uint64(rig.Now())
	for _, p := range r.places {
		mem.Publish(&p.page.Start, now)
	}
	return nil
}

// measure lets the load run, and counts what happens in the window.
func (r *run) measure() error {
	if err := r.until(r.WarmUp); err != nil {
		return err
	}
	for _, l := range r.rings {
		l.looks = nil
	}
	r.open = r.snapshot()
	err := r.until(r.WarmUp + r.Duration)
	r.shut = r.snapshot()
	return err
}

// until lets the load run until so long after its beginning, or until ctx ends.
func (r *run) until(at time.Duration) error {
	for time.Since(r.begun) < at && r.ctx.Err() == nil {
		if err := r.step(); err != nil {
			return err
		}
		if err := r.churn(); err != nil {
			return err
		}
	}
	return nil
}

// step takes a moment, in which it looks after processes and rings.
func (r *run) step() error {
	time.Sleep(tick)
	now := time.Now()
	for _, p := range r.places {
		select {
		case err := <-p.exited:
			if err := p.bury(err, r.stopping); err != nil {
				return err
			}
			p.restart = now
			if c := p.group.Churn; c != nil {
				p.restart = now.Add(c.Pause)
			}
		default:
		}
		if p.exited == nil && p.incarnation > 0 && !now.Before(p.restart) && !(r.stopping && (p.group.Producer || p.atEnd())) {
			if p.group.Producer && p.ring.left() {
				continue
			}
			if err := p.start(r.rng.Uint64()); err != nil {
				return err
			}
		}
	}
	for _, l := range r.rings {
		l.read()
		if now.Sub(r.looked) >= lookEvery {
			if err := l.look(); err != nil {
				return err
			}
		}
	}
	if now.Sub(r.looked) >= lookEvery {
		r.looked = now
	}
	if r.watch != nil && !r.begun.IsZero() && now.Sub(r.watched) >= watchEvery {
		r.watched = now
		r.watch(r.received(), now.Sub(r.begun))
	}
	return nil
}

func (r *run) received() (n uint64) {
	for _, p := range r.places {
		if !p.group.Producer {
			n += mem.Load(&p.page.Count)
		}
	}
	return n
}

// finish lets producers end, then consumers receive what is left, and waits for all.
func (r *run) finish() error {
	r.stopping = true
	for _, p := range r.places {
		if p.group.Producer {
			mem.Publish(&p.page.Stop, 1)
			p.order(orderStop)
		}
	}
	if err := r.gone(true); err != nil {
		return err
	}
	return r.gone(false)
}

// close ends the rings at which consumers wait for the end: again and again, for one that came
// to a broadcast ring after the end waits for the next.
func (r *run) close() error {
	for _, l := range r.rings {
		if l.ended() {
			continue
		}
		if err := l.close(); err != nil {
			return fmt.Errorf("ring %s: %w", l.Name, err)
		}
	}
	return nil
}

// gone waits until the processes of one side have ended.
func (r *run) gone(producers bool) error {
	moved, before, closed := time.Now(), [2]uint64{}, time.Time{}
	for {
		if !producers && time.Since(closed) > closeEvery {
			if err := r.close(); err != nil {
				return err
			}
			closed = time.Now()
		}
		left, done := 0, uint64(0)
		for _, p := range r.places {
			switch {
			case p.group.Producer != producers:
			case p.exited != nil || !producers && !p.atEnd():
				left++
			default:
				done++
			}
		}
		if left == 0 {
			return nil
		}
		if now := [2]uint64{r.received(), done}; now != before {
			moved, before = time.Now(), now
		}
		if time.Since(moved) > hangAfter {
			return fmt.Errorf("%d processes did not end within %v in which nothing was received", left, hangAfter)
		}
		if err := r.step(); err != nil {
			return err
		}
	}
}
