package aead_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"annulus/internal/race"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/aead"
)

var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, nil) }

var must = testutil.Must

func newKey() []byte {
	key := make([]byte, aead.KeySize)
	rand.Read(key)
	return key
}

// pair is a ring with a sender and a receiver under one key.
func pair(t testing.TB, c ring.Config, opts ...aead.ReceiverOption) (*ring.Ring, *aead.Sender, *aead.Receiver) {
	t.Helper()
	r, err := ring.New(c)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	key := newKey()
	p, err := r.Producer()
	must(t, err)
	s, err := aead.NewSender(p, key)
	must(t, err)
	q, err := r.Consumer()
	must(t, err)
	rcv, err := aead.NewReceiver(q, key, opts...)
	must(t, err)
	return r, s, rcv
}

func text(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n%300) }

// What is sealed is opened, to its end, in records and in slots.
func TestSealed(t *testing.T) {
	_, s, r := pair(t, ring.Config{Capacity: 4096})
	var wg sync.WaitGroup
	const n = 3000
	wg.Go(func() {
		for i := range n {
			if err := s.Send(t.Context(), text(i)); err != nil {
				t.Error(err)
			}
		}
		if err := s.End(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for i := range n {
		b, err := r.Recv(t.Context(), []byte("before"))
		must(t, err)
		if want := append([]byte("before"), text(i)...); !bytes.Equal(b, want) {
			t.Fatalf("%q, want %q", b, want)
		}
	}
	wg.Wait()
	for range 2 {
		if b, err := r.Recv(t.Context(), nil); err != io.EOF || b != nil {
			t.Fatalf("%q and %v, want io.EOF", b, err)
		}
	}
	if err := s.TrySend(nil); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	_, s, r = pair(t, ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 8 + aead.Overhead})
	must(t, s.TrySend([]byte("8 bytes.")))
	if err := s.TrySend([]byte("7 bytes")); !errors.Is(err, ring.ErrSize) {
		t.Errorf("%v, want ErrSize", err)
	}
	must(t, s.End(t.Context()))
	b, err := r.TryRecv(nil)
	must(t, err)
	if string(b) != "8 bytes." {
		t.Errorf("%q", b)
	}
	if _, err := r.TryRecv(nil); err != io.EOF {
		t.Errorf("%v, want io.EOF", err)
	}
}

// A message that did not get into the ring uses no number up: nothing is missed behind it.
func TestFullIsNoGap(t *testing.T) {
	_, s, r := pair(t, ring.Config{Capacity: 4096})
	sent := 0
	for round := range 20 {
		for {
			err := s.TrySend(text(200))
			if err == ring.ErrFull {
				break
			}
			must(t, err)
			sent++
		}
		if err := s.TrySend(make([]byte, s.Max()+1)); !errors.Is(err, ring.ErrTooLarge) {
			t.Fatalf("%v, want ErrTooLarge", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Send(ctx, text(200)); err != context.Canceled {
			t.Fatalf("round %d: %v, want context.Canceled", round, err)
		}
		for {
			if _, err := r.TryRecv(nil); err == ring.ErrEmpty {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			sent--
		}
	}
	if sent != 0 {
		t.Errorf("%d messages are missing", sent)
	}
}

// raw is what a ring carries, received by somebody without the key.
func raw(t *testing.T, send func(*aead.Sender), key []byte) (all [][]byte) {
	t.Helper()
	r, err := ring.New(ring.Config{Capacity: 1 << 16})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	s, err := aead.NewSender(p, key)
	must(t, err)
	send(s)
	c, err := r.Consumer()
	must(t, err)
	for {
		b, err := c.TryRecv(nil)
		if err != nil {
			return all
		}
		all = append(all, b)
	}
}

// played is what a receiver says of a sequence of what a ring carries.
func played(t *testing.T, key []byte, msgs [][]byte, opts ...aead.ReceiverOption) (got []string, err error) {
	t.Helper()
	r, err := ring.New(ring.Config{Capacity: 1 << 16})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	for _, m := range msgs {
		must(t, p.TrySend(m))
	}
	must(t, p.Close())
	c, err := r.Consumer()
	must(t, err)
	rcv, err := aead.NewReceiver(c, key, opts...)
	must(t, err)
	for {
		b, err := rcv.TryRecv(nil)
		if err != nil {
			_, again := rcv.TryRecv(nil)
			if !errors.Is(err, aead.ErrCut) && again != err {
				t.Errorf("%v, and then %v", err, again)
			}
			return got, err
		}
		got = append(got, string(b))
	}
}

// Whatever somebody without the key does to what the ring carries is noticed.
func TestAdversary(t *testing.T) {
	key := newKey()
	three := func(s *aead.Sender) {
		for _, m := range []string{"one", "two", "three"} {
			must(t, s.TrySend([]byte(m)))
		}
		must(t, s.End(t.Context()))
	}
	a, b := raw(t, three, key), raw(t, three, key)
	if len(a) != 4 {
		t.Fatalf("%d messages", len(a))
	}
	for name, c := range map[string]struct {
		msgs [][]byte
		got  int
		want error
	}{
		"nothing":                  {a, 3, io.EOF},
		"two sessions":             {cat(a, b), 6, io.EOF},
		"first missing":            {a[1:], 0, aead.ErrOrder},
		"one missing":              {cat(a[:1], a[2:]), 1, aead.ErrOrder},
		"repeated":                 {cat(a[:2], a[1:]), 2, aead.ErrOrder},
		"reordered":                {cat(a[:1], a[2:3], a[1:2], a[3:]), 1, aead.ErrOrder},
		"the end cut off":          {a[:3], 3, aead.ErrCut},
		"all cut off":              {nil, 0, aead.ErrCut},
		"cut off between":          {cat(a[:2], b), 2, aead.ErrCut},
		"after the end":            {cat(a, a[1:2]), 3, aead.ErrOrder},
		"an old session":           {cat(a, b, a), 6, aead.ErrOrder},
		"the end too early":        {cat(a[:1], a[3:]), 1, aead.ErrOrder},
		"of another session":       {cat(a[:1], b[1:2], a[2:]), 1, aead.ErrOrder},
		"too short":                {cat(a[:1], [][]byte{[]byte("x")}), 1, aead.ErrForged},
		"nonsense":                 {cat(a[:1], [][]byte{make([]byte, 100)}), 1, aead.ErrForged},
		"another's head":           {cat(a[:1], [][]byte{append(append([]byte(nil), b[1][:24]...), a[1][24:]...)}), 1, aead.ErrForged},
		"a number that runs ahead": {cat(a[:1], [][]byte{change(a[1], 16, 1)}), 1, aead.ErrForged},
	} {
		if got, err := played(t, key, c.msgs); len(got) != c.got || !errors.Is(err, c.want) {
			t.Errorf("%s: %q and %v, want %d messages and %v", name, got, err, c.got, c.want)
		}
	}
	for i := range a[1] { // each bit counts
		if got, err := played(t, key, cat(a[:1], [][]byte{change(a[1], i, 0x80)}, a[2:])); len(got) != 1 || !errors.Is(err, aead.ErrForged) {
			t.Errorf("byte %d changed: %q, %v", i, got, err)
		}
	}
	if got, err := played(t, newKey(), a); len(got) != 0 || !errors.Is(err, aead.ErrForged) {
		t.Errorf("under another key: %q, %v", got, err)
	}
	if got, err := played(t, key, cat(a[1:], b), aead.Resume()); len(got) != 5 || err != io.EOF {
		t.Errorf("resumed: %q, %v", got, err)
	}
	if got, err := played(t, key, cat(a[1:], b[1:]), aead.Resume()); len(got) != 2 || !errors.Is(err, aead.ErrOrder) {
		t.Errorf("resumed twice: %q, %v", got, err)
	}
}

func cat(parts ...[][]byte) (all [][]byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func change(b []byte, i int, bits byte) []byte {
	b = append([]byte(nil), b...)
	b[i] ^= bits
	return b
}

// The parties of an exchange have the same key, which nobody else has.
func TestExchange(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		a, b := sockets(t)
		keys := make(chan []byte, 2)
		for i, c := range []net.Conn{a, b} {
			go func() {
				defer c.Close()
				key, err := aead.Exchange(t.Context(), c, i == 0)
				if err != nil {
					t.Error(err)
				}
				keys <- key
			}()
		}
		k, l := <-keys, <-keys
		if len(k) != aead.KeySize || !bytes.Equal(k, l) || seen[string(k)] {
			t.Errorf("%x and %x", k, l)
		}
		seen[string(k)] = true
	}
}

// sockets returns two connected Unix sockets.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		ends[i], err = net.FileConn(f)
		f.Close()
		must(t, err)
		t.Cleanup(func() { ends[i].Close() })
	}
	return ends[0], ends[1]
}

// What is no key is refused; who does not answer is not waited for.
func TestExchangeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(c net.Conn)
		want error
	}{
		"closed":    {func(c net.Conn) { c.Close() }, aead.ErrExchange},
		"low order": {func(c net.Conn) { c.Write(make([]byte, 32)) }, aead.ErrExchange},
		"silent":    {func(c net.Conn) {}, context.DeadlineExceeded},
		"its own":   {func(c net.Conn) { io.CopyN(c, c, 32) }, aead.ErrExchange},
	} {
		a, b := sockets(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		go c.do(b) // ends with the socket, at the latest
		if _, err := aead.Exchange(ctx, a, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		cancel()
	}
}

func TestUnsuitable(t *testing.T) {
	for _, c := range []struct {
		config ring.Config
		key    []byte
		want   string
	}{
		{ring.Config{}, make([]byte, 16), "a key of 16 bytes, want 32"},
		{ring.Config{Topology: ring.MPSC}, newKey(), "want SPSC"},
		{ring.Config{Kind: ring.Slots, SlotSize: 8, Capacity: 4}, newKey(), "at least"},
	} {
		r, err := ring.New(c.config)
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		q, err := r.Consumer()
		must(t, err)
		_, serr := aead.NewSender(p, c.key)
		_, rerr := aead.NewReceiver(q, c.key)
		for _, err := range []error{serr, rerr} {
			if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		}
		must(t, r.Close())
	}
}

// FuzzReceiver gives a receiver whatever a ring may carry.
func FuzzReceiver(f *testing.F) {
	key := bytes.Repeat([]byte{7}, aead.KeySize)
	f.Add([]byte{}, []byte("x"))
	f.Add(make([]byte, aead.Overhead), make([]byte, 100))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 4000 || len(b) > 4000 {
			return
		}
		if got, err := played(t, key, [][]byte{a, b}); len(got) > 0 || !errors.Is(err, aead.ErrForged) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A message that is sealed and opened costs no memory.
func TestNoAllocations(t *testing.T) {
	_, s, r := pair(t, ring.Config{})
	msg, out := make([]byte, 100), make([]byte, 0, 100)
	got := testing.AllocsPerRun(1000, func() {
		must(t, s.TrySend(msg))
		var err error
		out, err = r.TryRecv(out[:0])
		must(t, err)
	})
	if got != 0 && !race.Enabled {
		t.Errorf("%v allocations for a message, want none", got)
	}
}
