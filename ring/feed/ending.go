package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNotSent, of pumps into rings: a message was read whole, and the ring stayed full until the pump's
// context ended or, after Finish, the time of WithLinger. It is lost, and what was read with it, unless the source
// has it still, as a file has.
var ErrNotSent = errors.New("what was read last found no room in the ring and was not sent")

// ending is how the waits of a pump for room in the ring end.
type ending struct {
	ctx      context.Context // of Run
	room     context.Context // of it too, and of Finish
	finished context.Context
	finish   func() // by any goroutine
	linger   time.Duration
	by       time.Time // once finished: when what is in hand is given up
}

func newEnding(linger time.Duration) *ending {
	if linger == 0 {
		linger = lingerTime
	}
	e := &ending{linger: linger}
	var end func()
	e.finished, end = context.WithCancel(context.Background())
	e.finish = sync.OnceFunc(func() {
		e.by = time.Now().Add(linger)
		end()
	})
	return e
}

// begin is called by Run, with its context, and the function that it returns at its end.
func (e *ending) begin(ctx context.Context) (end func()) {
	e.ctx = ctx
	room, cancel := context.WithCancel(ctx)
	e.room = room
	stop := context.AfterFunc(e.finished, cancel)
	return func() { stop(); cancel() }
}

// wait is Reserve. ErrStopped: Finish has ended it, and nothing was in hand.
func (in *Intake) wait(n int, inHand bool) ([]byte, error) {
	b, err := in.p.Reserve(in.room, n)
	if errors.Is(err, context.Canceled) && in.finished.Err() != nil && in.ctx.Err() == nil {
		if !inHand {
			return nil, ErrStopped
		}
		ctx, cancel := context.WithDeadline(in.ctx, in.by)
		defer cancel()
		b, err = in.p.Reserve(ctx, n)
		if errors.Is(err, context.DeadlineExceeded) && in.ctx.Err() == nil {
			return nil, fmt.Errorf("feed: %w: ring %q was full for %v", ErrNotSent, in.p.Ring().Name(), in.linger)
		}
	}
	if err != nil && inHand && in.ctx.Err() != nil && errors.Is(err, in.ctx.Err()) {
		err = fmt.Errorf("feed: %w: %w", ErrNotSent, err)
	}
	return b, err
}
