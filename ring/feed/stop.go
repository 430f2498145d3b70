package feed

import (
	"errors"
	"os"
	"sync"
	"time"
)

// stopper is Stop: for those who wait in a select, and below it for those whose wait a deadline ends.
type stopper struct {
	stopped chan struct{}
	once    *sync.Once
}

func newStopper() stopper { return stopper{make(chan struct{}), new(sync.Once)} }

// Stop is Source.Stop and Sink.Stop.
func (s stopper) Stop() { s.once.Do(func() { close(s.stopped) }) }

func (s stopper) over() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// past is the deadline that Stop sets.
var past = time.Unix(1, 0)

// cause is err, or ErrStopped where err is the deadline that Stop has set.
func (s stopper) cause(err error) error {
	if s.over() && errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrStopped
	}
	return err
}
