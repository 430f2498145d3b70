package feed

import (
	"crypto/tls"
	"fmt"
	"io"
	"time"

	"annulus/ring"
)

// readBytes is what is read from a stream at once: as much as a pipe holds at most, by
// default, four times over.
const readBytes = 256 << 10

// framingMax is more than a framing of unknown size puts around a message.
const framingMax = 64

// Reader returns the source of the messages in r, which it closes if it is an io.Closer.
// Stop can end a read that waits if r has a SetReadDeadline, as connections and pipes
// have; other readers are left when their read returns.
func Reader(r io.Reader, f Framing) Source { return &stream{stopper: newStopper(), r: r, framing: f} }

// stream cuts a stream into messages. A message of known length that has not come yet
// as a whole is read straight into the ring, the others are copied there from what one
// read has brought.
type stream struct {
	stopper
	r       io.Reader
	framing Framing

	buf        []byte // buf[start:end] is read and not cut
	start, end int
	seen       int  // bytes from start that Cut has seen
	drop       int  // bytes that are passed over yet
	dropping   bool // the message that is being cut is passed over
	eof        bool
	number     uint64 // of messages cut
}

// Stop is Source.Stop.
func (s *stream) Stop() {
	s.stopper.Stop()
	if d, ok := s.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = d.SetReadDeadline(past) // where it has none, Stop does not promise it
	}
}

// Close is Source.Close.
func (s *stream) Close() error {
	err := closeStream(s.r)
	if _, ok := s.r.(*tls.Conn); ok {
		return nil // it could not say goodbye
	}
	return err
}

// Fill is Source.Fill.
func (s *stream) Fill(in *Intake) error {
	if r, ok := s.framing.(raw); ok {
		r = min(r, raw(in.Max()))
		if s.framing = r; s.start == s.end {
			return s.fillRaw(in, int(r))
		}
	}
	for {
		n, err := s.cut(in)
		if n > 0 || err != nil {
			return err
		}
		if s.eof {
			return io.EOF
		}
		if err := s.more(); err != nil && err != io.EOF {
			return err
		}
	}
}

// cut puts the messages that buf holds into the ring and returns how many.
func (s *stream) cut(in *Intake) (n int, err error) {
	for s.start < s.end {
		if k := min(s.drop, s.end-s.start); k > 0 {
			s.drop, s.start = s.drop-k, s.start+k
			continue
		}
		b := s.buf[s.start:s.end]
		c, err := s.framing.Cut(b, s.seen, s.eof)
		switch {
		case err != nil:
			return n, s.wrong(s.number+1, 0, err)
		case c.Size > len(b) || c.Size == 0:
			s.seen = len(b)
			switch {
			case s.eof: // nothing but what the framing skips
				s.start = s.end
			case c.Size > 0 && c.End-c.Start > in.Max():
				if err := s.tooLong(in, c.End-c.Start, false); err != nil {
					return n, err
				}
				s.number, s.drop, s.seen = s.number+1, c.Size, 0
				continue
			case c.Size == 0 && len(b) > in.Max()+framingMax && !s.dropping:
				if err := s.tooLong(in, len(b), true); err != nil {
					return n, s.measure(err)
				}
				s.dropping = true
			case n == 0 && c.Size > 0:
				return s.rest(in, c)
			}
			if s.dropping {
				s.start, s.seen = s.end, 0
			}
			return n, nil
		}
		s.number++
		if !s.dropping {
			if err := s.put(in, b[c.Start:c.End]); err != nil {
				return n, err
			}
			n++
		}
		s.start, s.seen, s.dropping = s.start+c.Size, 0, false
	}
	s.start, s.end = 0, 0
	return n, nil
}

// put is Intake.Put, whose errors name the message.
func (s *stream) put(in *Intake, msg []byte) error {
	b, err := in.reserve(len(msg), true)
	if err != nil {
		return in.Refuse(s.wrong(s.number, len(msg), err))
	}
	copy(b, msg)
	if err := in.Stage(len(msg)); err != nil {
		return s.wrong(s.number, len(msg), err)
	}
	return nil
}

// more reads once, behind what buf holds.
func (s *stream) more() error {
	if s.over() {
		return ErrStopped
	}
	if s.start > 0 && len(s.buf)-s.end < len(s.buf)/2 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buf) {
		s.grow(max(readBytes, 2*len(s.buf)))
	}
	n, err := s.read(s.buf[s.end:])
	s.end += n
	return err
}

// read is one Read, whose errors it sorts.
func (s *stream) read(b []byte) (int, error) {
	for {
		n, err := s.r.Read(b)
		switch {
		case n > 0:
			return n, nil // an error comes again
		case err == io.EOF:
			s.eof = true
			return 0, io.EOF
		case err != nil && s.cause(err) == ErrStopped:
			return 0, ErrStopped
		case err != nil:
			return 0, fmt.Errorf("feed: read: %w", err)
		}
	}
}

// rest reads what is missing of the message c, whose beginning is all that buf holds,
// into the ring, or where that would keep others waiting, makes room for it in buf.
func (s *stream) rest(in *Intake, c Cut) (n int, err error) {
	size := c.End - c.Start
	have := s.buf[s.start:s.end]
	if !in.Direct() || c.Size < readBytes/4 || len(have) < c.Start || c.End != c.Size {
		if s.start+c.Size > len(s.buf) {
			s.end, s.start = copy(s.buf, have), 0
			s.grow(c.Size)
		}
		return 0, nil
	}
	s.number++
	b, err := in.Room(size)
	if err != nil {
		return 0, s.wrong(s.number, size, err)
	}
	k := copy(b, have[c.Start:])
	for k < size && err == nil {
		var m int
		if s.over() {
			err = ErrStopped
			break
		}
		m, err = s.read(b[k:])
		k += m
	}
	if err != nil {
		in.Drop()
		if err == io.EOF {
			err = s.wrong(s.number, 0, cutOff(have, true, "in a message: expected %d bytes, found %d", size, k))
		}
		return 0, err
	}
	s.start, s.end, s.seen = 0, 0, 0
	return 1, in.Stage(size)
}

// grow makes buf n bytes long, if it is shorter.
func (s *stream) grow(n int) {
	if n > len(s.buf) {
		s.buf = append(s.buf, make([]byte, n-len(s.buf))...)
	}
}

// fillRaw sends what one read returns.
func (s *stream) fillRaw(in *Intake, n int) error {
	if s.over() {
		return ErrStopped
	}
	if !in.Direct() {
		return s.fillRead(in)
	}
	b, err := in.TryRoom(n)
	if err == ring.ErrFull {
		return s.fillRead(in) // the end of the stream needs no room
	}
	if err != nil {
		return err
	}
	if n, err = s.read(b); err != nil {
		in.Drop()
		return err
	}
	return in.Stage(n)
}

// fillRead sends what one read returns, by way of buf.
func (s *stream) fillRead(in *Intake) error {
	if err := s.more(); err != nil {
		return err
	}
	_, err := s.cut(in)
	return err
}
