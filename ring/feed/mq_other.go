//go:build !linux

package feed

import (
	"errors"
	"fmt"
)

// mq completes the type; there is none here.
type mq struct {
	MessageQueue
	size int
}

// Remove unlinks the queue.
func (q MessageQueue) Remove() error { return q.unsupported() }

func (q *MessageQueue) unsupported() error {
	return fmt.Errorf("feed: %v: only Linux has them here: %w", q, errors.ErrUnsupported)
}

func (q MessageQueue) open(int) (*mq, error) { return nil, q.unsupported() }

func (*mq) receive([]byte, bool) (int, uint32, error) { return 0, 0, errors.ErrUnsupported }
func (*mq) send([]byte, uint32, bool) error           { return errors.ErrUnsupported }

// Stop is Source.Stop and Sink.Stop.
func (*mq) Stop() {}

// Close is Source.Close and Sink.Close.
func (*mq) Close() error { return nil }
