package crowd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// count is a counter with two cache lines to itself.
type count struct {
	atomic.Uint64
	_ [120]byte
}

// Channel measures a Go channel with as many goroutines, in this process, which is
// not pinned.
func Channel(ctx context.Context, l Load) (Result, error) {
	ch := make(chan Message, l.Slots)
	var stop atomic.Bool
	var sent, received [most]count
	var sending, receiving sync.WaitGroup
	for i := range l.Producers {
		sending.Go(func() {
			var ready [ahead]Message
			seq := uint64(0)
			for !stop.Load() {
				for k := range look {
					if k%ahead == 0 {
						prepare(&ready, i, seq)
					}
					ch <- ready[k%ahead]
					seq++
				}
			}
			sent[i].Store(seq)
		})
	}
	errs := make([]error, l.Consumers)
	for i := range l.Consumers {
		receiving.Go(func() {
			var o order
			n := uint64(0)
			for m := range ch {
				if err := o.check(m[0]); err != nil {
					errs[i] = err
				}
				if n++; n%look == 0 {
					received[i].Store(n)
				}
			}
			received[i].Store(n)
		})
	}
	total := func(c *[most]count) (n uint64) {
		for i := range c {
			n += c[i].Load()
		}
		return n
	}
	r, err := l.window(ctx, func() uint64 { return total(&received) })
	stop.Store(true)
	sending.Wait()
	close(ch)
	receiving.Wait()
	return r, errors.Join(append(errs, err, same(total(&sent), total(&received)))...)
}
