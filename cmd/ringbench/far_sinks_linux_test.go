package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"annulus/ring"
)

// What is wrong with the sink is one line, and leaves no ring behind.
func TestDrainToNothing(t *testing.T) {
	name, dir := ringName(t), t.TempDir()
	for _, c := range []struct{ url, want string }{
		{"file:" + dir, "directory"}, {"fifo:" + dir + "/none", "no such file"}, {"mq:/ringbench-test-none", "no such file"},
		{"tls://127.0.0.1:1 --ca " + dir + "/none", "no such file"}, {"unix:///proc/none --listen", "proc/none"},
	} {
		status, _, text := call(append([]string{"drain", name}, strings.Fields(c.url)...)...)
		if status != 1 || !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: exit status %d: %s", c.url, status, text)
		}
	}
	if d := look(t, name); d.Name != "" {
		t.Errorf("a ring was made: %+v", d)
	}
}

// A drain that cannot have the ring leaves the file as it is.
func TestDrainOfTakenRing(t *testing.T) {
	name, file := ringName(t), filepath.Join(t.TempDir(), "out")
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	defer r.Close()
	c, err := r.Consumer()
	must(t, err)
	defer c.Close()
	must(t, os.WriteFile(file, []byte("precious"), 0o600))
	status, _, text := call("drain", "--truncate", name, "file:"+file)
	if status != 1 || !strings.Contains(text, "attached") {
		t.Errorf("exit status %d: %s", status, text)
	}
	if b, err := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
}

// Each sink can take so many messages and no more.
func TestDrainCount(t *testing.T) {
	name, dir := ringName(t), t.TempDir()
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer peer.Close()
	heard := make(chan string)
	go func() {
		conn, err := peer.Accept()
		must(t, err)
		b, err := io.ReadAll(conn)
		must(t, err)
		conn.Close()
		heard <- string(b)
	}()
	for _, topology := range []string{"spsc", "mpmc"} {
		passes(t, []byte(numbered(0, 1000)), "produce", name, "--topology", topology)
		passes(t, nil, "drain", name, "file:"+filepath.Join(dir, topology), "--count", "10")
		b, err := os.ReadFile(filepath.Join(dir, topology))
		must(t, err)
		got := string(b)
		if topology == "spsc" {
			passes(t, nil, "drain", name, "tcp://"+peer.Addr().String(), "--once", "--count", "300")
			got += <-heard
		}
		if n := count(t, got+string(passes(t, nil, "consume", name))); n != 1000 || len(b) != len(numbered(0, 10)) {
			t.Errorf("%s: %d lines, %q first", topology, n, b)
		}
		must(t, ring.Remove(name))
	}
	if status, _, text := call("drain", name, "tcp://127.0.0.1:0", "--listen", "--count", "3"); status != 2 || !strings.Contains(text, "expected --count or --listen") {
		t.Errorf("exit status %d: %s", status, text)
	}
}

// Nobody has connected: what a ring keeps is said, and is no success.
func TestSignalToListeningDrain(t *testing.T) {
	name := ringName(t)
	passes(t, []byte(numbered(0, 100)), "produce", name)
	d := graced(t, nil, "drain", name, "tcp://127.0.0.1:0", "--listen")
	eventually(t, "it listens", func() bool { return strings.Contains(d.Complaints(), "listening at tcp://127.0.0.1:") })
	d.Signal(syscall.SIGTERM)
	if state, text := d.State(), d.Complaints(); state.ExitCode() != 1 || !strings.Contains(text, "no connection has taken them: 100 messages: 0 messages were written and released, the rest stays in the ring") {
		t.Errorf("it ended with %v: %s", state, text)
	}
	if got := string(passes(t, nil, "consume", name)); got != numbered(0, 100) {
		t.Errorf("%d lines are left", strings.Count(got, "\n"))
	}
}

