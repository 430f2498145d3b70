package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"annulus/ring"
)

// A consumer that waits for a producer says so, once, and why.
func TestLonelyConsumer(t *testing.T) {
	missing, empty, drained := ringName(t), ringName(t), ringName(t)
	r, err := ring.Create(empty, ring.Config{})
	must(t, err)
	must(t, r.Close())
	passes(t, []byte("a\n"), "produce", drained)
	passes(t, nil, "consume", drained)
	for name, why := range map[string]string{
		missing: "it was not there and has been created; no producer has come yet",
		empty:   "no producer has come yet",
		drained: "its last producer has closed, and nothing is left of what it sent",
	} {
		cmd := ringbench(t, "consume", name)
		cmd.Env = append(cmd.Env, asLonely+"=1ms")
		var out bytes.Buffer
		c := launchCmd(t, nil, &out, cmd)
		want := fmt.Sprintf("ring %q: %s; waiting for one; Ctrl-C to stop\n", name, why)
		eventually(t, "it says so", func() bool { return c.Complaints() != "" })
		passes(t, []byte("b\n"), "produce", name)
		c.ends(0, want)
		if c.Complaints() != want || out.String() != "b\n" {
			t.Errorf("%q, %q, want %q", out.String(), c.Complaints(), want)
		}
	}
}

func TestExisting(t *testing.T) {
	for _, command := range []string{"produce", "consume"} {
		name := ringName(t)
		status, _, errText := callWith(t, nil, command, "--existing", name)
		if status != 1 || !strings.HasSuffix(errText, "no such file or directory; ringbench list shows the rings there are\n") {
			t.Errorf("%s: exit status %d, %q", command, status, errText)
		}
		passes(t, []byte("a\n"), "produce", name)
		passes(t, nil, command, "--existing", name)
	}
}

// A capacity that does not count is not ignored in silence.
func TestCapacityOfAnExistingRing(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\n"), "produce", name, "--capacity", "64K")
	passes(t, []byte("b\n"), "produce", name, "--capacity", "65536")
	status, out, errText := callWith(t, nil, "consume", name, "--capacity", "1M")
	want := fmt.Sprintf("ring %q is there already and keeps its capacity of 65536 bytes, not --capacity 1048576\n", name)
	if status != 0 || string(out) != "a\nb\n" || errText != want {
		t.Errorf("exit status %d, %q, %q, want %q", status, out, errText, want)
	}
	slots := ringName(t)
	r, err := ring.Create(slots, ring.Config{Kind: ring.Slots, Capacity: 4096, SlotSize: 8})
	must(t, err)
	must(t, r.Close())
	if _, _, errText = callWith(t, nil, "produce", slots, "--capacity", "4K"); !strings.Contains(errText, "4096 slots of 8 bytes") {
		t.Errorf("%q", errText)
	}
}

// A message that --framing fixed:N of the consumer does not allow stays in the
// ring, with all that follows; what was before it is written and released.
func TestFramingsThatDiffer(t *testing.T) {
	for i, good := range []int{0, 1, 3000, 0, 1, 3000, 0, 1, 3000} {
		topology := []string{"spsc", "mpsc", "mpsc-ordered"}[i/3]
		name := ringName(t)
		before := strings.Repeat("12345678\n", good)
		passes(t, []byte(before+"123\n12345678\n"), "produce", "--topology", topology, name)
		status, out, errText := callWith(t, nil, "consume", "--framing", "fixed:8", name)
		want := fmt.Sprintf("message %d has 3 bytes, --framing fixed:8 takes only messages of 8; give both sides the same --framing", good+1)
		if status != 1 || string(out) != strings.ReplaceAll(before, "\n", "") || strings.Count(errText, "\n") != 1 || !strings.Contains(errText, want) {
			t.Errorf("%s: exit status %d, %d bytes, %q, want %q", topology, status, len(out), errText, want)
		}
		if rest := passes(t, nil, "consume", name); string(rest) != "123\n12345678\n" {
			t.Errorf("%s: %q is left", topology, rest)
		}
	}
}

// A producer whose stdin is idle ends with its consumer.
func TestIdleProducerEndsWithConsumer(t *testing.T) {
	for _, framing := range []string{"lines", "length", "raw", "fixed:2"} {
		idle, w, err := os.Pipe()
		must(t, err)
		name := ringName(t)
		p := launch(t, idle, nil, "produce", name, "--framing", framing)
		must(t, idle.Close())
		_, err = w.WriteString(map[string]string{"length": "\x02\x00\x00\x00", "lines": "a\nb"}[framing] + "b\n")
		must(t, err)
		want := uint64(1)
		eventually(t, "it has sent", func() bool { return look(t, name).Producer.Messages >= want })
		if d := look(t, name); d.Producer.State != "attached" {
			t.Errorf("%s: the producer is %s before a consumer came", framing, d.Producer.State)
		}
		passes(t, nil, "consume", name, "--count", "1")
		p.ends(1, "has closed it")
		must(t, w.Close())
	}
}

