package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
			path := filepath.Join(t.TempDir(), "ring")
			r, err := ring.CreateFile(path, config)
			must(t, err)
			defer r.Close()
			p, err := r.Producer()
			must(t, err)
			for i := range uint64(messages) {
				must(t, p.TrySend(binary.LittleEndian.AppendUint64(make([]byte, 88), i)))
			}
			must(t, p.Close())
			out, in, err := os.Pipe()
			must(t, err)
			defer in.Close()
			_, err = unix.FcntlInt(in.Fd(), unix.F_SETPIPE_SZ, 4096)
			must(t, err)
			c := launch(t, nil, in, "consume", "--path", path, "--framing", "length")
			defer in.Close()
			eventually(t, "the pipe takes no more", func() bool {
				n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLOUT}}, 0)
				must(t, err)
				return n == 0
			})
			held, err := unix.IoctlGetInt(int(out.Fd()), unix.TIOCINQ)
			must(t, err)
			must(t, out.Close())
			whole := held / 100
			want := fmt.Sprintf("%d messages were written and released, the rest stays in the ring", whole)
			if part := held % 100; part > 0 {
				want += fmt.Sprintf("; %d bytes of the next one were written too", part)
			}
			c.ends(1, want+"\n")
			next, err := r.Consumer()
			must(t, err)
			for i := whole; i < messages; i++ {
				b, err := next.Recv(t.Context(), nil)
				must(t, err)
				if n := binary.LittleEndian.Uint64(b[88:]); config.Topology != ring.MPMC && n != uint64(i) || n < uint64(whole) {
					t.Fatalf("message %d, want %d", n, i)
				}
			}
			if b, err := next.Recv(t.Context(), nil); err != io.EOF {
				t.Errorf("%x, %v, want the end", b, err)
			}
		})
	}
}
