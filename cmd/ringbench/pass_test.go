package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// text is some megabytes of lines, empty and long ones among them, that ends
// without a newline.
func text(size int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, size+1<<16)
	for line := 0; len(b) < size; line++ {
		n := rnd.IntN(120)
		switch line % 100 {
		case 7, 8:
			n = 0
		case 50:
			n = rnd.IntN(1 << 15)
		}
		for range n {
			b = append(b, " etaoinshrdlu\x00\r\xff"[rnd.IntN(16)])
		}
		b = append(b, '\n')
	}
	return b[:size-1]
}

// prefixed makes records out of lines.
func prefixed(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(line)-1))
		out = append(out, line[:len(line)-1]...)
	}
	return out
}

// A file comes through byte for byte, whoever starts first.
func TestFileThroughRing(t *testing.T) {
	lines := text(10 << 20)
	whole := append(lines[:len(lines):len(lines)], '\n')
	for _, c := range []struct {
		framing       string
		consumerFirst bool
		in, out       []byte
		flags         []string
	}{
		{"lines", false, whole, whole, nil},
		{"lines", true, lines, whole, []string{"--wait", "futex"}}, // the missing newline comes back
		{"length", true, prefixed(whole), prefixed(whole), []string{"--capacity", "128K"}},
		{"length", false, prefixed(whole), prefixed(whole), []string{"--wait", "semaphore"}},
		{"fixed:8", true, whole[:1<<20], whole[:1<<20], nil},
		{"fixed:40000", false, whole[:80*40000], whole[:80*40000], []string{"--wait", "yield"}},
		{"raw", true, lines, lines, nil},
		{"raw", false, lines, lines, []string{"--capacity", "4K"}},
	} {
		t.Run(fmt.Sprintf("%s/consumer first %v", c.framing, c.consumerFirst), func(t *testing.T) {
			name, dir := ringName(t), t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "in"), c.in, 0o600))
			in, err := os.Open(filepath.Join(dir, "in"))
			must(t, err)
			defer in.Close()
			out, err := os.Create(filepath.Join(dir, "out"))
			must(t, err)
			defer out.Close()
			var stdin io.Reader = in
			if c.consumerFirst {
				stdin = io.MultiReader(in) // through a pipe
			}
			flags := append([]string{name, "--framing", c.framing}, c.flags...)
			var p, q *process
			if c.consumerFirst {
				q = launch(t, nil, out, append([]string{"consume"}, flags...)...)
				attached(t, name, false, true)
				p = launch(t, stdin, nil, append([]string{"produce"}, flags...)...)
			} else {
				p = launch(t, stdin, nil, append([]string{"produce"}, flags...)...)
				eventually(t, "something is sent", func() bool { return look(t, name).Producer.Messages > 0 })
				q = launch(t, nil, out, append([]string{"consume"}, flags...)...)
			}
			p.ends(0, "")
			q.ends(0, "")
			got, err := os.ReadFile(out.Name())
			must(t, err)
			if sha256.Sum256(got) != sha256.Sum256(c.out) {
				t.Errorf("%d bytes came out, %d went in, not the same", len(got), len(c.in))
			}
		})
	}
}

func TestSmallInputs(t *testing.T) {
	for _, c := range []struct{ framing, in, out string }{
		{"lines", "", ""}, {"lines", "\n", "\n"}, {"lines", "\n\n\n", "\n\n\n"}, {"lines", "a", "a\n"}, {"lines", "\r\nx", "\r\nx\n"},
		{"length", "", ""}, {"length", "\x00\x00\x00\x00", "\x00\x00\x00\x00"}, {"length", "\x01\x00\x00\x00a\x00\x00\x00\x00", "\x01\x00\x00\x00a\x00\x00\x00\x00"},
		{"fixed:3", "", ""}, {"fixed:3", "abcdef", "abcdef"}, {"raw", "", ""}, {"raw", "\n\n", "\n\n"},
	} {
		path := filepath.Join(t.TempDir(), "ring")
		passes(t, []byte(c.in), "produce", "--path", path, "--framing", c.framing)
		if got := passes(t, nil, "consume", "--path", path, "--framing", c.framing); string(got) != c.out {
			t.Errorf("%s: %q came out of %q, want %q", c.framing, got, c.in, c.out)
		}
	}
}