func TestVersion(t *testing.T) {
	if status, out, errText := call("version"); status != 0 || errText != "" || !strings.Contains(out, "layout     1.0\n") || !strings.Contains(out, "go         go1.") {
		t.Errorf("exit status %d, %q, %q", status, out, errText)
	}
	for want, build := range map[string]*debug.BuildInfo{
		"ringbench  unknown\nrevision   unknown\ngo         unknown\n": nil,
		"ringbench  v1.2.3\nrevision   abc of 2026-01-02T03:04:05Z, modified\ngo         go1.26\n": {
			GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"}},
		},
	} {
		var b bytes.Buffer
		must(t, printVersion(&b, build))
		if !strings.HasPrefix(b.String(), want) {
			t.Errorf("%q, want %q", b.String(), want)
		}
	}
}

// What is no terminal gets a line for each short measurement, not more.
func TestPlainProgress(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b}
	o := &options{duration: 388888888}
	m := measurement{p: o.params("throughput", nil)}
	p.begin(1, 2, "short", &m.p)
	p.update(1234567, 2e8)
	o.duration = 3600e9
	m.p = o.params("throughput", nil)
	p.begin(2, 2, "long", &m.p)
	p.update(1234567, 234e6)
	p.update(2234567, 334e6)
	m.p.Count = 5000000
	p.begin(2, 2, "counted", &m.p)
	p.update(1234567, 234e6)
	p.end()
	want := "[1/2] short\n[2/2] long\n[2/2] long: 1.23 M messages, 200ms of 1h0m0s\n[2/2] counted\n[2/2] counted: 1.23 M of 5.00 M messages, 200ms\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestCrowded(t *testing.T) {
	for _, c := range []struct {
		load string
		cpus int
		want string
	}{
		{"0.31 0.2 0.1 1/100 42", 2, ""}, {"0.61 0.2 0.1 1/100 42", 2, "load average was 0.6 on 2 when"},
		{"5.9 0 0", 8, ""}, {"7.00 0 0", 8, "7.0 on 8"}, {"1.00 0 0", 1, "1.0 on 1"}, {"0.1 0 0", 1, ""}, {"", 2, ""}, {"strange", 2, ""},
	} {
		if got := crowded(c.load, c.cpus); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q on %d: %q, want %q", c.load, c.cpus, got, c.want)
		}
	}
}

func TestInspectNamesTheTopology(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPMC, ring.MPSC, ring.Broadcast} {
		name := ringName(t)
		c := ring.Config{Kind: ring.Slots, SlotSize: 8, Topology: topology}
		if topology == ring.Broadcast {
			c = ring.Config{Topology: topology}
		}
		r, err := ring.Create(name, c)
		must(t, err)
		must(t, r.Close())
		if got := look(t, name).Header.Topology; got != strings.ToLower(topology.String()) {
			t.Errorf("%s, want %v", got, topology)
		}
	}
}

// Of a broadcast ring every consumer prints everything that is still there, and says what is
// not; inspect shows how slow consumers are dealt with.
func TestBroadcastFromTheShell(t *testing.T) {
	for _, overrun := range []string{"overwrite", "block", "drop"} {
		name := ringName(t)
		in := "abc\ndef\n"
		passes(t, []byte(in), "produce", name, "--topology", "broadcast", "--overrun", overrun, "--capacity", "4K")
		want := in
		if overrun != "overwrite" {
			want = "def\n" // the last
		}
		for range 2 {
			if got := passes(t, nil, "consume", name); string(got) != want {
				t.Errorf("%s: %q, want %q", overrun, got, want)
			}
		}
		if h := look(t, name).Header; h.Overrun != overrun || h.Capacity != 4096 {
			t.Errorf("inspect: %+v, want %s", h, overrun)
		}
		if out := passes(t, nil, "inspect", name); !strings.Contains(string(out), "broadcast ("+overrun+")") {
			t.Errorf("%s", out)
		}
		if status, _, text := callWith(t, nil, "produce", name, "--topology", "spsc"); status != 1 || !strings.Contains(text, "topology is broadcast, want SPSC") {
			t.Errorf("exit status %d, %q", status, text)
		}
	}
}

// Slots of a ring for many may be filled in part: so every framing fits.
func TestFramingsOfManyProducers(t *testing.T) {
	name := ringName(t)
	r, err := ring.Create(name, ring.Config{Topology: ring.MPMC, SlotSize: 8})
	must(t, err)
	must(t, r.Close())
	for _, framing := range []string{"lines", "length", "raw", "fixed:3"} {
		in := map[string]string{"length": "\x02\x00\x00\x00ab", "fixed:3": "abcdef"}[framing]
		if in == "" {
			in = "abc\ndef\n"
		}
		passes(t, []byte(in), "produce", name, "--framing", framing)
		if got := passes(t, nil, "consume", name, "--framing", framing); string(got) != in {
			t.Errorf("%s: %q, want %q", framing, got, in)
		}
	}
	status, _, errText := callWith(t, []byte("123456789\n"), "produce", name)
	if status != 1 || !strings.HasSuffix(errText, "of kind slots takes at most 8; remove it and create it with --slot-size 9\n") {
		t.Errorf("exit status %d, %q", status, errText)
	}
}
