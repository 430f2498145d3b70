package rpc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// lane is the way back to one client. A client that does not take its replies keeps
// nobody else waiting: they queue in memory, as many as it has calls under way.
type lane struct {
	name     string
	capacity int
	most     int // bytes of payload
	dropped  *atomic.Uint64

	mu     sync.Mutex
	r      *ring.Ring
	p      *ring.Producer // of whoever sends: send while it is busy, else reply
	queue  [][]byte       // behind those in the ring
	busy   bool           // send runs
	closed bool
	failed error // of a ring that was to be made anew
	done   sync.WaitGroup

	hurry atomic.Bool // who is stopped, or takes nothing for lastTries times patience, gets no more
	cut   atomic.Bool // nobody gets more
}

func (l *lane) open(name string, capacity int, dropped *atomic.Uint64) error {
	l.name, l.capacity, l.dropped = name, capacity, dropped
	err := l.attach()
	if spoilt(err) { // by a client that is not any more, or not to be helped
		if l.r == nil { // it could not even be opened
			if err := ring.Remove(l.name); err != nil {
				return err
			}
		}
		err = l.renew()
	}
	if err == nil {
		l.most = l.r.Config().MaxMessage - replyHead
	}
	return err
}

func (l *lane) attach() (err error) {
	l.r, err = ring.OpenOrCreate(l.name, ring.Config{Topology: ring.SPSC, Kind: ring.Bytes, Capacity: l.capacity})
	if errors.Is(err, ring.ErrMismatch) {
		return fmt.Errorf("%w (the capacity is Config.ReplyBytes; or see Remove)", err)
	}
	if err == nil {
		l.p, err = l.r.Producer()
	}
	return err
}

// spoilt tells whether err says that no producer can use the ring any more.
func spoilt(err error) bool {
	return errors.Is(err, ring.ErrCorrupt) || errors.Is(err, ring.ErrTruncated)
}

// renew puts a new ring in the place of one that is spoilt, for the next client: this one gets
// ErrNoServer, by ring.ErrRemoved.
func (l *lane) renew() error {
	var errs []error
	if l.r != nil {
		errs = append(errs, unname(l.r))
	}
	if l.p != nil {
		errs = append(errs, l.p.Close())
	}
	if l.r != nil {
		errs = append(errs, l.r.Close())
	}
	l.r, l.p = nil, nil
	return errors.Join(append(errs, l.attach())...)
}

// greet tells a client that this server is not the one that it knew.
func (l *lane) greet() error {
	s, err := l.r.Stats()
	if err == nil && s.Consumer.Attached {
		l.reply(greeting, statusOK, nil)
	}
	return err
}

// reply sends one, or queues it.
func (l *lane) reply(call uint64, status uint32, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := replyHead + len(payload)
	if !l.busy {
		b, err := l.reserve(n)
		if err == nil {
			putReply(b, call, status, payload)
			err = l.p.Commit(n)
		}
		if err == nil {
			return
		}
		if err != ring.ErrFull {
			l.lose(err)
			return
		}
		l.busy = true
		l.done.Go(l.send)
	}
	b := make([]byte, n)
	putReply(b, call, status, payload)
	l.queue = append(l.queue, b)
}

func (l *lane) reserve(n int) ([]byte, error) {
	if l.closed {
		return nil, ring.ErrClosed
	}
	if l.p == nil { // there was no room for a new ring, or another had the name
		if l.failed = l.renew(); l.failed != nil {
			return nil, l.failed
		}
	}
	return l.p.TryReserve(n)
}

// lose gives a reply up that failed with err. The caller holds mu.
func (l *lane) lose(err error) {
	l.dropped.Add(1)
	if spoilt(err) && !l.closed {
		l.failed = l.renew()
	}
}

// patience is how long a reply waits before it is looked whether its client lives.
const patience = 250 * time.Millisecond

// lastTries is how often that is done for a client that runs, once the server is to end.
const lastTries = 20

// send sends what is queued.
func (l *lane) send() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.busy, l.queue = false, nil
			l.mu.Unlock()
			return
		}
		b, p := l.queue[0], l.p
		l.queue = l.queue[1:]
		l.mu.Unlock()
		err := error(ring.ErrClosed)
		if p != nil && !l.cut.Load() {
			err = l.sendOne(p, b)
		}
		if err != nil {
			l.mu.Lock()
			l.lose(err)
			l.mu.Unlock()
		}
	}
}

// sendOne waits for room while the client lives.
func (l *lane) sendOne(p *ring.Producer, b []byte) error {
	for try := 1; ; try++ {
		err := p.SetDeadline(time.Now().Add(patience))
		if err == nil {
			err = p.Send(context.Background(), b)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		l.mu.Lock()
		waiting := len(l.queue) // for a client that is there now, or not any more
		l.mu.Unlock()
		s, serr := l.r.Stats()
		last := l.cut.Load() || l.hurry.Load() && (s.Consumer.Stopped || try >= lastTries)
		if serr == nil && s.Consumer.Attached && !last {
			continue // alive, if stopped
		}
		l.mu.Lock()
		l.queue = l.queue[waiting:]
		l.mu.Unlock()
		l.dropped.Add(uint64(waiting))
		return errors.Join(err, serr)
	}
}

func (l *lane) close(remove bool) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	var errs []error
	attached := l.p != nil
	if attached {
		errs = append(errs, l.p.Close()) // which ends a Send
	}
	l.done.Wait()
	errs = append(errs, l.failed)
	if l.r != nil {
		if remove && attached {
			errs = append(errs, unname(l.r))
		}
		errs = append(errs, l.r.Close())
	}
	return errors.Join(errs...)
}
