package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// A message too large, or cut off, is one line; what came before is delivered.
func TestBadMessages(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, c := range []struct{ name, in, flags, want, out string }{
		{"long line", "a\nb\n" + long + "\nc\n", "", "line 3 has 3000 bytes, ring %q of capacity 4096 takes at most 2040; remove it and create it with --capacity 8192", "a\nb\n"},
		{"just too long", "a\n" + long[:2041] + "\n", "", "line 2 has 2041 bytes", "a\n"},
		{"longer than any buffer", "a\n" + strings.Repeat(long, 300) + "\n", "", "line 2 has 900000 bytes, ring %q of capacity 4096 takes at most 2040; remove it and create it with --capacity 2097152", "a\n"},
		{"without newline", "a\n" + strings.Repeat(long, 300), "", "has 900000 bytes", "a\n"},
		{"long record", "\x01\x00\x00\x00a\xb8\x0b\x00\x00" + long, "--framing length", "record 2 has 3000 bytes, ring %q of capacity 4096 takes at most 2040; remove it and create it with --capacity 8192", "a\n"},
		{"huge record", "\x01\x00\x00\x00a\xff\xff\xff\xff", "--framing length", "record 2 has 4294967295 bytes, ring %q of capacity 4096 takes at most 2040, and no ring of topology spsc takes more than 2147483640; or stdin is not framed by lengths of 4 bytes, little-endian", "a\n"},
		{"great record", "\x01\x00\x00\x00a\xf8\xff\xff\x7f", "--framing length", "and create it with --capacity 4294967296; or stdin is not framed by lengths", "a\n"},
		{"cut length", "\x01\x00\x00\x00a\xff\xff", "--framing length", "message 2: bad frame: the stream ends in the length of a message: expected 4 bytes, found 2", "a\n"},
		{"cut record", "\x01\x00\x00\x00a\x05\x00\x00\x00bcd", "--framing length", "message 2: bad frame: the stream ends in a message: expected 5 bytes, found 3", "a\n"},
		{"missing record", "\x01\x00\x00\x00a\x05\x00\x00\x00", "--framing length", "message 2: bad frame: the stream ends in a message: expected 5 bytes, found 0", "a\n"},
		{"cut varint", "\x01a\x05bcd", "--framing varint", "message 2: bad frame: the stream ends in a message: expected 5 bytes, found 3", "a\n"},
		{"long varint", "\x01a\xb8\x17" + long, "--framing varint", "record 2 has 3000 bytes, ring %q of capacity 4096 takes at most 2040; remove it and create it with --capacity 8192; or stdin is not framed by varints", "a\n"},
		{"short fixed", "abcdefgh", "--framing fixed:3", "message 3: bad frame: the stream ends in a message: expected 3 bytes, found 2: unexpected EOF; all before it is sent", "abc\ndef\n"},
		{"large fixed", "abc", "--framing fixed:2041", "each record has 2041 bytes, ring %q of capacity 4096 takes at most 2040", ""},
		{"large raw", "abc", "--framing raw --max 4K", "a message of --max has 4096 bytes", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := ringName(t)
			status, out, errText := callWith(t, []byte(c.in), append([]string{"produce", "--capacity", "4K", name}, strings.Fields(c.flags)...)...)
			want := c.want
			if strings.Contains(want, "%q") {
				want = fmt.Sprintf(want, name)
			}
			if status != 1 || len(out) > 0 || strings.Count(errText, "\n") != 1 || !strings.Contains(errText, want) {
				t.Errorf("exit status %d, %q, %q", status, out, errText)
			}
			if d := look(t, name); d.Producer.Attached || d.Producer.Messages != uint64(strings.Count(c.out, "\n")) {
				t.Errorf("%+v", d.Producer)
			}
			if c.out == "" {
				return
			}
			if got := passes(t, nil, "consume", name); string(got) != c.out {
				t.Errorf("%q came out, want %q", got, c.out)
			}
		})
	}
}

// The capacity that an error names is enough.
func TestNamedCapacityWillDo(t *testing.T) {
	for _, n := range []int{2040, 2041, 4088, 4089, 70000} {
		line := []byte(strings.Repeat("x", n) + "\n")
		name := ringName(t)
		status, _, errText := callWith(t, line, "produce", "--capacity", "4K", name)
		if n <= 2040 {
			if status != 0 {
				t.Error(errText)
			}
			continue
		}
		_, hint, _ := strings.Cut(errText, "--capacity ")
		hint = strings.TrimSuffix(hint, "\n")
		must(t, ring.Remove(name))
		passes(t, line, "produce", "--capacity", hint, name)
		if got := passes(t, nil, "consume", name); string(got) != string(line) {
			t.Errorf("%d bytes came out, want %d", len(got), len(line))
		}
	}
}

// A ring of slots takes messages of its size only.
func TestRingOfSlots(t *testing.T) {
	name := ringName(t)
	r, err := ring.Create(name, ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 3})
	must(t, err)
	must(t, r.Close())
	for flags, want := range map[string]string{
		"": "line 2 has 2 bytes, ring", "--framing fixed:4": "of kind slots takes only messages of 3; use --framing fixed:3", "--framing raw": "use --framing fixed:3",
	} {
		status, _, errText := callWith(t, []byte("abc\nde\n"), append([]string{"produce", name}, strings.Fields(flags)...)...)
		if status != 1 || !strings.Contains(errText, want) || strings.Count(errText, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q", flags, status, errText)
		}
	}
	passes(t, []byte("ghi"), "produce", name, "--framing", "fixed:3")
	if got := passes(t, nil, "consume", name); string(got) != "abc\nghi\n" {
		t.Errorf("%q", got)
	}
	if _, out, _ := call("inspect", name); !strings.Contains(out, "slots: 4 of 3 bytes") {
		t.Errorf("%s", out)
	}
}

