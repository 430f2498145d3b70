package feed

import (
	"context"
	"io"

	"annulus/ring"
)

// NewWriter returns a writer that sends what each Write is given as one message of the ring,
// with the errors of ring.Producer.Send; a full ring is waited for until ctx ends. Close
// closes p. The same goroutines may use it as p.
func NewWriter(ctx context.Context, p *ring.Producer) io.WriteCloser { return &ringWriter{ctx, p} }

type ringWriter struct {
	ctx context.Context
	p   *ring.Producer
}

func (w *ringWriter) Write(b []byte) (int, error) {
	if err := w.p.Send(w.ctx, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w *ringWriter) Close() error { return w.p.Close() }

// NewReader returns a reader of the messages of a ring as a stream, framed by f; io.EOF when
// the producer has closed. An empty ring is waited for until ctx ends. A message is released
// when its last byte was read. Close closes c, and leaves in the ring what was not read whole. The
// same goroutines may use it as c.
func NewReader(ctx context.Context, c *ring.Consumer, f Framing) io.ReadCloser {
	return &ringReader{ctx: ctx, c: c, framing: f}
}

type ringReader struct {
	ctx     context.Context
	c       *ring.Consumer
	framing Framing

	parts [3][]byte // of the message at hand, not read yet: head, message, tail
	ends  [2][]byte // memory of head and tail
	held  bool
}

func (r *ringReader) Read(b []byte) (n int, err error) {
	for n == 0 && len(b) > 0 {
		if !r.held {
			if err := r.fetch(); err != nil {
				return 0, err
			}
		}
		for i := range r.parts {
			k := copy(b[n:], r.parts[i])
			n, r.parts[i] = n+k, r.parts[i][k:]
			if len(r.parts[i]) > 0 {
				return n, nil
			}
		}
		r.held = false
		if err := r.c.Release(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *ringReader) fetch() error {
	msg, err := r.c.Peek(r.ctx)
	if err != nil {
		return err
	}
	if r.ends[0], err = r.framing.AppendHead(r.ends[0][:0], len(msg)); err != nil {
		return err // and it stays in the ring
	}
	r.ends[1] = r.framing.AppendTail(r.ends[1][:0])
	r.parts, r.held = [3][]byte{r.ends[0], msg, r.ends[1]}, true
	return nil
}

func (r *ringReader) Close() error { return r.c.Close() }
