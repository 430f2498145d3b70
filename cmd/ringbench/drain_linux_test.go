package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

// A pipe takes a part of a batch and then loses its reader: what it took whole is
// released, and the rest comes to the next consumer, in every kind of ring.
func TestDrainOfAPart(t *testing.T) {
	const messages = 100
	for name, config := range map[string]ring.Config{
		"spsc": {Capacity: 1 << 17}, "slots": {Kind: ring.Slots, Capacity: 128, SlotSize: 96},
		"mpmc":    {Topology: ring.MPMC, Capacity: 128, SlotSize: 96, Members: 4, Redeliver: true},
		"lanes":   {Topology: ring.MPSC, Capacity: 1 << 17, Members: 2},
		"ordered": {Topology: ring.MPSCOrdered, Capacity: 1 << 17, Members: 4},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ring.New(config)
			must(t, err)
			defer r.Close()
			p, err := r.Producer()
			must(t, err)
			for i := range uint64(messages) {
				must(t, p.TrySend(binary.LittleEndian.AppendUint64(make([]byte, 88), i)))
			}
			must(t, p.Close())
			c, err := r.Consumer()
			must(t, err)
			out, in, err := os.Pipe()
			must(t, err)
			defer in.Close()
			size, err := unix.FcntlInt(in.Fd(), unix.F_SETPIPE_SZ, 4096)
			must(t, err)
			full := make(chan error)
			d := newDrain(r, c, &stdio{out: in, err: io.Discard}, framing{kind: byLength}, messages)
			go func() { full <- d.run() }()
			eventually(t, "the pipe is full", func() bool {
				n, err := unix.IoctlGetInt(int(out.Fd()), unix.TIOCINQ)
				must(t, err)
				return n == size
			})
			must(t, out.Close())
			err = <-full
			whole := size / 100
			want := fmt.Sprintf("%d messages were written and released, the rest stays in the ring; %d bytes of the next one were written too", whole, size%100)
			if !errors.Is(err, syscall.EPIPE) || !strings.HasSuffix(err.Error(), want) {
				t.Fatalf("%v, want %s", err, want)
			}
			must(t, c.Close())
			if c, err = r.Consumer(); err != nil {
				t.Fatal(err)
			}
			for i := whole; i < messages; i++ {
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				if n := binary.LittleEndian.Uint64(b[88:]); config.Topology != ring.MPMC && n != uint64(i) || n < uint64(whole) {
					t.Fatalf("message %d, want %d", n, i)
				}
			}
			if b, err := c.Recv(t.Context(), nil); err != io.EOF {
				t.Errorf("%x, %v, want the end", b, err)
			}
		})
	}
}
