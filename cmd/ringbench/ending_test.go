package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// reading is the far end of a process' stdout.
type reading struct {
	*bufio.Reader
	r, w *os.File
}

func newReading(t testing.TB) *reading {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return &reading{bufio.NewReader(r), r, w}
}

// lines returns the next n lines.
func (r *reading) lines(t testing.TB, n int) string {
	t.Helper()
	var b strings.Builder
	for range n {
		line, err := r.ReadString('\n')
		must(t, err)
		b.WriteString(line)
	}
	return b.String()
}

// rest returns what is left, once no process writes any more.
func (r *reading) rest(t testing.TB) string {
	t.Helper()
	b, err := io.ReadAll(r)
	must(t, err)
	return string(b)
}

// streaming is an endless producer and a consumer of numbered lines.
func streaming(t *testing.T, name string) (p, c *process, out *reading, got string) {
	t.Helper()
	out = newReading(t)
	stdin := endless(t)
	c = launch(t, nil, out.w, "consume", "--stats", "--capacity", "64K", name)
	attached(t, name, false, true)
	p = launch(t, stdin, nil, "produce", "--stats", name)
	stdin.Close()
	out.w.Close()
	return p, c, out, out.lines(t, 20000)
}

// amount is the number of messages a process says to have passed.
func (p *process) amount() (n int) {
	p.t.Helper()
	text := p.Complaints()
	i := max(strings.LastIndex(text, "sent "), strings.LastIndex(text, "received "))
	if i < 0 {
		p.t.Fatalf("%q says no amount", text)
	}
	var what string
	_, err := fmt.Sscan(text[i:], &what, &n)
	must(p.t, err)
	return n
}

// stopSignals are those that stop produce and consume in order.
func stopSignals() []syscall.Signal {
	if signal.Ignored(syscall.SIGHUP) { // the tests run without a terminal: so do their children
		return []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}
	}
	return []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
}

// With nohup a hangup is not for us.
func TestHangupIgnored(t *testing.T) {
	name, in := ringName(t), newReading(t)
	cmd := ringbench(t, "produce", name)
	self, err := os.Executable() // in the shell /proc/self/exe is another
	must(t, err)
	cmd.Args[0] = self
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	p := launchCmd(t, in.r, nil, cmd)
	attached(t, name, true, false)
	p.Signal(syscall.SIGHUP)
	in.w.WriteString("a\n")
	in.w.Close()
	p.ends(0, "")
	if got := string(passes(t, nil, "consume", name)); got != "a\n" {
		t.Errorf("%q", got)
	}
}

func TestSignalToProducer(t *testing.T) {
	for _, sig := range stopSignals() {
		name := ringName(t)
		p, c, out, got := streaming(t, name)
		p.Signal(sig)
		got += out.rest(t)
		p.ends(0, "sent ")
		c.ends(0, "received ")
		if n := count(t, got); n != p.amount() || n != c.amount() {
			t.Errorf("%d lines came out, %d were sent, %d received", n, p.amount(), c.amount())
		}
	}
}

func TestSignalToConsumer(t *testing.T) {
	for _, sig := range stopSignals() {
		name := ringName(t)
		p, c, out, got := streaming(t, name)
		c.Signal(sig)
		got += out.rest(t)
		c.ends(0, "received ")
		if state, text := p.State(), p.Complaints(); state.ExitCode() != 1 || !strings.Contains(text, "the consumer of ring") || strings.Count(text, "\n") != 2 {
			t.Errorf("the producer ended with %v: %s", state, text)
		}
		if n := count(t, got); n != p.amount() || n != c.amount() {
			t.Errorf("%d lines came out, %d were sent, %d received", n, p.amount(), c.amount())
		}
	}
}

// A signal ends those too who wait: for stdin, for room, for messages.
func TestSignalToThoseWhoWait(t *testing.T) {
	idle, w, err := os.Pipe()
	must(t, err)
	defer idle.Close()
	defer w.Close()
	for _, framing := range []string{"lines", "raw", "fixed:8"} {
		t.Run(framing, func(t *testing.T) {
			name := ringName(t)
			p := launch(t, idle, nil, "produce", name, "--framing", framing)
			attached(t, name, true, false)
			p.Signal(syscall.SIGTERM)
			p.ends(0, "")

			full := launch(t, endless(t), nil, "produce", name, "--framing", framing)
			eventually(t, "the ring is full", func() bool { return look(t, name).Producer.Asleep })
			full.Signal(syscall.SIGTERM)
			full.ends(0, "stayed full: what was read of stdin last is not in it")
			passes(t, nil, "consume", name)

			c := launch(t, nil, nil, "consume", name)
			attached(t, name, false, true)
			c.Signal(syscall.SIGTERM)
			c.ends(0, "")
		})
	}
}

