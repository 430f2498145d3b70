package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// shell runs a command of the shell, whose $1 is path.
func shell(t *testing.T, command, path string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command, "sh", path).CombinedOutput(); err != nil && !strings.Contains(command, "kill") {
		t.Fatalf("%s: %v %s", command, err, out)
	}
}

// Writers come and go, one of them killed in mid-message: the source waits for the next.
func TestFIFOWriterGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	p, k := heapRing(t, ring.Config{})
	reports := make(chan error, 10)
	s, err := feed.ReadFIFO(path, feed.Length(), feed.FIFO{Create: true, Report: func(err error) { reports <- err }})
	must(t, err)
	pump := feed.Into(p, s)
	done := aside(context.Background(), pump)
	shell(t, `printf '\003\0\0\0one\003\0\0\0two' >"$1"`, path)
	expect(t, k, "one", "two")
	testutil.Eventually(t, "end of a session", func() bool { return pump.Stats().Opened == 1 })
	shell(t, `(printf '\005\0\0\0three\004\0\0\0fo'; kill -9 $$) >"$1"`, path)
	expect(t, k, "three")
	if err := <-reports; !errors.Is(err, feed.ErrFrame) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	shell(t, `: >"$1"`, path) // one that writes nothing
	shell(t, `printf '\004\0\0\0five' >"$1"`, path)
	expect(t, k, "five")
	must(t, pump.Finish())
	must(t, <-done)
	if s := pump.Stats(); s.Messages != 4 || s.Failed != 1 || s.Opened < 2 {
		t.Errorf("%+v", s)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeNamedPipe|0o600 {
		t.Error(info, err)
	}
}

func TestFIFOOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	p, k := heapRing(t, ring.Config{})
	s, err := feed.ReadFIFO(path, feed.Lines(), feed.FIFO{Create: true, Once: true})
	must(t, err)
	done := aside(context.Background(), feed.Into(p, s))
	shell(t, `printf 'one\ntwo' >"$1"`, path)
	must(t, <-done)
	expect(t, k, "one", "two")
}

// A FIFO without reader: waits, which ends at once when it is told to, or fails.
func TestFIFOWithoutReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	p, k := heapRing(t, ring.Config{})
	must(t, unix.Mkfifo(path, 0o600))
	_, err := feed.WriteFIFO(path, feed.Lines(), feed.FIFO{NoWait: true})
	if !errors.Is(err, feed.ErrNoReader) || !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	must(t, p.Send(context.Background(), []byte("one")))
	s, err := feed.WriteFIFO(path, feed.Lines(), feed.FIFO{})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	pump := feed.OutOf(k, s)
	done := aside(ctx, pump)
	testutil.Eventually(t, "the consumer in a Take", func() bool { return strings.Contains(string(testutil.Stacks()), "fifoSink).open") })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	k = successor(t, k)
	s, err = feed.WriteFIFO(path, feed.Lines(), feed.FIFO{})
	must(t, err)
	pump = feed.OutOf(k, s)
	done = aside(context.Background(), pump)
	head := exec.Command("head", "-n1", path) // waits in its open(2) for a writer
	head.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := head.Output()
	must(t, err)
	if string(out) != "one\n" {
		t.Errorf("%q", out)
	}
	must(t, pump.Finish())
	must(t, <-done)
}

// A reader goes, and what was not written whole goes to the next.
func TestFIFOReaderGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
	reports := make(chan error, 10)
	s, err := feed.WriteFIFO(path, feed.Lines(), feed.FIFO{Create: true, Report: func(err error) { reports <- err }})
	must(t, err)
	pump := feed.OutOf(k, s)
	done := aside(context.Background(), pump)
	const many = 500
	for i := range many {
		must(t, p.Send(context.Background(), fmt.Appendf(nil, "%0999d", i)))
	}
	first, err := os.Open(path) // waits until the sink opens it
	must(t, err)
	testutil.Eventually(t, "a full pipe", func() bool { return strings.Contains(string(testutil.Stacks()), "vector).write") })
	must(t, first.Close())
	if err := <-reports; !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
	must(t, pump.Finish())
	next, err := os.Open(path)
	must(t, err)
	b, err := io.ReadAll(next)
	must(t, err)
	must(t, next.Close())
	must(t, <-done)
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	n, err := strconv.Atoi(lines[0])
	must(t, err)
	for i, l := range lines {
		if l != fmt.Sprintf("%0999d", n+i) {
			t.Errorf("line %d is %s", i, strings.TrimLeft(l, "0"))
			break
		}
	}
	// What the first reader left unread went with its pipe, of 64 KiB at most: documented.
	if n > 66 || n+len(lines) != many || lines[len(lines)-1] != fmt.Sprintf("%0999d", many-1) {
		t.Errorf("the second reader got %d lines from %d on", len(lines), n)
	}
	if s := pump.Stats(); s.Again == 0 || s.Messages != many || s.Failed != 1 || s.Opened != 2 {
		t.Errorf("%+v", s)
	}
}

func TestFIFORefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for path, says := range map[string]string{file: "expected a FIFO (named pipe), found a file", dir: "found a directory", "/dev/null": "found a device",
		filepath.Join(dir, "none"): "no such file", filepath.Join(file, "f"): "not a directory"} {
		c := feed.FIFO{Create: says != "no such file"}
		if _, err := feed.ReadFIFO(path, feed.Lines(), c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
		if _, err := feed.WriteFIFO(path, feed.Lines(), c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}
