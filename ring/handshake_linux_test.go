package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/shm"
)

// What a handshake says, written by hand as docs/spec/layout-v1.md has it.
const (
	sayOffer  = 1
	sayAccept = 2
	sayReady  = 3
	sayRefuse = 4
)

func hello(what, role uint32) []byte {
	b := binary.LittleEndian.AppendUint64(nil, 0x1A5245_45504E4E41)
	for _, w := range []uint32{1, what, role, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// part makes the memory of a role, spoilt by spoil before it is sealed.
func part(t testing.TB, role uint32, shape layout.Shape, spoil func(b []byte)) *os.File {
	t.Helper()
	g, err := layout.Compute(shape)
	must(t, err)
	r, err := shm.Sealed("annulus-test", int(g.PartSize(role)), shm.WithInit(func(b []byte) error {
		layout.FormatPart(b, g, layout.Identity{}, role)
		if spoil != nil {
			spoil(b)
		}
		return nil
	}))
	must(t, err)
	f, err := r.Copy()
	must(t, err)
	must(t, r.Close())
	t.Cleanup(func() { f.Close() })
	return f
}

var small = layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: 4096, Stride: 128}

// unsealed is a memfd that looks like a part of a ring, and lacks seals.
func unsealed(t testing.TB, f *os.File, seals int) *os.File {
	t.Helper()
	info, err := f.Stat()
	must(t, err)
	b := make([]byte, info.Size())
	_, err = f.ReadAt(b, 0)
	must(t, err)
	fd, err := unix.MemfdCreate("annulus-test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	must(t, err)
	out := os.NewFile(uintptr(fd), "memfd")
	t.Cleanup(func() { out.Close() })
	_, err = out.Write(b)
	must(t, err)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	must(t, err)
	return out
}

func rechecked(change func(h *layout.Header)) func(b []byte) {
	return func(b []byte) {
		h := layout.HeaderAt(b)
		change(h)
		h.Checksum = layout.Checksum(b[:layout.HeaderSize])
	}
}

// What comes from a peer that does not keep to the handshake is refused, in one line
// and in time; nothing is left.
func TestHostileOffers(t *testing.T) {
	good := part(t, layout.RoleProducer, small, nil)
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	say := func(b []byte, files ...*os.File) func(*testing.T, *net.UnixConn) {
		return func(t *testing.T, c *net.UnixConn) {
			if _, err := c.Write(b); err != nil {
				t.Error(err)
			}
			if len(files) > 0 {
				if err := shm.SendFiles(c, files...); err != nil {
					t.Error(err)
				}
			}
		}
	}
	offer := hello(sayOffer, layout.RoleProducer)
	other := func(at int, v byte) []byte { b := append([]byte(nil), offer...); b[at] = v; return b }
	all := unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	for name, c := range map[string]struct {
		do   func(*testing.T, *net.UnixConn)
		want error
		text string
	}{
		"closes at once":       {func(t *testing.T, c *net.UnixConn) { c.Close() }, ring.ErrHandshake, "closed the socket"},
		"closes in between":    {func(t *testing.T, c *net.UnixConn) { c.Write(offer[:10]); c.Close() }, ring.ErrHandshake, "closed the socket"},
		"is silent":            {func(t *testing.T, c *net.UnixConn) {}, context.DeadlineExceeded, "before the peer has answered"},
		"stops in between":     {func(t *testing.T, c *net.UnixConn) { c.Write(offer[:10]) }, context.DeadlineExceeded, "before"},
		"no memory":            {say(offer), context.DeadlineExceeded, "before"},
		"never ready":          {say(offer, good), context.DeadlineExceeded, "before"},
		"another protocol":     {say([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")), ring.ErrHandshake, "begins with"},
		"another version":      {say(other(8, 2)), ring.ErrHandshake, "version 2"},
		"accepts too":          {say(hello(sayAccept, layout.RoleProducer)), ring.ErrHandshake, "one side calls Offer"},
		"refuses":              {say(hello(sayRefuse, 0)), ring.ErrRefused, "refused"},
		"the same role":        {say(hello(sayOffer, layout.RoleConsumer)), ring.ErrMismatch, "one side is the producer"},
		"no role":              {say(hello(sayOffer, 77)), ring.ErrMismatch, "one side is the producer"},
		"two memories":         {say(offer, good, good), ring.ErrHandshake, "more than the 1 file"},
		"a device":             {say(offer, null), shm.ErrSeals, "no memfd"},
		"no seals":             {say(offer, unsealed(t, good, 0)), shm.ErrSeals, "seals"},
		"can be written":       {say(offer, unsealed(t, good, all&^unix.F_SEAL_FUTURE_WRITE)), shm.ErrSeals, "seals"},
		"can shrink":           {say(offer, unsealed(t, good, all&^unix.F_SEAL_SHRINK)), shm.ErrSeals, "seals"},
		"sealed":               {say(append(offer, hello(sayRefuse, layout.RoleProducer)...), unsealed(t, good, all)), ring.ErrHandshake, ""},
		"the other's memory":   {say(offer, part(t, layout.RoleConsumer, small, nil)), ring.ErrShort, "bytes"},
		"no header":            {say(offer, part(t, layout.RoleProducer, small, func(b []byte) { clear(b) })), ring.ErrNotReady, ""},
		"a damaged header":     {say(offer, part(t, layout.RoleProducer, small, func(b []byte) { b[60]++ })), ring.ErrChecksum, ""},
		"a great capacity":     {say(offer, part(t, layout.RoleProducer, small, rechecked(func(h *layout.Header) { h.Capacity = 1 << 40 }))), ring.ErrGeometry, ""},
		"more than there is":   {say(offer, part(t, layout.RoleProducer, small, rechecked(lie))), ring.ErrShort, ""},
		"a table":              {say(offer, part(t, layout.RoleProducer, small, rechecked(func(h *layout.Header) { h.EndpointCount = 4 }))), ring.ErrGeometry, ""},
		"a feature":            {say(offer, part(t, layout.RoleProducer, small, rechecked(func(h *layout.Header) { h.Required |= 1 }))), ring.ErrFeature, ""},
		"another capacity":     {say(offer, part(t, layout.RoleProducer, bigger(8192), nil)), ring.ErrMismatch, "capacity is 8192, want 4096"},
		"more than is allowed": {say(offer, part(t, layout.RoleProducer, bigger(1<<20), nil)), shm.ErrSize, "expected from"},
	} {
		for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_SEQPACKET} {
			if kind == unix.SOCK_SEQPACKET && (name == "sealed" || strings.HasSuffix(name, "in between")) {
				continue // what is said comes in pieces
			}
			t.Run(name, func(t *testing.T) {
				a, b := sockets(t, kind)
				before := testutil.OpenFDs()
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				if c.want != context.DeadlineExceeded {
					ctx = t.Context()
				}
				c.do(t, b)
				r, err := ring.Accept(ctx, a, ring.AsConsumer, ring.Config{Capacity: 4096}, ring.WithLimit(1<<18))
				if r != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %v with %q", err, c.want, c.text)
				}
				eventually(t, "nothing is left", func() bool { return testutil.OpenFDs() <= before })
				// Its deadline is gone; what was refused was told so, for as long as somebody listens.
				if _, err := a.Write([]byte("x")); err != nil && !strings.HasPrefix(name, "closes") {
					t.Errorf("the socket is of no use afterwards: %v", err)
				}
			})
		}
	}
}

func bigger(capacity uint64) layout.Shape {
	s := small
	s.Capacity = capacity
	return s
}

// lie makes a header that is right in itself, of a ring greater than its memory.
func lie(h *layout.Header) {
	g, err := layout.Compute(bigger(1 << 16))
	if err != nil {
		panic(err)
	}
	h.Capacity, h.TotalSize, h.DataSize, h.MaxMessage = g.Capacity, g.TotalSize, g.DataSize, uint32(g.MaxMessage)
}

// An answer is held against what was offered.
func TestHostileAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer *os.File
		want   error
	}{
		"of another capacity":  {part(t, layout.RoleConsumer, bigger(8192), nil), ring.ErrMismatch},
		"of another size":      {part(t, layout.RoleConsumer, layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: 4096, Stride: 64}, nil), ring.ErrMismatch},
		"of other elements":    {part(t, layout.RoleConsumer, small, rechecked(func(h *layout.Header) { h.Fingerprint = 7 })), ring.ErrMismatch},
		"the producer's":       {part(t, layout.RoleProducer, small, nil), shm.ErrSize},
		"with an arm of zeros": {part(t, layout.RoleConsumer, small, func(b []byte) { clear(b[layout.HeaderSize:]) }), ring.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t, unix.SOCK_STREAM)
			done := make(chan error, 1)
			go func() {
				heard := make([]byte, len(hello(0, 0)))
				if _, err := io.ReadFull(b, heard); err != nil {
					done <- err
					return
				}
				files, err := shm.ReceiveFiles(b, 1)
				if err != nil {
					done <- err
					return
				}
				files[0].Close()
				if string(heard) != string(hello(sayOffer, layout.RoleProducer)) {
					t.Errorf("the offer is %x", heard)
				}
				if _, err = b.Write(hello(sayAccept, layout.RoleConsumer)); err == nil {
					err = shm.SendFiles(b, c.answer)
				}
				if err == nil {
					_, err = io.ReadFull(b, heard)
				}
				want := hello(sayRefuse, layout.RoleProducer)
				if c.want == ring.ErrCorrupt { // which was looked at last
					want = hello(sayReady, layout.RoleProducer)
				}
				if string(heard) != string(want) {
					t.Errorf("answered with %x", heard)
				}
				done <- err
			}()
			_, err := ring.Offer(t.Context(), a, ring.AsProducer, ring.Config{Capacity: 4096, Stride: 128})
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			must(t, <-done)
		})
	}
}