// stuck tells whether the pipe that is a process' stdout takes nothing now.
func (p *process) stuck() bool {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/fd/1", p.PID()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	must(p.t, err)
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
	must(p.t, err)
	return n == 0
}

// A consumer that cannot get rid of its output ends by the second signal.
func TestSecondSignal(t *testing.T) {
	name := ringName(t)
	_, c, out, got := streaming(t, name)
	eventually(t, "the consumer's stdout is full, and the ring", func() bool { return look(t, name).Producer.Asleep && c.stuck() })
	c.Signal(syscall.SIGTERM)
	eventually(t, "the first signal has come", func() bool { return look(t, name).Consumer.Finished })
	eventually(t, "the second signal kills", func() bool {
		c.Signal(syscall.SIGTERM)
		return !look(t, name).Consumer.Attached
	})
	c.EndsBy(syscall.SIGTERM)
	whole := got + out.rest(t)
	count(t, whole[:strings.LastIndexByte(whole, '\n')+1])
}

func TestKilledProducer(t *testing.T) {
	name := ringName(t)
	p, c, out, got := streaming(t, name)
	p.Kill()
	var committed int
	eventually(t, "the consumer's stdout is full", func() bool {
		before, now := look(t, name), look(t, name)
		committed = int(now.Producer.Messages)
		return before.Positions == now.Positions
	})
	got += out.lines(t, committed-20000)
	eventually(t, "the consumer misses its producer", func() bool { return c.Complaints() != "" })
	if d := look(t, name); d.Producer.State != "dead" || d.Producer.PID != p.PID() {
		t.Errorf("%+v", d.Producer)
	}
	passes(t, []byte(numbered(committed, 3000)), "produce", name)
	got += out.rest(t)
	notice := fmt.Sprintf("producer (pid %d) is gone without closing; waiting for another; Ctrl-C to stop\n", p.PID())
	if state, text := c.State(), c.Complaints(); state.ExitCode() != 0 || !strings.HasPrefix(text, notice) || strings.Count(text, "\n") != 2 {
		t.Errorf("the consumer ended with %v: %s", state, text)
	}
	if n := count(t, got); n != committed+3000 {
		t.Errorf("%d lines, want %d", n, committed+3000)
	}
}

// What a killed consumer had not released comes again; nothing is lost.
func TestKilledConsumer(t *testing.T) {
	name := ringName(t)
	p, c, out, got := streaming(t, name)
	c.Kill()
	got += out.rest(t)
	got = got[:strings.LastIndexByte(got, '\n')+1] // its last line may be cut
	n := count(t, got)
	released := int(look(t, name).Consumer.Messages)
	if released > n {
		t.Fatalf("%d messages are released, %d were written", released, n)
	}
	second := newReading(t)
	c2 := launch(t, nil, second.w, "consume", "--stats", name)
	second.w.Close()
	again := second.lines(t, 20000)
	p.Signal(syscall.SIGTERM)
	again += second.rest(t)
	p.ends(0, "sent ")
	c2.ends(0, "received ")
	if want := numbered(released, p.amount()-released); again != want {
		t.Errorf("the second consumer got %d lines, want %d from number %d on", strings.Count(again, "\n"), strings.Count(want, "\n"), released)
	}
}

// As in: ringbench consume | head -1.
func TestStdoutClosedEarly(t *testing.T) {
	name := ringName(t)
	p, c, out, got := streaming(t, name)
	must(t, out.r.Close())
	if state, text := c.State(), c.Complaints(); state.ExitCode() != 1 || !strings.Contains(text, "stdout was closed by its reader") {
		t.Fatalf("it ended with %v: %s", state, text)
	}
	if p.State().ExitCode() != 1 || !strings.Contains(p.Complaints(), "has closed it") {
		t.Errorf("the producer ended with %v: %s", p.State(), p.Complaints())
	}
	count(t, got)
	rest := passes(t, nil, "consume", name)
	if want := numbered(c.amount(), p.amount()-c.amount()); string(rest) != want {
		t.Errorf("%d lines were left, want %d", bytes.Count(rest, []byte("\n")), strings.Count(want, "\n"))
	}
}

// A ring that loses its name while nobody is on the other side is the end.
func TestRemovedMeanwhile(t *testing.T) {
	name := ringName(t)
	c := launch(t, nil, nil, "consume", name)
	attached(t, name, false, true)
	if status, out, errText := call("remove", "--force", name); status != 0 {
		t.Fatal(status, out, errText)
	}
	c.ends(1, "ring removed")
}
