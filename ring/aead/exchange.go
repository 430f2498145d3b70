package aead

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"

	"annulus/internal/within"
)

// exchangeInfo begins what the keys of an exchange are bound to.
const exchangeInfo = "annulus aead v1 exchange"

// ErrExchange, wrapped: the peer has sent no usable key.
var ErrExchange = errors.New("key exchange failed")

// Exchange agrees with the process at the other end of conn, which calls it too, on a key
// that nobody else knows and that was never used: X25519 with a new key pair on both sides. One of the
// two must be first. Who the peer is, it does not tell: the socket does (ring.Cred), as long as nobody sits
// in between. Nobody else may use conn until it has returned, and its deadlines are cleared then.
func Exchange(ctx context.Context, conn net.Conn, first bool) (key []byte, err error) {
	mine, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	restore := within.Bind(ctx, conn)
	defer func() {
		if err = restore(err); err != nil {
			key, err = nil, fmt.Errorf("aead: %w", err)
		}
	}()
	theirs := make([]byte, len(mine.PublicKey().Bytes()))
	write := func() (err error) { _, err = conn.Write(mine.PublicKey().Bytes()); return err }
	read := func() (err error) { _, err = io.ReadFull(conn, theirs); return err }
	order := []func() error{read, write}
	if first { // conn may hold nothing back
		order = []func() error{write, read}
	}
	for _, step := range order {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrExchange, err)
		}
	}
	public, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExchange, err)
	}
	a, b := mine.PublicKey().Bytes(), theirs
	if bytes.Equal(a, b) {
		return nil, fmt.Errorf("%w: the peer has sent this side's own key", ErrExchange)
	}
	if !first {
		a, b = b, a
	}
	secret, err := mine.ECDH(public) // refuses points of low order
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExchange, err)
	}
	return hkdf.Key(sha256.New, secret, nil, exchangeInfo+string(a)+string(b), KeySize)
}
