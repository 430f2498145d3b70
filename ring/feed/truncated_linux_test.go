package feed_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// A ring that is cut short under the pumps ends both with ring.ErrTruncated, whatever the sink is,
// and nobody dies of it.
func TestRingTruncated(t *testing.T) {
	for _, kind := range []string{"tcp", "unix", "unixpacket", "file", "writer"} {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ring")
			r, err := ring.CreateFile(path, ring.Config{Capacity: 1 << 20})
			must(t, err)
			defer r.Close()
			p, err := r.Producer()
			must(t, err)
			k, err := r.Consumer()
			must(t, err)
			into := feed.Into(p, feed.Reader(forever{}, feed.Length()))
			fed := run(into)
			var sink feed.Sink
			switch kind {
			case "file":
				sink, err = feed.WriteFile(os.DevNull, feed.Length(), feed.File{Existing: feed.Append})
				must(t, err)
			case "writer":
				sink = feed.Writer(struct{ io.Writer }{io.Discard}, feed.Length())
			default:
				address := "127.0.0.1:0"
				if kind != "tcp" {
					address = filepath.Join(t.TempDir(), "s")
				}
				l, err := net.Listen(kind, address)
				must(t, err)
				defer l.Close()
				go func() {
					c, err := l.Accept()
					if err == nil {
						io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 64<<10))
						c.Close()
					}
				}()
				sink, err = feed.DialSink(kind+"://"+l.Addr().String(), feed.Length(), feed.Dial{Retry: feed.Retry{Tries: 3}})
				must(t, err)
			}
			outOf := feed.OutOf(k, sink)
			drained := run(outOf)
			testutil.Eventually(t, "messages flow", func() bool { return outOf.Stats().Messages > 1000 })
			must(t, os.Truncate(path, 8192))
			for what, done := range map[string]chan error{"into": fed, "out of": drained} {
				if err := <-done; !errors.Is(err, ring.ErrTruncated) {
					t.Errorf("%s: %v, want ErrTruncated", what, err)
				}
			}
			if err := errors.Join(p.Close(), k.Close()); err != nil && !errors.Is(err, ring.ErrTruncated) {
				t.Error(err)
			}
		})
	}
}

// forever is a stream of messages of 3,000 bytes without an end.
type forever struct{}

func (forever) Read(b []byte) (int, error) {
	m := append([]byte{0xb8, 0x0b, 0, 0}, bytes.Repeat([]byte("x"), 3000)...)
	n := 0
	for n+len(m) <= len(b) {
		n += copy(b[n:], m)
	}
	return n, nil
}