// What waits for ever says what for.
func TestFarNotices(t *testing.T) {
	name := ringName(t)
	cmd := ringbench(t, "feed", "stdin:", name)
	cmd.Env = append(cmd.Env, asGrace+"=50ms", asLonely+"=1ms")
	f := launchCmd(t, endless(t), nil, cmd)
	eventually(t, "it says so", func() bool { return strings.Contains(f.Complaints(), "is full and has no consumer; waiting for one") })
	f.Signal(syscall.SIGTERM)
	if state, text := f.State(), f.Complaints(); state.ExitCode() != 0 || !strings.Contains(text, "stayed full: what was read of stdin last is not in it (from message ") {
		t.Errorf("it ended with %v: %s", state, text)
	}
	passes(t, nil, "consume", name)

	path := filepath.Join(t.TempDir(), "none")
	cmd = ringbench(t, "feed", "file:"+path, "--follow", name)
	cmd.Env = append(cmd.Env, asLonely+"=1ms")
	f = launchCmd(t, nil, nil, cmd)
	eventually(t, "it says so", func() bool { return strings.Contains(f.Complaints(), path+" is not there yet; waiting for it") })
	f.Signal(syscall.SIGTERM)
	f.ends(0, path)

	dir, err := os.Open(t.TempDir())
	must(t, err)
	defer dir.Close()
	launch(t, dir, nil, "feed", "stdin:", name).ends(1, "ringbench feed: stdin: read: is a directory")

	for _, args := range [][]string{{"feed", "stdin:"}, {"drain", name}} {
		if status, _, text := call(args...); status != 2 || !strings.Contains(text, "found only") {
			t.Errorf("%v: exit status %d: %s", args, status, text)
		}
	}
	passes(t, []byte("lost\n"), "produce", name)
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	must(t, free.Close())
	if status, _, text := call("drain", name, "udp://"+free.LocalAddr().String(), "--lossy"); status != 0 || !strings.Contains(text, "1 datagrams did not arrive") {
		t.Errorf("exit status %d: %s", status, text)
	}
}

// As nc -l: one connection is accepted, and its end is the end.
func TestListenOnce(t *testing.T) {
	for _, scheme := range []string{"tcp", "unix", "unixpacket"} {
		name, to, url := ringName(t), ringName(t), scheme+"://"+filepath.Join(t.TempDir(), "socket")
		if scheme == "tcp" {
			url = "tcp://127.0.0.1:0"
		}
		f := launch(t, nil, nil, "feed", url, "--listen", "--once", to)
		var at string
		eventually(t, "it listens", func() bool {
			_, at, _ = strings.Cut(strings.TrimSuffix(f.Complaints(), "\n"), "listening at ")
			return at != ""
		})
		passes(t, []byte(numbered(0, 1000)), "produce", name)
		passes(t, nil, "drain", "--once", name, at)
		f.ends(0, "listening at ")
		if n := count(t, string(passes(t, nil, "consume", to))); n != 1000 {
			t.Errorf("%s: %d lines", scheme, n)
		}
		passes(t, []byte(numbered(0, 1000)), "produce", name)
		d := launch(t, nil, nil, "drain", name, url, "--listen", "--once")
		eventually(t, "it listens", func() bool {
			_, at, _ = strings.Cut(strings.TrimSuffix(d.Complaints(), "\n"), "listening at ")
			return at != ""
		})
		passes(t, nil, "feed", "--once", at, to)
		d.ends(0, "listening at ")
		if n := count(t, string(passes(t, nil, "consume", to))); n != 1000 {
			t.Errorf("%s: %d lines out", scheme, n)
		}
	}
}

// A file that ends within a line is not written on by accident.
func TestAppendToTornFile(t *testing.T) {
	name, path := ringName(t), filepath.Join(t.TempDir(), "out")
	must(t, os.WriteFile(path, []byte("0\n1\n2"), 0o600))
	passes(t, []byte(numbered(2, 3)), "produce", name)
	status, _, text := call("drain", name, "file:"+path, "--append")
	if status != 1 || !strings.Contains(text, "complete it, or cut it off (--cut; truncate -s 4)") {
		t.Errorf("exit status %d: %s", status, text)
	}
	passes(t, nil, "drain", name, "file:"+path, "--append", "--cut")
	if b, err := os.ReadFile(path); string(b) != numbered(0, 5) {
		t.Errorf("%q, %v", b, err)
	}
}

// What was there before is not fed.
func TestFollowFromEnd(t *testing.T) {
	name, path := ringName(t), filepath.Join(t.TempDir(), "in")
	must(t, os.WriteFile(path, []byte("before\n0"), 0o600))
	f := launch(t, nil, nil, "feed", "file:"+path, "--follow", "--from-end", name)
	attached(t, name, true, false)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = file.WriteString("\n1\n2\n")
	must(t, err)
	must(t, file.Close())
	if got := string(passes(t, nil, "consume", name, "--count", "3")); got != numbered(0, 3) {
		t.Errorf("%q", got)
	}
	if status := f.State().ExitCode(); status != 1 { // nobody wants more
		t.Errorf("exit status %d", status)
	}
}
