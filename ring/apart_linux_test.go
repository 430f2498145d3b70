package ring_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

// sockets returns two connected Unix sockets.
func sockets(t testing.TB, kind int) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		f.Close()
		must(t, err)
		conns[i] = c.(*net.UnixConn)
		t.Cleanup(func() { c.Close() })
	}
	return conns[0], conns[1]
}

// strangers returns the two handles of a ring between two who do not trust each other,
// both of this process; role is that of the first.
func strangers(t testing.TB, role ring.Role, c ring.Config) (offered, accepted *ring.Ring) {
	t.Helper()
	a, b := sockets(t, unix.SOCK_STREAM)
	offered, accepted = meet(t, a, b, role, c)
	must(t, errors.Join(a.Close(), b.Close()))
	return offered, accepted
}

func meet(t testing.TB, a, b *net.UnixConn, role ring.Role, c ring.Config) (offered, accepted *ring.Ring) {
	t.Helper()
	offered, accepted = meetKept(t, a, b, role, c)
	closing(t, offered, accepted)
	return offered, accepted
}

// meetKept is meet; the caller closes.
func meetKept(t testing.TB, a, b *net.UnixConn, role ring.Role, c ring.Config) (offered, accepted *ring.Ring) {
	t.Helper()
	var wg sync.WaitGroup
	var aerr, berr error
	wg.Go(func() { offered, aerr = ring.Offer(t.Context(), a, role, c) })
	wg.Go(func() {
		accepted, berr = ring.Accept(t.Context(), b, ring.AsProducer+ring.AsConsumer-role, ring.Config{})
	})
	wg.Wait()
	must(t, errors.Join(aerr, berr))
	return offered, accepted
}

// ends takes both ends of a ring by strangers.
func ends(t testing.TB, offered, accepted *ring.Ring, role ring.Role, opts ...ring.EndpointOption) (*ring.Producer, *ring.Consumer) {
	t.Helper()
	pr, cr := offered, accepted
	if role == ring.AsConsumer {
		pr, cr = accepted, offered
	}
	p, err := pr.Producer(opts...)
	must(t, err)
	c, err := cr.Consumer(opts...)
	must(t, err)
	return p, c
}

var apartConfigs = map[string]ring.Config{"records": {Capacity: 4096}, "slots": {Kind: ring.Slots, Capacity: 8, SlotSize: 24}}

// Whoever offers, and whatever the ring is made of, what one sends the other receives, to
// the end, and again.
func TestApart(t *testing.T) {
	for kind, config := range apartConfigs {
		for _, role := range []ring.Role{ring.AsProducer, ring.AsConsumer} {
			t.Run(kind+"/"+role.String(), func(t *testing.T) {
				offered, accepted := strangers(t, role, config)
				if got, want := accepted.Config(), offered.Config(); got != want {
					t.Errorf("%+v is offered, %+v accepted", want, got)
				}
				for range 2 {
					p, c := ends(t, offered, accepted, role)
					const n = 10000
					var wg sync.WaitGroup
					wg.Go(func() {
						for i := range uint64(n) {
							if err := p.Send(t.Context(), apartPayload(config, i)); err != nil {
								t.Error(err)
								return
							}
						}
						if err := p.Close(); err != nil {
							t.Error(err)
						}
					})
					for i := range uint64(n) {
						b, err := c.Recv(t.Context(), nil)
						must(t, err)
						if want := apartPayload(config, i); string(b) != string(want) {
							t.Fatalf("message %d is %x, want %x", i, b, want)
						}
					}
					if _, err := c.Recv(t.Context(), nil); err != io.EOF {
						t.Fatalf("%v, want io.EOF", err)
					}
					wg.Wait()
					must(t, c.Close())
				}
			})
		}
	}
}

func apartPayload(c ring.Config, n uint64) []byte {
	b := payload(n)
	if c.Kind == ring.Slots {
		b = append(b, make([]byte, c.SlotSize)...)[:c.SlotSize]
	}
	return b
}

