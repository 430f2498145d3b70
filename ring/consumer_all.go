package ring

import (
	"context"
	"errors"
	"io"
	"iter"
)

// All returns an iterator over the messages, in place: each is valid until the
// next step of the loop, which releases it. It ends at io.EOF, or yields an
// error once and ends, but for an OverrunError, after which it goes on; breaking out of the
// loop releases the last message.
func (c *Consumer) All(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			b, err := c.Peek(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				if yield(nil, err) && errors.Is(err, ErrOverrun) {
					continue
				}
				return
			}
			more := yield(b, nil)
			if c.closing.Load() {
				return
			}
			if err := c.Release(); err != nil {
				if more {
					yield(nil, err)
				}
				return
			}
			if !more {
				return
			}
		}
	}
}
