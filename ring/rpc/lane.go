package rpc

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// lane is the way back to one client. A client that does not take its replies keeps
// nobody else waiting: they queue in memory, as many as it has calls under way.
type lane struct {
	name    string
	r       *ring.Ring
	p       *ring.Producer
	dropped *atomic.Uint64

	mu    sync.Mutex
	queue [][]byte // behind those in the ring
	busy  bool     // a goroutine sends them
	done  sync.WaitGroup
}

func (l *lane) open(name string, capacity int, dropped *atomic.Uint64) (err error) {
	l.name, l.dropped = name, dropped
	if l.r, err = ring.OpenOrCreate(name, ring.Config{Capacity: capacity}); err == nil {
		l.p, err = l.r.Producer()
	}
	return err
}

// reply sends b, or queues a copy.
func (l *lane) reply(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy {
		err := l.p.TrySend(b)
		if err == nil {
			return
		}
		if err != ring.ErrFull {
			l.dropped.Add(1) // nobody is there
			return
		}
		l.busy = true
		l.done.Go(l.send)
	}
	l.queue = append(l.queue, append([]byte(nil), b...))
}

// patience is how long a reply waits before it is looked whether its client lives.
const patience = 250 * time.Millisecond

// send sends what is queued.
func (l *lane) send() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.busy, l.queue = false, nil
			l.mu.Unlock()
			return
		}
		b := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		for {
			err := l.p.SetDeadline(time.Now().Add(patience))
			if err == nil {
				err = l.p.Send(context.Background(), b)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				if s, serr := l.r.Stats(); serr == nil && s.Consumer.Attached {
					continue // alive, if stopped
				}
			}
			if err != nil {
				l.dropped.Add(1)
			}
			break
		}
	}
}

func (l *lane) close(remove bool) error {
	var errs []error
	if l.p != nil {
		errs = append(errs, l.p.Close())
	}
	l.done.Wait()
	if l.r != nil {
		if remove {
			errs = append(errs, ring.Remove(l.name))
		}
		errs = append(errs, l.r.Close())
	}
	return errors.Join(errs...)
}
