package aead

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"annulus/ring"
)

const (
	// KeySize is the bytes of a key.
	KeySize = 32
	// Overhead is how much longer than its message a sealed one is.
	Overhead = headSize + tagSize

	sessionSize = 16
	headSize    = sessionSize + 8
	tagSize     = 16

	numberEnd = 1 << 63 // flag of the last message's number

	sessionInfo = "annulus aead v1 session"
)

// Errors of a Receiver, wrapped.
var (
	// ErrForged: what the ring carries was not sealed under this key, or was changed.
	ErrForged = errors.New("message forged, damaged, or sealed under another key")
	// ErrOrder: a message is missing, comes again, or comes too early.
	ErrOrder = errors.New("message missing, repeated or out of order")
	// ErrCut: a session is over and its end was never sealed: the Sender died or was closed
	// without End, or the rest was cut off.
	ErrCut = errors.New("stream ends without its end")
)

// session is what is shared under one session key.
type session struct {
	aead cipher.AEAD
	next uint64 // number of the next message
	over bool   // its end has come

	nonce [12]byte // of the message at hand: what a call through an interface is given is on the heap
}

// openSession derives the key of a session.
func openSession(key []byte, salt [sessionSize]byte) (*session, error) {
	k, err := hkdf.Key(sha256.New, key, salt[:], sessionInfo, KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &session{aead: gcm}, nil
}

// nonceOf is the nonce of a number, until the next call.
func (s *session) nonceOf(number uint64) []byte {
	binary.LittleEndian.PutUint64(s.nonce[:], number)
	return s.nonce[:]
}

// suits says why a ring or a key will not do.
func suits(c ring.Config, key []byte) error {
	switch {
	case len(key) != KeySize:
		return fmt.Errorf("aead: a key of %d bytes, want %d: %w", len(key), KeySize, errors.ErrUnsupported)
	case c.Topology != ring.SPSC:
		return fmt.Errorf("aead: a ring of topology %v, want SPSC: %w", c.Topology, errors.ErrUnsupported)
	case c.MaxMessage < Overhead:
		return fmt.Errorf("aead: a ring of messages of at most %d bytes, a sealed one has %d at least: %w", c.MaxMessage, Overhead, errors.ErrUnsupported)
	}
	return nil
}
