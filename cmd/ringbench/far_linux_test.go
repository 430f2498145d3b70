package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"annulus/ring/feed"
)

// A stage is a feed and a drain that meet at some far end.
type stage struct {
	name        string
	feed, drain []string // URLs, and flags
	drains      bool     // the drain listens, and has to be first
	ends        bool     // the feed ends by itself
}

// listening waits until a process says where it listens.
func (p *process) listening() (url string) {
	p.t.Helper()
	eventually(p.t, "it listens", func() bool {
		line, _, ok := strings.Cut(p.Complaints(), "\n")
		url = strings.TrimPrefix(line, "listening at ")
		return ok
	})
	return url
}

// through sends lines through a ring, a drain, a feed and another ring.
func (s stage) through(t *testing.T) {
	const n = 200 // as many as the kernel holds of UDP
	from, to, out := ringName(t), ringName(t), newReading(t)
	passes(t, []byte(numbered(0, n)), "produce", from)
	var f, d *process
	start := func(drain bool, peer *process) *process {
		args := append([]string{"feed"}, s.feed...)
		if drain {
			args = append([]string{"drain", from}, s.drain...)
		} else {
			args = append(args, to)
		}
		if at := slices.IndexFunc(args, func(a string) bool { return strings.HasSuffix(a, ":0") }); peer != nil && at >= 0 {
			args[at] = peer.listening() // where that is
		} else if peer != nil && slices.Contains(peer.cmd.Args, "--listen") {
			peer.listening()
		}
		return launch(t, nil, nil, args...)
	}
	if s.drains {
		d = start(true, nil)
		f = start(false, d)
	} else {
		f = start(false, nil)
		attached(t, to, true, false)
		d = start(true, f)
	}
	c := launch(t, nil, out.w, "consume", to)
	out.w.Close()
	got := out.lines(t, n)
	if !s.ends {
		f.Signal(syscall.SIGTERM)
	}
	got += out.rest(t)
	c.ends(0, "")
	if s.drains {
		d.Signal(syscall.SIGTERM)
	}
	for _, p := range []*process{f, d} {
		says := ""
		if slices.Contains(p.cmd.Args, "--listen") {
			says = "listening at "
		}
		p.ends(0, says)
	}
	if count(t, got) != n {
		t.Errorf("%d lines, want %d", strings.Count(got, "\n"), n)
	}
}

func TestFeedAndDrainEveryScheme(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	secured := certify(t, dir)
	key := in("key")
	must(t, os.WriteFile(key, nil, 0o600))
	id, err := feed.Ftok(key, 7)
	must(t, err)
	queue := strings.Replace(ringName(t), "ringbench", "/ringbench", 1)
	t.Cleanup(func() {
		must(t, feed.SysVQueue{Key: id}.Remove())
		must(t, feed.MessageQueue{Name: queue}.Remove())
	})
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	udp := "udp://" + free.LocalAddr().String()
	must(t, free.Close())
	stages := []stage{
		{name: "udp", feed: []string{udp, "--buffer", "200K"}, drain: []string{udp, "--lossy"}},
		{name: "unixgram", feed: []string{"unixgram://" + in("socket-gram")}, drain: []string{"unixgram://" + in("socket-gram")}},
		{name: "fifo", feed: []string{"fifo:" + in("fifo"), "--create", "--once"}, drain: []string{"fifo:" + in("fifo"), "--create"}, ends: true},
		{name: "mq", feed: []string{"mq:" + queue, "--create"}, drain: []string{"mq:" + queue, "--create", "--priority", "3"}},
		{name: "sysv", feed: []string{"sysv:" + key, "--project", "7", "--create", "--type", "5"}, drain: []string{fmt.Sprintf("sysv:%#x", uint32(id)), "--create", "--type", "5"}},
		{name: "file", feed: []string{"file:" + in("file"), "--follow"}, drain: []string{"file:" + in("file"), "--sync", "end"}},
	}
	for _, s := range []struct {
		name, url string
		flags     []string
	}{
		{"tcp", "tcp://127.0.0.1:0", []string{"--framing", "varint"}},
		{"tls", "tls://127.0.0.1:0", append(secured, "--framing", "length")},
		{"unix", "unix://" + in("socket"), nil},
		{"unixpacket", "unixpacket://" + in("socket-packet"), nil},
		{"abstract", "unix://@" + strings.TrimPrefix(queue, "/"), nil},
	} {
		with := func(flag ...string) []string { return append(append([]string{s.url}, flag...), s.flags...) }
		stages = append(stages,
			stage{name: s.name + "/feed listens", feed: with("--listen"), drain: with()},
			stage{name: s.name + "/drain listens", feed: with("--once"), drain: with("--listen"), drains: true})
	}
	for _, s := range stages {
		t.Run(s.name, s.through)
	}
	if left, _ := filepath.Glob(in("socket*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFeedStdinDrainStdout(t *testing.T) {
	whole := text(3 << 20)
	for _, flags := range [][]string{{"--framing", "raw"}, {"--framing", "lines", "--topology", "mpsc"}, {"--framing", "fixed:1", "--capacity", "8M"}} {
		name, out := ringName(t), newReading(t)
		d := launch(t, nil, out.w, append([]string{"drain", name, "stdout:", "--stats"}, flags...)...)
		out.w.Close()
		attached(t, name, false, true)
		f := launch(t, bytes.NewReader(whole[:1<<20]), nil, append([]string{"feed", "stdin:", name}, flags...)...)
		got := strings.TrimSuffix(out.rest(t), "\n")
		f.ends(0, "")
		d.ends(0, "received ")
		if got != string(bytes.TrimSuffix(whole[:1<<20], []byte("\n"))) {
			t.Errorf("%v: %d bytes came out, not the same", flags, len(got))
		}
	}
}

// Many connections share the producers of one ring; when feed is told to end, nothing is left
// behind, and what was sent is whole.
func TestFeedListensToMany(t *testing.T) {
	name, socket, out := ringName(t), filepath.Join(t.TempDir(), "s"), newReading(t)
	f := launch(t, nil, nil, "feed", "unix://"+socket, "--listen", "--topology", "mpsc", name)
	f.listening()
	const each, many = 200, 6
	for range many {
		c, err := net.Dial("unix", socket)
		must(t, err)
		defer c.Close()
		_, err = io.WriteString(c, numbered(0, each)+"cut o")
		must(t, err)
	}
	d := launch(t, nil, out.w, "drain", name, "stdout:")
	out.w.Close()
	got := out.lines(t, each*many)
	f.Signal(syscall.SIGTERM)
	got += out.rest(t)
	f.ends(0, "listening at ")
	d.ends(0, "")
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left")
	}
	if strings.Count(got, "\n199\n") != many || strings.Contains(got, "cut") {
		t.Errorf("%d lines, %q…", strings.Count(got, "\n"), got[len(got)-50:])
	}
}
