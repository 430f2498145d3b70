package aead_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/aead"
)

func init() {
	roles["seal"] = func(args []string) error {
		key, err := hex.DecodeString(args[1])
		if err != nil {
			return err
		}
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		p, err := r.Producer()
		if err != nil {
			return err
		}
		s, err := aead.NewSender(p, key)
		if err != nil {
			return err
		}
		for i := uint64(0); ; i++ {
			if err := s.Send(context.Background(), binary.LittleEndian.AppendUint64(nil, i)); err != nil {
				return err
			}
			if i == 0 {
				fmt.Println("begun")
			}
		}
	}
}

// Senders that are killed at any moment, and their successors, never seal two messages
// under one key and nonce; what was sent is received, each session in order, and each is told to be cut.
func TestKilledSenders(t *testing.T) {
	name := testutil.ShmName()
	r, err := ring.Create(name, ring.Config{Capacity: 1 << 14})
	must(t, err)
	defer ring.Remove(name)
	defer r.Close()
	key := newKey()
	c, err := r.Consumer()
	must(t, err)
	type nonce struct {
		session string
		number  uint64
	}
	used := map[nonce]bool{}
	var all [][]byte
	take := func(b []byte) {
		n := nonce{string(b[:16]), binary.LittleEndian.Uint64(b[16:])}
		if used[n] {
			t.Errorf("number %d of session %x comes twice", n.number, n.session)
		}
		used[n] = true
		all = append(all, b)
	}
	const kills = 25
	for range kills {
		child := testutil.Child(t, "seal", name, hex.EncodeToString(key))
		child.SysProcAttr = testutil.DieWithParent()
		p := testutil.Start(t, child)
		p.Expect("begun")
		for range 1 + rand.IntN(500) {
			b, err := c.Recv(t.Context(), nil)
			must(t, err)
			take(b)
		}
		p.Kill()
		for {
			b, err := c.TryRecv(nil)
			if err != nil {
				break
			}
			take(b)
		}
	}
	// The same to somebody with the key.
	again, err := ring.New(ring.Config{Capacity: 1 << 22})
	must(t, err)
	defer again.Close()
	p, err := again.Producer()
	must(t, err)
	for _, b := range all {
		must(t, p.TrySend(b))
	}
	must(t, p.Close())
	q, err := again.Consumer()
	must(t, err)
	rcv, err := aead.NewReceiver(q, key)
	must(t, err)
	cuts, got, next := 0, 0, uint64(0)
	for {
		b, err := rcv.TryRecv(nil)
		switch {
		case err == io.EOF:
			if cuts != kills || got != len(all) {
				t.Errorf("%d messages and %d cuts, want %d and %d", got, cuts, len(all), kills)
			}
			return
		case errors.Is(err, aead.ErrCut):
			cuts, next = cuts+1, 0
			continue
		case err != nil:
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint64(b); n != next {
			t.Fatalf("%d, want %d", n, next)
		}
		got, next = got+1, next+1
	}
}
