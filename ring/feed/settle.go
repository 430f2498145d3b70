package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"annulus/ring"
)

// ErrNotAcknowledged, of pumps into sockets: messages were written at the end, and the peer did not
// acknowledge them in time (see WithLinger). They are still in the ring.
var ErrNotAcknowledged = errors.New("not acknowledged by the peer")

// lingerTime is how long a pump waits at the end for what it has written to arrive.
const lingerTime = 5 * time.Second

// WithLinger bounds how long a pump into a socket waits at the end for the peer to acknowledge
// what was written (see Writer), and a pump into a ring after Finish for room for what was read: 5 s without it.
func WithLinger(d time.Duration) Option { return func(o *options) { o.linger = d } }

// WithoutAcknowledgement makes a pump into a socket release messages once the kernel of this side took them,
// not when they have arrived. What a connection that breaks had not carried yet is then lost, and nothing tells how
// much: up to what the buffers of both kernels hold, some megabytes over TCP. Messages may be lost in the middle,
// between two connections; a TLS server that refuses this side may have been sent some; Run returns nil before the last
// have arrived, and linger is of no use. For what is old soon anyway, where waiting costs too much: a consumer of an MPMC
// ring holds at most 255 messages, and waits for their acknowledgement before it takes more.
func WithoutAcknowledgement() Option { return func(o *options) { o.trusting = true } }

// settler is a sink that learns only later whether what it took has arrived. Until then it
// stays in the ring.
type settler interface {
	// settle tells how many of the messages taken last have not arrived yet, as far as is
	// known without waiting. Broken: these are to be handed over again. An error
	// ends the pump.
	settle() (waiting int, broken bool, err error)
	// pass is told that a message was passed over, as if it had been taken.
	pass()
	// trust is told before the first Take that what was written counts as arrived.
	trust()
	// ending tells that there will be no other messages than those handed over again.
	ending()
}

// Bounds of the time between two looks at what has arrived while there is nothing else
// to do. It doubles.
const (
	minLook = 100 * time.Microsecond
	maxLook = 5 * time.Millisecond
)

// quickLooks is how many looks in vain come before the first wait between two.
const quickLooks = 32

// errAgain: messages are to be handed over again.
var errAgain = errors.New("again")

// settle gives back what has arrived. Again: the others are to be handed over again.
func (o *outlet) settle() (again bool, err error) {
	if o.settles == nil {
		return false, o.release(o.taken)
	}
	waiting, broken, err := o.settles.settle()
	if rerr := o.release(o.taken - min(waiting, o.taken)); rerr != nil {
		return false, rerr
	}
	if broken {
		o.total.again.Add(uint64(o.taken - o.over.messages))
		o.taken, o.over = 0, tally{} // these will be refused once more
	}
	return broken, err
}

// passOver leaves out the next message, which the sink has refused.
func (o *outlet) passOver() error {
	o.over.messages++
	o.over.bytes += len(o.msgs[o.taken])
	o.taken++
	if o.settles == nil {
		return o.release(1)
	}
	o.settles.pass()
	return nil
}

// tally is a number of messages, and of bytes in them.
type tally struct{ messages, bytes int }

// wait is Peek that looks around now and then. errAgain: there is something to be
// handed over without it.
func (o *outlet) wait(ctx context.Context) ([]byte, error) {
	look, quick := minLook, 0
	idle := time.Now().Add(idleSlice)
	for {
		if o.taken > 0 {
			before := o.taken
			if again, err := o.settle(); again {
				return nil, errAgain
			} else if err != nil {
				return nil, err
			}
			if quick++; o.taken < before {
				look, quick = minLook, 0
			}
			if quick < quickLooks { // acknowledgements come soon, mostly
				runtime.Gosched()
				if b, err := o.c.TryPeek(); err != ring.ErrEmpty && err != ring.ErrHeld {
					return b, err
				}
				continue
			}
			look = min(2*look, maxLook)
		}
		slice := idleSlice
		if o.taken > 0 {
			slice = look
		} else if o.options.idle == nil {
			slice = 0
		}
		if err := o.deadline(slice); err != nil {
			return nil, err
		}
		b, err := o.c.Peek(ctx)
		if err == ring.ErrHeld { // it says so at once
			err = os.ErrDeadlineExceeded
			if !pause(slice, ctx.Done()) {
				err = ctx.Err()
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return b, err
		}
		if o.options.idle != nil && !time.Now().Before(idle) {
			if err := o.options.idle(); err != nil {
				return nil, err
			}
			idle = time.Now().Add(idleSlice)
		}
	}
}

// deadline makes waits of the consumer end after d; 0: not.
func (o *outlet) deadline(d time.Duration) error {
	if d == 0 && !o.timed {
		return nil
	}
	o.timed = d > 0
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	if err := o.c.SetDeadline(t); !errors.Is(err, ring.ErrClosed) {
		return err
	}
	return nil
}

// arrive waits at the end of the ring until everything has arrived: then it returns io.EOF;
// nil: there is something to be handed over again.
func (o *outlet) arrive(ctx context.Context) error {
	o.settles.ending()
	linger := o.options.linger
	if linger == 0 {
		linger = lingerTime
	}
	end := time.Now().Add(linger)
	look := backoff{minLook, maxLook}
	for {
		again, err := o.settle()
		switch {
		case err != nil || again && o.taken < len(o.msgs):
			return err
		case len(o.msgs) == 0 && o.limit == 0:
			return io.EOF
		case len(o.msgs) == 0:
			_, err := o.c.TryPeek() // io.EOF, which the ring notes now
			if err == nil {         // another session has begun: it is the next pump's
				err = o.c.Unpeek()
			}
			if err == nil || err == ring.ErrEmpty || errors.Is(err, ring.ErrOverrun) {
				err = io.EOF
			}
			return err
		case !time.Now().Before(end):
			return fmt.Errorf("feed: %w within %v", ErrNotAcknowledged, linger)
		}
		if !look.wait(ctx.Done()) {
			return ctx.Err()
		}
	}
}

// left completes err by what it leaves in the ring although the sink had taken it, and takes
// back what is peeked: who uses the consumer next must not give that back unseen.
func (o *outlet) left(err error) error {
	if o.taken > 0 && o.settles != nil && !errors.Is(err, ring.ErrTruncated) {
		if waiting, _, _ := o.settles.settle(); waiting < o.taken { // err tells what is wrong already
			err = errors.Join(err, o.release(o.taken-waiting))
		}
	}
	if o.taken > 0 {
		err = fmt.Errorf("%w (messages that were written but not acknowledged, and stay in the ring: %d)", err, o.taken)
	}
	uerr := o.c.Unpeek()
	if errors.Is(uerr, ring.ErrClosed) || errors.Is(err, ring.ErrCorrupt) || errors.Is(err, ring.ErrTruncated) {
		return err // there is no next use of this one
	}
	return errors.Join(err, uerr)
}
