package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/layout"
	"annulus/ring"
	"annulus/ring/feed"
)

// fickle is a sink whose messages' sender changes them while it looks at them.
type fickle struct {
	data []byte // the sender's memory
	got  []string
}

func (f *fickle) Take(msgs [][]byte) (int, error) {
	for i := range f.data {
		f.data[i] = '\n'
	}
	for _, m := range msgs {
		f.got = append(f.got, string(m))
	}
	return len(msgs), nil
}

func (f *fickle) Stop()        {}
func (f *fickle) Close() error { return nil }

// What a stranger has sent is what a sink sees, whatever he does to it meanwhile.
func TestStrangersMessagesStandStill(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(file)
		file.Close()
		must(t, err)
		defer c.Close()
		conns[i] = c.(*net.UnixConn)
	}
	theirs := make(chan *ring.Ring, 1)
	go func() {
		r, err := ring.Offer(t.Context(), conns[1], ring.AsProducer, ring.Config{Capacity: 4096})
		if err != nil {
			t.Error(err)
		}
		theirs <- r
	}()
	mine, err := ring.Accept(t.Context(), conns[0], ring.AsConsumer, ring.Config{})
	must(t, err)
	defer mine.Close()
	stranger := <-theirs
	defer stranger.Close()
	p, err := stranger.Producer()
	must(t, err)
	want := []string{"one", "two", "three"}
	for _, m := range want {
		must(t, p.TrySend([]byte(m)))
	}
	must(t, p.Close())
	c, err := mine.Consumer()
	must(t, err)
	b := stranger.Region().Bytes()
	g, _, err := layout.DecodePart(append([]byte(nil), b[:layout.HeaderSize]...), uint64(len(b)), layout.RoleProducer)
	must(t, err)
	sink := &fickle{data: b[g.DataArea:]}
	if err := feed.OutOf(c, sink).Run(context.Background()); err != nil && !errors.Is(err, ring.ErrCorrupt) {
		t.Error(err)
	}
	if fmt.Sprint(sink.got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", sink.got, want)
	}
}