// Each message can be written in another way than it was read.
func TestFramingsMeet(t *testing.T) {
	name := ringName(t)
	for framing, want := range map[string]string{"lines": "ab\n\ncde\n", "length": "\x02\x00\x00\x00ab\x00\x00\x00\x00\x03\x00\x00\x00cde", "raw": "abcde"} {
		passes(t, []byte("ab\n\ncde"), "produce", name)
		if got := passes(t, nil, "consume", "--framing", framing, name); string(got) != want {
			t.Errorf("%s: %q, want %q", framing, got, want)
		}
	}
	passes(t, []byte("abcdefgh"), "produce", name, "--framing", "raw", "--max", "3")
	if got := passes(t, nil, "consume", name); string(got) != "abc\ndef\ngh\n" {
		t.Errorf("raw in pieces of 3: %q", got)
	}
}

// Raw pieces are cut to what the ring takes.
func TestRawThroughSlots(t *testing.T) {
	in, name := text(100<<10), ringName(t)
	p := launch(t, bytes.NewReader(in), nil, "produce", name, "--framing", "raw", "--topology", "mpmc", "--slot-size", "1000", "--capacity", "16K")
	eventually(t, "something is sent", func() bool { return look(t, name).Producer.Messages > 0 })
	if got := passes(t, nil, "consume", name, "--framing", "raw"); !bytes.Equal(got, in) {
		t.Errorf("%d bytes came out, %d went in, not the same", len(got), len(in))
	}
	p.ends(0, "")
}

func TestTwoSessions(t *testing.T) {
	name := ringName(t)
	for _, s := range []string{"one\n", "two\nthree\n"} {
		passes(t, []byte(s), "produce", name)
		if got := passes(t, nil, "consume", name); string(got) != s {
			t.Errorf("%q, want %q", got, s)
		}
	}
	passes(t, []byte("4\n"), "produce", name)
	passes(t, []byte("5\n"), "produce", name)
	if got := passes(t, nil, "consume", name); string(got) != "4\n5\n" {
		t.Errorf("%q of two sessions before one consumer", got)
	}
}

func TestCountAndStats(t *testing.T) {
	name := ringName(t)
	status, out, errText := callWith(t, []byte(numbered(0, 5000)), "produce", "--stats", name)
	if status != 0 || len(out) > 0 || !strings.HasPrefix(errText, "sent 5000 messages, 18890 bytes in ") {
		t.Fatalf("%d, %q, %q", status, out, errText)
	}
	got := string(passes(t, nil, "consume", name, "--count", "1"))
	got += string(passes(t, nil, "consume", name, "--count", "3000"))
	if d := look(t, name); d.Consumer.Messages != 3001 || d.Positions.Messages != 1999 || d.Consumer.State != "closed" {
		t.Errorf("%+v", d)
	}
	status, out, errText = callWith(t, nil, "consume", name, "--stats", "--count", "9999")
	if n := count(t, got+string(out)); n != 5000 || status != 0 || !strings.HasPrefix(errText, "received 1999 messages, 7996 bytes in ") {
		t.Errorf("%d lines, %d, %q", n, status, errText)
	}
}

// Whoever watches sees each line at once.
func TestLinesAtOnce(t *testing.T) {
	name := ringName(t)
	inR, inW, err := os.Pipe()
	must(t, err)
	outR, outW, err := os.Pipe()
	must(t, err)
	p := launch(t, inR, nil, "produce", name)
	q := launch(t, nil, outW, "consume", name)
	inR.Close()
	outW.Close()
	defer outR.Close()
	for _, line := range []string{"a\n", "\n", "and so on\n"} {
		_, err := inW.WriteString(line)
		must(t, err)
		got := make([]byte, len(line))
		if _, err := io.ReadFull(outR, got); err != nil || string(got) != line {
			t.Fatalf("%q, %v, want %q", got, err, line)
		}
	}
	must(t, inW.Close())
	p.ends(0, "")
	q.ends(0, "")
}
