package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

// A ring that produce creates for many producers and consumers: each line comes out once,
// at whichever of two that consume at a time.
func TestManyToMany(t *testing.T) {
	name := ringName(t)
	ins, outs := []*reading{newReading(t), newReading(t)}, []*reading{newReading(t), newReading(t)}
	var all []*process
	for i := range 2 {
		all = append(all, launch(t, ins[i].r, nil, "produce", "--topology", "mpmc", "--slot-size", "16", "--capacity", "4K", name))
		eventually(t, "it is there", func() bool { return len(look(t, name).Members) == 2*i+1 })
		all = append(all, launch(t, nil, outs[i].w, "consume", name))
		eventually(t, "it is there", func() bool { return len(look(t, name).Members) == 2*i+2 })
	}
	const n = 3000 // less than the pipes hold
	for i, in := range ins {
		go func() {
			for k := range n / 100 {
				var b strings.Builder
				for m := range 100 {
					fmt.Fprintf(&b, "%d %d\n", i, k*100+m)
				}
				io.WriteString(in.w, b.String())
			}
			in.w.Close()
		}()
	}
	var got []string
	for _, out := range outs {
		out.w.Close()
		got = append(got, strings.Fields(strings.ReplaceAll(out.rest(t), " ", ":"))...)
	}
	for _, p := range all {
		p.ends(0, "")
	}
	slices.Sort(got)
	came := len(got)
	if got = slices.Compact(got); came != 2*n || len(got) != 2*n {
		t.Errorf("%d lines came out, %d of them different, want %d", came, len(got), 2*n)
	}
	d := look(t, name)
	if d.Header.Topology != "mpmc" || d.Header.Capacity != 256 || d.Header.SlotSize != 16 || !d.config.Redeliver {
		t.Errorf("%+v", d.Header)
	}
}

// What consume has not written comes again, from an mpmc ring too, unless a program
// created it to drop that: then consume says so.
func TestManyStdoutBreaks(t *testing.T) {
	for _, redeliver := range []bool{true, false} {
		name := ringName(t)
		r, err := ring.Create(name, ring.Config{Topology: ring.MPMC, SlotSize: 16, Redeliver: redeliver})
		must(t, err)
		must(t, r.Close())
		passes(t, []byte(numbered(0, 100)), "produce", name)
		out := newReading(t)
		out.r.Close()
		c := launch(t, nil, out.w, "consume", name)
		out.w.Close()
		want := map[bool]string{true: "the rest stays in the ring", false: "some were in hand and are dropped"}[redeliver]
		c.ends(1, want)
		passes(t, []byte("end\n"), "produce", name)
		left := strings.Fields(string(passes(t, nil, "consume", name)))
		slices.Sort(left) // what was in hand comes last
		come := strings.Fields("end")
		if redeliver {
			come = strings.Fields(numbered(0, 100) + "end")
		}
		if slices.Sort(come); !slices.Equal(left, come) {
			t.Errorf("redeliver %v: %d lines are left, want %d", redeliver, len(left), len(come))
		}
	}
}

// A producer whose stdin is idle in the middle of a message holds up nobody.
func TestIdleAmongMany(t *testing.T) {
	begun := map[string]string{"raw": "", "fixed:8": "abc", "length": "\x03\x00\x00\x00ab", "lines": "ab"}
	for _, topology := range []string{"mpmc", "mpsc", "mpsc-ordered"} {
		for framing, part := range begun {
			name, in := ringName(t), newReading(t)
			p := launch(t, in.r, nil, "produce", "--topology", topology, "--framing", framing, name)
			eventually(t, "it is there", func() bool { return len(look(t, name).Members) == 1 })
			in.w.WriteString(part)
			eventually(t, "it has read that", func() bool {
				n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.r.Fd()), Events: unix.POLLIN}}, 0)
				return n == 0 && err == nil
			})
			passes(t, []byte("1\n2\n"), "produce", name)
			if got := passes(t, nil, "consume", name, "--count", "2"); string(got) != "1\n2\n" {
				t.Errorf("%s, %s: %q", topology, framing, got)
			}
			p.Kill()
		}
	}
}

// --members is how many there may be, and holds for a ring that is there.
func TestMembers(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\n"), "produce", "--topology", "mpsc", "--members", "3", "--capacity", "8K", name)
	if d := look(t, name); d.config.Members != 3 {
		t.Errorf("%d members", d.config.Members)
	}
	passes(t, []byte("b\n"), "produce", "--topology", "mpsc", name)
	passes(t, []byte("c\n"), "produce", name)
	status, _, errText := callWith(t, nil, "produce", "--topology", "mpsc", "--members", "4", name)
	if status != 1 || !strings.Contains(errText, "its members is 3, want 4") {
		t.Errorf("exit status %d, %q", status, errText)
	}
}

// Each consumer of a broadcast ring has what waits for it: there is no one number.
func TestBroadcastIsNotCounted(t *testing.T) {
	name := ringName(t)
	r, err := ring.OpenOrCreate(name, ring.Config{Topology: ring.Broadcast})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	var consumers []*ring.Consumer
	for range 2 {
		c, err := r.Consumer()
		must(t, err)
		consumers = append(consumers, c)
	}
	must(t, p.TrySend([]byte("a")))
	for _, c := range consumers {
		if _, err := c.TryRecv(nil); err != nil {
			t.Fatal(err)
		}
	}
	pid := fmt.Sprintf("a producer (pid %d) and a consumer (pid %[1]d) and a consumer (pid %[1]d)", r.Info().CreatorPID)
	if status, _, errText := call("remove", name); status != 1 || !strings.Contains(errText, "in use by "+pid) {
		t.Errorf("exit status %d, %q", status, errText)
	}
	must(t, r.Close())
	_, out, _ := call("list")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); f[0] == name && (f[1] != "broadcast" || f[7] != "-" || f[8] != "2") {
			t.Errorf("%q", line)
		}
	}
	if _, out, _ := call("remove", name); out != fmt.Sprintf("removed %q, a broadcast ring\n", name) {
		t.Errorf("%q", out)
	}
}