// Mistakes of the caller's own.
func TestOfferMistakes(t *testing.T) {
	a, b := sockets(t, unix.SOCK_DGRAM)
	s, _ := sockets(t, unix.SOCK_STREAM)
	_ = b
	efd := eventfd(t)
	for name, c := range map[string]struct {
		conn *net.UnixConn
		role ring.Role
		c    ring.Config
		opts []ring.Option
		want error
		text string
	}{
		"datagrams":    {a, ring.AsProducer, ring.Config{}, nil, fs.ErrInvalid, "do not tell"},
		"no role":      {s, 0, ring.Config{}, nil, fs.ErrInvalid, "want AsProducer or AsConsumer"},
		"eventfds":     {s, ring.AsProducer, ring.Config{}, []ring.Option{ring.WithEventfds(efd, efd)}, errors.ErrUnsupported, "leave WithEventfds out"},
		"limit":        {s, ring.AsProducer, ring.Config{}, []ring.Option{ring.WithLimit(-1)}, fs.ErrInvalid, "positive"},
		"topology":     {s, ring.AsProducer, ring.Config{Topology: ring.MPMC, SlotSize: 8}, nil, ring.ErrGeometry, "SPSC"},
		"capacity":     {s, ring.AsProducer, ring.Config{Capacity: 5000}, nil, ring.ErrGeometry, "the next is 8192"},
		"policy":       {s, ring.AsProducer, ring.Config{}, []ring.Option{ring.WithPeer(func(ring.Cred) error { return errors.New("not you") })}, ring.ErrPeer, "not you"},
		"huge pages":   {s, ring.AsProducer, ring.Config{}, []ring.Option{ring.WithRegion(shm.WithHugePages(shm.HugeRequire))}, errors.ErrUnsupported, "hugetlb"},
		"a read-only":  {s, ring.AsProducer, ring.Config{}, []ring.Option{ring.WithRegion(shm.ReadOnly())}, fs.ErrInvalid, "new region"},
		"another role": {s, 3, ring.Config{}, nil, fs.ErrInvalid, "role(3)"},
	} {
		_, err := ring.Offer(t.Context(), c.conn, c.role, c.c, c.opts...)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.text)
		}
	}
	offered, accepted := strangers(t, ring.AsProducer, ring.SlotsOf[struct{ Yes bool }](4))
	if _, err := ring.NewConsumerOf[struct{ Yes bool }](accepted); !errors.Is(err, ring.ErrMismatch) || !strings.Contains(err.Error(), "uint8") {
		t.Errorf("a bool: %v", err)
	}
	for _, s := range []futex.Strategy{futex.Sem(), futex.Efd()} {
		if _, err := offered.Producer(ring.WithStrategy(s)); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
