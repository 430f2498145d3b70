//go:build !linux

package futex

import (
	"os"
	"sync/atomic"
	"time"
)

// A poll's naps grow from minNap to maxNap.
const (
	minNap = 50 * time.Microsecond
	maxNap = time.Millisecond
)

// wait polls; there is no P to hold while it naps.
func wait(addr *atomic.Uint32, val uint32, _ time.Duration, deadline time.Time) (calls int, err error) {
	calls, _, err = poll([]Waiter{{addr, val}}, deadline)
	return calls, err
}

// wake has nobody to wake: sleepers poll.
func wake(*atomic.Uint32, int) (int, error) { return 0, nil }

func waitAny(ws []Waiter, deadline time.Time) (int, error) {
	_, i, err := poll(ws, deadline)
	return i, err
}

// poll naps until a word has changed, and returns how often and which.
func poll(ws []Waiter, deadline time.Time) (naps, changed int, err error) {
	for nap := minNap; ; nap = min(2*nap, maxNap) {
		if !deadline.IsZero() {
			rest, ok := remaining(deadline)
			if !ok {
				return naps, -1, os.ErrDeadlineExceeded
			}
			nap = min(nap, rest)
		}
		for i, w := range ws {
			if w.Addr.Load() == w.Val {
				continue
			}
			if naps == 0 {
				return naps, -1, ErrChanged
			}
			return naps, i, nil
		}
		time.Sleep(nap)
		naps++
	}
}