// Each file that is no sound ring is one line and exit status 1 for every
// command, and is left alone.
func TestBadRings(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, change func(b []byte) []byte) string {
		path := filepath.Join(dir, name)
		r, err := ring.CreateFile(path, ring.Config{Capacity: 4096})
		must(t, err)
		must(t, r.Close())
		b, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(b), 0o600))
		return path
	}
	seal := func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.Checksum(b))
		return b
	}
	must(t, os.Symlink("text", filepath.Join(dir, "symlink")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	for path, want := range map[string]string{
		file("text", func(b []byte) []byte { return []byte(strings.Repeat("no ring ", 1000)) }): "not a ring",
		file("newer", func(b []byte) []byte { b[8] = 2; return seal(b) }):                       "it is 2.0, this program speaks 1.x",
		file("feature", func(b []byte) []byte { b[37] = 1; return seal(b) }):                    "feature",
		file("damaged", func(b []byte) []byte { b[100]++; return b }):                           "damaged",
		file("capacity", func(b []byte) []byte { b[56] = 1; return seal(b) }):                   "impossible ring geometry",
		file("truncated", func(b []byte) []byte { return b[:8192] }):                            "shorter",
		file("short", func(b []byte) []byte { return b[:100] }):                                 "the header alone has 256",
		file("empty", func(b []byte) []byte { return nil }):                                     "empty",
		file("zeros", func(b []byte) []byte { return make([]byte, 4096) }):                      "not initialised",
		file("swapped", func(b []byte) []byte {
			b[0], b[7], b[1], b[6] = 0x1A, 'A', 'S', 'N'
			b[2], b[5], b[3], b[4] = 'U', 'N', 'L', 'U'
			return b
		}): "byte",
		dir:                           "a directory",
		filepath.Join(dir, "symlink"): "a symbolic link",
		filepath.Join(dir, "fifo"):    "a FIFO",
	} {
		for _, command := range []string{"produce", "consume", "inspect", "remove"} {
			status, out, errText := callWith(t, []byte("a\n"), command, "--path", path)
			if status != 1 || len(out) > 0 || strings.Count(errText, "\n") != 1 || !strings.Contains(errText, want) {
				t.Errorf("%s %s: exit status %d, %q, %q, want %q", command, filepath.Base(path), status, out, errText, want)
			}
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	for _, command := range []string{"inspect", "remove", "remove --force"} {
		status, _, errText := call(strings.Fields(command + " " + ringName(t))...)
		if status != 1 || !strings.HasSuffix(errText, "no such file or directory; ringbench list shows the rings there are\n") || strings.Count(errText, "\n") != 1 {
			t.Errorf("%s of no ring: exit status %d, %q", command, status, errText)
		}
	}
	status, _, errText := callWith(t, nil, "produce", "--path", filepath.Join(dir, "none", "ring"))
	if status != 1 || !strings.Contains(errText, "no such file") {
		t.Errorf("no directory: exit status %d, %q", status, errText)
	}
}

func TestRoleTaken(t *testing.T) {
	name := ringName(t)
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	defer r.Close()
	_, err = r.Producer()
	must(t, err)
	_, err = r.Consumer()
	must(t, err)
	for _, command := range []string{"produce", "consume"} {
		status, out, errText := callWith(t, []byte("a\n"), command, name)
		if status != 1 || len(out) > 0 || !strings.Contains(errText, fmt.Sprintf("(pid %d)", os.Getpid())) || strings.Count(errText, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q, %q", command, status, out, errText)
		}
	}
}

// Another user may neither use nor see a ring.
func TestNoPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to start a process of another user")
	}
	name := ringName(t)
	passes(t, []byte("a\n"), "produce", name)
	for _, command := range []string{"produce", "consume", "inspect", "remove", "remove --force"} {
		cmd := ringbench(t, append(strings.Fields(command), name)...)
		cmd.SysProcAttr = asNobody
		p := launchCmd(t, nil, nil, cmd)
		want := "permission denied"
		if command == "remove --force" {
			want = "not permitted" // a sticky directory
		}
		p.ends(1, want)
	}
	list := ringbench(t, "list")
	list.SysProcAttr = asNobody
	out, err := list.CombinedOutput()
	if err != nil || strings.Contains(string(out), name) || !strings.Contains(string(out), "may not be read") {
		t.Errorf("%v: %s", err, out)
	}
}

// The file under a ring is cut while both sides use it.
func TestTruncatedWhileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	for _, framing := range []string{"lines", "raw"} {
		out := newReading(t)
		c := launch(t, nil, out.w, "consume", "--path", path, "--framing", framing)
		eventually(t, "the consumer has made it", func() bool { return look(t, path).Consumer.Attached })
		p := launch(t, endless(t), nil, "produce", "--path", path, "--framing", framing)
		out.lines(t, 1000)
		must(t, os.Truncate(path, 4096))
		out.w.Close()
		got := out.rest(t)
		c.ends(1, "truncated")
		p.ends(1, "truncated")
		if strings.Contains(got, "\x00") {
			t.Errorf("%s: zeros came out", framing)
		}
		must(t, os.Remove(path))
	}
}

// A policy for slow consumers is for broadcast rings: it does not overrule --topology.
func TestOverrunOfAnotherTopology(t *testing.T) {
	for _, topology := range []string{"spsc", "mpsc", "mpsc-ordered"} {
		status, _, errText := callWith(t, nil, "produce", "--topology", topology, "--overrun", "drop", ringName(t))
		if status != 2 || !strings.Contains(errText, "overwrite, block and drop are for broadcast rings") {
			t.Errorf("%s: exit status %d, %q", topology, status, errText)
		}
	}
}
