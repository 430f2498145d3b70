package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Retry says when what broke, or could not be opened, is opened again.
type Retry struct {
	Min, Max time.Duration   // how long to wait: doubled from Min (10 ms) to Max (1 s)
	Tries    int             // in vain, one after the other, before it is given up; 0: endless
	AtEnd    bool            // sources: the end of the stream is a break too
	Report   func(err error) // told of each break and each try in vain, but not of what Run returns; may be nil
}

// reopening is what sources and sinks that open their streams themselves share.
type reopening struct {
	retry Retry
	ctx   context.Context
	stop  context.CancelFunc
	total *counters

	mu    sync.Mutex
	inner interface{ Stop() } // to be stopped too
	vain  int
	nap   backoff // of the tries in vain
}

func newReopening(r Retry) reopening {
	if r.Min <= 0 {
		r.Min = 10 * time.Millisecond
	}
	if r.Max < r.Min {
		r.Max = max(time.Second, r.Min)
	}
	ctx, stop := context.WithCancel(context.Background())
	return reopening{retry: r, ctx: ctx, stop: stop, total: new(counters)}
}

func (r *reopening) countIn(c *counters) { r.total = c }

// Stop is Source.Stop and Sink.Stop.
func (r *reopening) Stop() {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inner != nil {
		r.inner.Stop()
	}
}

// use makes s, which was opened, the one that Stop stops.
func (r *reopening) use(s interface{ Stop() }) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inner = s
	if s != nil && r.ctx.Err() != nil {
		s.Stop()
	}
}

// final is an error of open that no other try will change.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// again waits before another try after err, or returns why there is none.
func (r *reopening) again(err error) error {
	if r.ctx.Err() != nil {
		return ErrStopped
	}
	if f := (final{}); errors.As(err, &f) {
		return f.error
	}
	r.vain++
	if r.retry.Tries > 0 && r.vain >= r.retry.Tries {
		if r.vain == 1 {
			return err
		}
		return fmt.Errorf("%w (given up after %d tries)", err, r.vain)
	}
	if r.retry.Report != nil {
		r.retry.Report(err)
	}
	if r.vain == 1 {
		r.nap = backoff{r.retry.Min, r.retry.Max}
	}
	if !r.nap.wait(r.ctx.Done()) {
		return ErrStopped
	}
	return nil
}

// ReaderOf returns the source of the messages in a stream that open opens, at the first
// Fill, and again when it breaks. A message that a break cut off is not sent: the
// framing begins anew with each stream. open is to heed its context, which Stop ends.
func ReaderOf(open func(context.Context) (io.ReadCloser, error), f Framing, r Retry) Source {
	return &readerOf{reopening: newReopening(r), open: open, framing: f}
}

// sourceOf returns the source of the messages in r: a socket that keeps them apart needs no
// framing.
func sourceOf(r io.ReadCloser, f Framing) (Source, error) {
	if c, ok := packetConn(r); ok {
		return newDatagramSource(c, Datagrams{})
	}
	return Reader(r, f), nil
}

type readerOf struct {
	reopening
	open    func(context.Context) (io.ReadCloser, error)
	framing Framing
	now     Source
}

// Fill is Source.Fill.
func (r *readerOf) Fill(in *Intake) error {
	for {
		if r.now == nil {
			if r.ctx.Err() != nil {
				return ErrStopped
			}
			c, err := r.open(r.ctx)
			if err != nil {
				if err = r.again(err); err != nil {
					return err
				}
				continue
			}
			now, err := sourceOf(c, r.framing)
			if err != nil {
				return errors.Join(err, c.Close())
			}
			r.total.opened.Add(1)
			if k, ok := now.(counted); ok {
				k.countIn(r.total)
			}
			r.now = now
			r.use(r.now)
		}
		err := r.now.Fill(in)
		if err == nil {
			r.vain = 0
			return nil
		}
		if errors.Is(err, ErrStopped) || err == io.EOF && !r.retry.AtEnd || refused(err) || in.failed() {
			return err
		}
		if err != io.EOF {
			r.total.failed.Add(1)
		} else {
			r.vain = 0 // a stream that came to its end was not in vain
		}
		_ = r.Close()                      // it has failed already, and says so in err
		if err := in.flush(); err != nil { // what came before the break is sent now
			return err
		}
		if err := r.again(err); err != nil {
			return err
		}
	}
}

// Close is Source.Close.
func (r *readerOf) Close() error {
	if r.now == nil {
		return nil
	}
	r.use(nil)
	err := r.now.Close()
	r.now = nil
	return err
}
