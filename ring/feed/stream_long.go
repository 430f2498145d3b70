package feed

import (
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"annulus/ring"
)

// tooLong decides on a message that the ring cannot take; nil: it is to be passed over.
func (s *stream) tooLong(in *Intake, size int, atLeast bool) error {
	more := ""
	if atLeast {
		more = "more than "
	}
	return in.Refuse(fmt.Errorf("feed: %w", &MessageError{Number: s.number + 1, Size: size, AtLeast: atLeast,
		Err: fmt.Errorf("%w: it has %s%d bytes, ring %q takes at most %d; make its capacity greater, if the framing is %v", ring.ErrTooLarge, more, size, in.p.Ring().Name(), in.Max(), s.framing)}))
}

// How far, and how long, what is known to be too long is read on.
const (
	measureBytes = math.MaxInt32
	measureTime  = 100 * time.Millisecond
)

// measure completes the error for a message whose end has not been seen: how long it is tells
// what would take it. It reads on, but not for ever, and not waiting for more to come. A
// connection is not heard any longer.
func (s *stream) measure(err error) error {
	if _, ok := s.r.(net.Conn); ok {
		return err
	}
	var m *MessageError
	d, ok := s.r.(interface{ SetReadDeadline(time.Time) error })
	if !errors.As(err, &m) || !ok || d.SetReadDeadline(time.Now().Add(measureTime)) != nil {
		return err
	}
	for size := m.Size; size < measureBytes && !s.over(); {
		s.start, s.end = 0, 0
		rerr := s.more()
		b := s.buf[:s.end]
		c, cerr := s.framing.Cut(b, 0, s.eof)
		switch {
		case cerr != nil:
			return err
		case s.eof && len(b) == 0, c.Size > 0 && c.Size <= len(b):
			m.Size, m.AtLeast = size+c.End, false
			m.Err = fmt.Errorf("%w: it has %d bytes", ring.ErrTooLarge, m.Size)
			return err
		case rerr != nil:
			return err
		}
		size += len(b)
	}
	return err
}

// wrong says which message err is about, and how long that is, if that is known.
func (s *stream) wrong(number uint64, size int, err error) error {
	return fmt.Errorf("feed: %w", &MessageError{Number: number, Size: size, Err: err})
}
