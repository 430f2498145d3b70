package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

func init() {
	roles["stdin-to-stdout"] = func([]string) error {
		r, err := ring.New(ring.Config{})
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
		in, err := feed.Stdin(feed.Lines())
		if err != nil {
			return err
		}
		out, err := feed.Stdout(feed.Lines())
		if err != nil {
			return err
		}
		fed := make(chan error, 1)
		go func() { fed <- errors.Join(feed.Into(p, in).Run(context.Background()), p.Close()) }()
		return errors.Join(feed.OutOf(k, out).Run(context.Background()), <-fed, r.Close())
	}
}

// A process between two pipes, as a shell makes them, and between files.
func TestStdio(t *testing.T) {
	want := framed(t, feed.Lines(), sample(40)[:10])
	want = bytes.Repeat(want, 50)
	cmd := testutil.Child(t, "stdin-to-stdout")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(want), os.Stderr
	got, err := cmd.Output()
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("pipes: %d bytes came out, want %d", len(got), len(want))
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "in"), want, 0o600))
	in, err := os.Open(filepath.Join(dir, "in"))
	must(t, err)
	out, err := os.Create(filepath.Join(dir, "out"))
	must(t, err)
	cmd = testutil.Child(t, "stdin-to-stdout")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	must(t, cmd.Run())
	must(t, errors.Join(in.Close(), out.Close()))
	got, err = os.ReadFile(filepath.Join(dir, "out"))
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("files: %d bytes came out, want %d", len(got), len(want))
	}
}

// blockingPipe is a pipe whose ends are as a shell hands them on: without O_NONBLOCK.
func blockingPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	r, w = os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// blocking tells whether a file's description has no O_NONBLOCK.
func blocking(t *testing.T, f *os.File) bool {
	t.Helper()
	raw, err := f.SyscallConn()
	must(t, err)
	var flags int
	must(t, raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) }))
	must(t, err)
	return flags&unix.O_NONBLOCK == 0
}

// A read of a shared pipe that waits, and a write to one that is full, end when they
// are stopped, and the pipe's flags are what they were.
func TestInheritedStop(t *testing.T) {
	for _, kind := range []string{"pipe", "socket", "keyboard", "screen"} {
		t.Run(kind, func(t *testing.T) {
			r, w := blockingPipe(t)
			switch kind {
			case "socket":
				fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				must(t, err)
				r, w = os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
				t.Cleanup(func() { r.Close(); w.Close() })
			case "keyboard":
				r, w = terminal(t)
			case "screen":
				w, r = terminal(t)
			}
			in, err := feed.Inherit(r)
			must(t, err)
			p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
			into := feed.Into(p, feed.Reader(in, feed.Lines()))
			done := aside(context.Background(), into)
			_, err = w.WriteString("one\n")
			must(t, err)
			b, err := k.Recv(context.Background(), nil)
			must(t, err)
			if strings.TrimSuffix(string(b), "\r") != "one" {
				t.Errorf("%q", b)
			}
			must(t, into.Finish())
			must(t, <-done)

			out, err := feed.Inherit(w)
			must(t, err)
			const many = 1000
			for range many {
				must(t, p.Send(context.Background(), make([]byte, 1000)))
			}
			ctx, cancel := context.WithCancel(context.Background())
			outOf := feed.OutOf(k, feed.Writer(out, feed.Lines()))
			done = aside(ctx, outOf)
			testutil.Eventually(t, "one that takes no more", func() bool { return full(w) })
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if !blocking(t, r) || !blocking(t, w) {
				t.Error("somebody set O_NONBLOCK on what others share")
			}
			k = successor(t, k)
			left := 0
			for ; ; left++ {
				if _, err := k.TryRecv(nil); err != nil {
					break
				}
			}
			if taken := outOf.Stats().Messages; taken+uint64(left) != many || left == 0 {
				t.Errorf("%d taken, %d left, of %d", taken, left, many)
			}
		})
	}
}

// successor is the next consumer, which finds what k had in its hands.
func successor(t *testing.T, k *ring.Consumer) *ring.Consumer {
	t.Helper()
	must(t, k.Close())
	next, err := k.Ring().Consumer()
	must(t, err)
	t.Cleanup(func() { next.Close() })
	return next
}

// full tells whether a pipe or socket takes nothing now.
func full(w *os.File) bool {
	raw, err := w.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	err = raw.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
	})
	return err == nil && n == 0
}

// terminal is the side of programs and that of the terminal of a pseudo terminal.
func terminal(t *testing.T) (program, keyboard *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	other, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(t, err)
	program, keyboard = os.NewFile(uintptr(other), "tty"), os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { program.Close(); keyboard.Close() })
	return program, keyboard
}

// A reader that goes away is an error, not the signal's end of the process.
func TestStdoutBroken(t *testing.T) {
	cmd := testutil.Child(t, "stdin-to-stdout")
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.Close())
	var stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("one\n"), w, &stderr
	err = cmd.Run()
	must(t, w.Close())
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signaled() || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("%v, %s", err, stderr.String())
	}
}

// An anonymous pipe, of which one end is killed in mid-message.
func TestPipeCutOff(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	cmd := exec.Command("sh", "-c", `printf 'one\ntwo\n\003'; kill -9 $$`)
	cmd.Stdout = w
	must(t, cmd.Start())
	must(t, w.Close())
	_ = cmd.Wait()
	_, stats, err := passThrough(t, ring.Config{}, r, feed.Fixed(4))
	if !errors.Is(err, io.ErrUnexpectedEOF) || stats.Messages != 2 {
		t.Errorf("%v, %+v", err, stats)
	}
}
