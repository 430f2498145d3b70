// Package within lets a context end what is done with a connection.
package within

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Bind has the end of ctx, and its deadline, end reads and writes of conn. restore must be called when
// they are done, with the error that they came to: it clears conn's deadlines and returns that
// error, or, where ctx was the reason, one that says so.
func Bind(ctx context.Context, conn net.Conn) (restore func(err error) error) {
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline) // an error means that it is closed, which the first use says too
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Unix(1, 0))
		close(done)
	})
	return func(err error) error {
		if !stop() {
			<-done
		}
		conn.SetDeadline(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) { // the connection's clock may be ahead of the context's
			return fmt.Errorf("%w before the peer has answered", cmp.Or(ctx.Err(), context.DeadlineExceeded))
		}
		return err
	}
}
