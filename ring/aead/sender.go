package aead

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"annulus/ring"
)

// sessionMost is how many messages a session has at most.
const sessionMost = 1 << 32

// Sender seals what it sends. One goroutine at a time may use it. The producer is the
// caller's to close, where End is not called, and not to be used otherwise.
type Sender struct {
	p       *ring.Producer
	key     []byte
	salt    [sessionSize]byte
	session *session
	buf     []byte // what is sealed, in private memory: the ring's may be read back changed
	failed  error
}

// NewSender returns a Sender that sends through p under key, of KeySize bytes, which it copies.
func NewSender(p *ring.Producer, key []byte) (*Sender, error) {
	if err := suits(p.Config(), key); err != nil {
		return nil, err
	}
	s := &Sender{p: p, key: append([]byte(nil), key...)}
	return s, s.renew()
}

// renew begins a session.
func (s *Sender) renew() (err error) {
	rand.Read(s.salt[:])
	s.session, err = openSession(s.key, s.salt)
	return err
}

// Max returns the greatest length of a message; in a ring of slots it is the only one.
func (s *Sender) Max() int { return s.p.Config().MaxMessage - Overhead }

// TrySend seals and sends msg, or returns the errors of ring.Producer.TrySend. What got an error
// was not sent.
func (s *Sender) TrySend(msg []byte) error {
	return s.send(msg, 0, func(n int) ([]byte, error) { return s.p.TryReserve(n) })
}

// Send is TrySend that waits while the ring is full, with the errors of ring.Producer.Send.
func (s *Sender) Send(ctx context.Context, msg []byte) error {
	return s.send(msg, 0, func(n int) ([]byte, error) { return s.p.Reserve(ctx, n) })
}

// End seals the end of the stream, waiting for room, and closes the producer. In a ring of
// slots the end takes one.
func (s *Sender) End(ctx context.Context) error {
	var none []byte
	if c := s.p.Config(); c.Kind == ring.Slots {
		none = make([]byte, s.Max())
	}
	err := s.send(none, numberEnd, func(n int) ([]byte, error) { return s.p.Reserve(ctx, n) })
	if err != nil {
		return err
	}
	s.failed = fmt.Errorf("aead: the end was sent: %w", ring.ErrClosed)
	return s.p.Close()
}

// send seals only once there is room: a number that was used up, and not sent, would be missed.
func (s *Sender) send(msg []byte, flag uint64, reserve func(n int) ([]byte, error)) error {
	if s.failed != nil {
		return s.failed
	}
	if s.session.next == sessionMost {
		if err := s.renew(); err != nil {
			return s.fail(err)
		}
	}
	n := len(msg) + Overhead
	b, err := reserve(n)
	if err != nil {
		return err
	}
	number := s.session.next | flag
	s.session.next++ // whatever happens now
	head := binary.LittleEndian.AppendUint64(append(s.buf[:0], s.salt[:]...), number)
	s.buf = s.session.aead.Seal(head, s.session.nonceOf(number), msg, head)
	copy(b, s.buf)
	if err := s.p.Commit(n); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *Sender) fail(err error) error {
	s.failed = err
	return err
}
