package feed

import (
	"fmt"
	"io"
	"iter"
)

// FromChan returns the source of what comes through a Go channel, until it is closed.
// encode appends the message for v to dst and returns the extended slice. About its errors that wrap
// ring.ErrSize or ring.ErrTooLarge WithSkip is asked.
func FromChan[T any](ch <-chan T, encode func(dst []byte, v T) ([]byte, error)) Source {
	return &chanSource[T]{ch: ch, encode: encode, stopper: newStopper()}
}

// ToChan returns the sink that sends what decode makes of each message to a Go channel, and
// closes that when the pump ends. decode must not keep its argument, which lies in the
// ring. What is in the channel counts as taken. About errors of decode that wrap ring.ErrSize or
// ring.ErrTooLarge WithSkip is asked; others end the pump, and the next one meets the same message.
func ToChan[T any](ch chan<- T, decode func(msg []byte) (T, error)) Sink {
	return &chanSink[T]{ch: ch, decode: decode, stopper: newStopper()}
}

// FromSeq returns the source of the messages of an iterator. Each has to be valid until the next
// step. An iterator that waits cannot be stopped before its next step.
func FromSeq(seq iter.Seq[[]byte]) Source {
	next, stop := iter.Pull(seq)
	return &seqSource{next: next, stop: stop, stopper: newStopper()}
}

type chanSource[T any] struct {
	stopper
	ch     <-chan T
	encode func([]byte, T) ([]byte, error)
	buf    []byte
}

// Fill is Source.Fill.
func (s *chanSource[T]) Fill(in *Intake) error {
	if s.over() {
		return ErrStopped
	}
	select {
	case v, ok := <-s.ch:
		if !ok {
			return io.EOF
		}
		if err := s.put(in, v); err != nil {
			return err
		}
	case <-s.stopped:
		return ErrStopped
	}
	for range batchMessages {
		select {
		case v, ok := <-s.ch:
			if !ok {
				return nil // and again
			}
			if err := s.put(in, v); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (s *chanSource[T]) put(in *Intake, v T) (err error) {
	if s.buf, err = s.encode(s.buf[:0], v); err != nil {
		return in.Refuse(fmt.Errorf("feed: encode: %w", err))
	}
	return in.Put(s.buf)
}

// Close is Source.Close. The channel is its senders' to close.
func (s *chanSource[T]) Close() error { return nil }

type chanSink[T any] struct {
	stopper
	ch     chan<- T
	decode func([]byte) (T, error)
}

// Take is Sink.Take.
func (s *chanSink[T]) Take(msgs [][]byte) (int, error) {
	for i, m := range msgs {
		v, err := s.decode(m)
		if err != nil {
			return i, fmt.Errorf("feed: decode: %w", err)
		}
		if s.over() {
			return i, ErrStopped
		}
		select {
		case s.ch <- v:
		case <-s.stopped:
			return i, ErrStopped
		}
	}
	return len(msgs), nil
}

// Close is Sink.Close.
func (s *chanSink[T]) Close() error {
	close(s.ch)
	return nil
}

type seqSource struct {
	stopper
	next func() ([]byte, bool)
	stop func()
}

// Fill is Source.Fill.
func (s *seqSource) Fill(in *Intake) error {
	if s.over() {
		return ErrStopped
	}
	msg, ok := s.next()
	if !ok {
		return io.EOF
	}
	return in.Put(msg)
}

// Close is Source.Close.
func (s *seqSource) Close() error {
	s.stop()
	return nil
}
