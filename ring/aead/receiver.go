package aead

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"annulus/ring"
)

// Receiver opens what Senders have sealed, one after the other. One goroutine at a time may use
// it. The consumer is the caller's to close, and not to be used otherwise.
type Receiver struct {
	c       *ring.Consumer
	key     []byte
	resume  bool
	salt    [sessionSize]byte
	session *session                       // the one at hand; nil: none came yet
	seen    map[[sessionSize]byte]struct{} // all that were authentic: none comes again
	told    bool                           // ErrCut was returned for the one at hand
	buf     []byte                         // what was received
	held    []byte                         // a message that came behind an ErrCut, if there is one
	failed  error
}

// ReceiverOption is a choice of one Receiver.
type ReceiverOption func(*Receiver)

// Resume lets the first session begin anywhere: for the successor of a receiver that is gone,
// which cannot tell what that one received from what was cut off.
func Resume() ReceiverOption { return func(r *Receiver) { r.resume = true } }

// NewReceiver returns a Receiver that receives from c under key, of KeySize bytes, which it copies.
// A session that is over, or that another has followed, is refused as long as
// the Receiver lives. That a later one is not shown old sessions only
// keys that are not used again can ensure, as those of Exchange.
func NewReceiver(c *ring.Consumer, key []byte, opts ...ReceiverOption) (*Receiver, error) {
	if err := suits(c.Config(), key); err != nil {
		return nil, err
	}
	r := &Receiver{c: c, key: append([]byte(nil), key...), seen: map[[sessionSize]byte]struct{}{}}
	for _, o := range opts {
		o(r)
	}
	return r, nil
}

// TryRecv appends the next message to dst, or returns the errors of ring.Consumer.TryRecv. ErrForged and
// ErrOrder end the Receiver. ErrCut comes once for each session without an end, be it that its Sender died;
// the next call goes on behind it. io.EOF says that the end was sealed, or that ErrCut was returned.
func (r *Receiver) TryRecv(dst []byte) ([]byte, error) {
	return r.recv(dst, r.c.TryRecv)
}

// Recv is TryRecv that waits while the ring is empty, with the errors of ring.Consumer.Recv.
func (r *Receiver) Recv(ctx context.Context, dst []byte) ([]byte, error) {
	return r.recv(dst, func(b []byte) ([]byte, error) { return r.c.Recv(ctx, b) })
}

func (r *Receiver) recv(dst []byte, next func([]byte) ([]byte, error)) ([]byte, error) {
	for {
		if r.failed != nil {
			return dst, r.failed
		}
		b := r.held
		if r.held = nil; b == nil {
			var err error
			b, err = next(r.buf[:0])
			if err == io.EOF && !r.told && (r.session == nil || !r.session.over) {
				r.told = true
				return dst, fmt.Errorf("aead: %w: the producer has closed", ErrCut)
			}
			if err != nil {
				return dst, err
			}
			r.buf = b
		}
		out, message, err := r.open(dst, b)
		if err != nil || message {
			return out, err
		}
	}
}

// open opens b, which lies in private memory. What is no message is the end of a session.
func (r *Receiver) open(dst, b []byte) (out []byte, message bool, err error) {
	if len(b) < Overhead {
		return dst, false, r.fail(ErrForged, "%d bytes, a sealed message has %d at least", len(b), Overhead)
	}
	salt, number := [sessionSize]byte(b), binary.LittleEndian.Uint64(b[sessionSize:])
	s := r.session
	follows := s == nil || salt != r.salt
	if follows {
		if _, again := r.seen[salt]; again {
			return dst, false, r.fail(ErrOrder, "session %x comes again", salt)
		}
		if s, err = openSession(r.key, salt); err != nil {
			return dst, false, r.fail(err, "session %x", salt)
		}
	}
	out, err = s.aead.Open(dst, s.nonceOf(number), b[headSize:], b[:headSize])
	if err != nil {
		return dst, false, r.fail(ErrForged, "number %d of session %x", number&^numberEnd, salt)
	}
	end := number&numberEnd != 0
	number &^= numberEnd
	if anywhere := r.resume && r.session == nil; s.over || number != s.next && !anywhere {
		return dst, false, r.fail(ErrOrder, "number %d of session %x, expected %d", number, salt, s.next)
	}
	if follows && r.session != nil && !r.session.over && !r.told {
		r.told, r.held = true, b // opened once more by the next call
		return dst, false, fmt.Errorf("aead: %w: session %x has followed session %x", ErrCut, salt, r.salt)
	}
	if follows {
		r.salt, r.session, r.told = salt, s, false
		r.seen[salt] = struct{}{} // not before it is found authentic: nobody else can make it grow
	}
	s.next = number + 1
	s.over = end || s.next == sessionMost
	if end {
		return dst, false, nil
	}
	return out, true, nil
}

func (r *Receiver) fail(err error, format string, args ...any) error {
	r.failed = fmt.Errorf("aead: %w: %s", err, fmt.Sprintf(format, args...))
	return r.failed
}
