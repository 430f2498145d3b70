package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	want := framed(t, feed.Varint(), sample(200))
	must(t, os.WriteFile(in, want, 0o600))
	copied := func(c feed.File) error {
		s, err := feed.WriteFile(out, feed.Varint(), c)
		if err != nil {
			return err
		}
		p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
		source, err := feed.ReadFile(in, feed.Varint())
		must(t, err)
		fed := make(chan error, 1)
		go func() { fed <- errors.Join(feed.Into(p, source).Run(context.Background()), p.Close()) }()
		return errors.Join(feed.OutOf(k, s).Run(context.Background()), <-fed)
	}
	must(t, copied(feed.File{Sync: feed.SyncAtEnd}))
	if err := copied(feed.File{}); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "append to it") {
		t.Error(err)
	}
	must(t, copied(feed.File{Existing: feed.Append, Sync: feed.SyncEach}))
	b, err := os.ReadFile(out)
	must(t, err)
	if !bytes.Equal(b, append(want[:len(want):len(want)], want...)) {
		t.Errorf("%d bytes, want twice %d", len(b), len(want))
	}
	must(t, copied(feed.File{Existing: feed.Truncate, Perm: 0o600}))
	b, err = os.ReadFile(out)
	must(t, err)
	if !bytes.Equal(b, want) {
		t.Errorf("%d bytes, want %d", len(b), len(want))
	}
	for path, says := range map[string]string{dir: "found a directory", filepath.Join(dir, "none"): "no such file"} {
		if _, err := feed.ReadFile(path, feed.Lines()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "f"), 0o600))
	if _, err := feed.ReadFile(filepath.Join(dir, "f"), feed.Lines()); err == nil || !strings.Contains(err.Error(), "found a FIFO") {
		t.Error(err)
	}
	if _, err := feed.WriteFile(out, feed.Lines(), feed.File{Existing: 9}); err == nil {
		t.Error("Existing 9 was taken")
	}
	if _, err := feed.WriteFile(out, feed.Lines(), feed.File{Sync: 9}); err == nil {
		t.Error("Sync 9 was taken")
	}
}

func init() {
	roles["fill-limited"] = func(args []string) error {
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100_003, Max: 100_003}); err != nil {
			return err
		}
		return errors.Join(fill(args[0], "lines", syscall.EFBIG), fill(args[0], "capture", syscall.EFBIG))
	}
	roles["fill-tmpfs"] = func(args []string) error {
		err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err == nil {
			err = unix.Mount("tmpfs", args[0], "tmpfs", 0, "size=128k")
		}
		if err != nil {
			return fmt.Errorf("mount: %w", err)
		}
		err = errors.Join(fill(args[0], "lines", syscall.ENOSPC), fill(args[0], "capture", syscall.ENOSPC))
		return errors.Join(err, unix.Unmount(args[0], unix.MNT_DETACH))
	}
}

// fill writes to a file until it is full, looks whether what is in it and what is left
// in the ring are all, and empties it.
func fill(dir, kind string, reason error) error {
	r, err := ring.New(ring.Config{Capacity: 1 << 20})
	if err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	k, err := r.Consumer()
	if err != nil {
		return err
	}
	const many = 400
	for i := range many {
		if err := p.TrySend(fmt.Appendf(nil, "%01500d", i)); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, kind)
	var sink feed.Sink
	if kind == "capture" {
		sink, err = feed.Record(path, feed.Capture{})
	} else {
		sink, err = feed.WriteFile(path, feed.Lines(), feed.File{})
	}
	if err != nil {
		return err
	}
	pump := feed.OutOf(k, sink)
	if err := pump.Run(context.Background()); !errors.Is(err, reason) || !strings.Contains(err.Error(), "ends with a whole message") || !strings.Contains(err.Error(), path) {
		return fmt.Errorf("%s: %w", kind, err)
	}
	taken := int(pump.Stats().Messages)
	if err := k.Close(); err != nil {
		return err
	}
	if k, err = r.Consumer(); err != nil {
		return err
	}
	for i := taken; i < many; i++ {
		if b, err := k.TryRecv(nil); err != nil || string(b) != fmt.Sprintf("%01500d", i) {
			return fmt.Errorf("%s: %d taken, then %.10q, %w", kind, taken, b, err)
		}
	}
	var source feed.Source
	if kind == "capture" {
		source, err = feed.Replay(path, feed.Replaying{})
	} else {
		source, err = feed.ReadFile(path, feed.Fixed(1501))
	}
	if err != nil {
		return err
	}
	if err := feed.Into(p, source).Run(context.Background()); err != nil {
		return err
	}
	for i := range taken {
		if b, err := k.TryRecv(nil); err != nil || string(b[:1500]) != fmt.Sprintf("%01500d", i) {
			return fmt.Errorf("%s: message %d of the file: %.10q, %w", kind, i, b, err)
		}
	}
	if _, err := k.TryRecv(nil); err != ring.ErrEmpty || taken < 60 {
		return fmt.Errorf("%s: %d taken, and %v", kind, taken, err)
	}
	return errors.Join(os.Remove(path), r.Close())
}

// The disk is full: what is in the file is whole, the rest is in the ring.
func TestDiskFull(t *testing.T) {
	for _, role := range []string{"fill-limited", "fill-tmpfs"} {
		t.Run(role, func(t *testing.T) {
			cmd := testutil.Child(t, role, t.TempDir())
			if role == "fill-tmpfs" {
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
				if os.Geteuid() != 0 {
					cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
					cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
					cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
				}
			}
			out, err := cmd.CombinedOutput()
			if err != nil && (errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "mount:")) {
				testutil.Absent(t, "cannot mount a tmpfs: %v %s", err, out)
			}
			if err != nil {
				t.Errorf("%v %s", err, out)
			}
		})
	}
}

// A device that takes nothing.
func TestDeviceFull(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	must(t, p.Send(context.Background(), []byte("one")))
	s, err := feed.WriteFile("/dev/full", feed.Lines(), feed.File{Existing: feed.Append})
	must(t, err)
	if err := feed.OutOf(k, s).Run(context.Background()); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	expect(t, successor(t, k), "one")
}