// The other end is the peer's; one's own is held once at a time.
func TestApartRoles(t *testing.T) {
	offered, accepted := strangers(t, ring.AsProducer, ring.Config{})
	for _, err := range []error{second(offered.Consumer()), second(accepted.Producer())} {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("the peer's end: %v", err)
		}
	}
	p, err := offered.Producer()
	must(t, err)
	if err := second(offered.Producer()); !errors.Is(err, ring.ErrAttached) {
		t.Errorf("twice: %v", err)
	}
	if err := p.TrySend(nil); err != nil {
		t.Errorf("before there is a consumer: %v", err)
	}
	must(t, p.Close())
	s, err := accepted.Stats()
	must(t, err)
	if s.Producer.Attached || !s.Producer.Closed || s.Occupied != 8 || s.Producer.PID != os.Getpid() {
		t.Errorf("%+v", s)
	}
	if c, ok := accepted.Peer(); !ok || c.PID != os.Getpid() || c.UID != os.Getuid() {
		t.Errorf("peer %v", c)
	}
}

func second[T any](_ T, err error) error { return err }

// A close of the consumer's speaks to the producer that was there, and to no later one,
// which cannot take the flag from its words; the next close speaks again.
func TestApartConsumerCloses(t *testing.T) {
	offered, accepted := strangers(t, ring.AsProducer, ring.Config{})
	p, c := ends(t, offered, accepted, ring.AsProducer)
	for range 3 {
		must(t, c.Close())
		if err := p.TrySend([]byte("x")); !errors.Is(err, ring.ErrClosed) {
			t.Errorf("to a consumer that has closed: %v", err)
		}
		must(t, p.Close())
		var err error
		p, err = offered.Producer()
		must(t, err)
		must(t, p.TrySend([]byte("again")))
		must(t, p.Send(t.Context(), []byte("and again")))
		c, err = accepted.Consumer()
		must(t, err)
		receiveText(t, c, "again")
		receiveText(t, c, "and again")
	}
	must(t, c.Finish())
	if err := p.TrySend([]byte("x")); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("to a consumer that has finished: %v", err)
	}
}

// What waits ends at once where its context, its deadline or its end come, although
// nothing of the peer's can be moved for that.
func TestApartInterrupted(t *testing.T) {
	offered, accepted := strangers(t, ring.AsProducer, ring.Config{Capacity: 4096})
	p, c := ends(t, offered, accepted, ring.AsProducer)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.Recv(ctx, nil); done <- err }()
	eventually(t, "the consumer sleeps", func() bool { s, err := accepted.Stats(); return err == nil && s.Consumer.Parks > 0 })
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("%v, want context.Canceled", err)
	}
	for p.TrySend(make([]byte, 1000)) == nil {
	}
	go func() { done <- p.Send(t.Context(), make([]byte, 1000)) }()
	eventually(t, "the producer sleeps", func() bool { s, err := offered.Stats(); return err == nil && s.Producer.Parks > 0 })
	must(t, p.Close())
	if err := <-done; !errors.Is(err, ring.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

// After the handshake the socket is the caller's. What the peer sends there is no sign of anything;
// that it says it will send no more is.
func TestApartSocket(t *testing.T) {
	a, b := sockets(t, unix.SOCK_STREAM)
	offered, accepted := meet(t, a, b, ring.AsProducer, ring.Config{})
	p, c := ends(t, offered, accepted, ring.AsProducer)
	junk := make([]byte, 10000)
	for i := range uint64(20) {
		_, err := b.Write(junk)
		must(t, err)
		must(t, p.Send(t.Context(), payload(i)))
		got, err := c.Recv(t.Context(), nil)
		must(t, err)
		must(t, checkPayload(got, i))
		if i%2 == 0 {
			_, err = io.ReadFull(a, junk)
			must(t, err)
		}
	}
	must(t, b.CloseWrite())
	eventually(t, "the producer is told", func() bool { return errors.Is(p.TrySend(nil), ring.ErrRemoved) })
	if _, err := a.Write(junk[:1]); err != nil {
		t.Error(err)
	}
}
