package peers_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

func TestPeerCreatesGoOpens(t *testing.T) {
	inEach(t, "spsc create", func(t *testing.T, l program) {
		for _, k := range []struct {
			config ring.Config
			args   []string
			stream stream
		}{
			{ring.Config{Kind: ring.Bytes, Capacity: 8192}, []string{"--capacity", "8192"}, anySize},
			{ring.Config{Kind: ring.Slots, Capacity: 8, SlotSize: 61}, []string{"--kind", "slots", "--capacity", "8", "--size", "61"}, slotSize},
		} {
			t.Run(k.config.Kind.String(), func(t *testing.T) {
				name := freeName(t)
				expect(t, start(t, l.peer(t, append([]string{"create", name}, k.args...)...)).Done(), "created")
				mentions(t, start(t, l.peer(t, "create", name)).Fails(), "name is taken")
				if _, err := ring.Create(name, k.config); !errors.Is(err, fs.ErrExist) {
					t.Fatalf("create over it: %v, want %v", err, fs.ErrExist)
				}
				r, err := ring.OpenOrCreate(name, k.config) // compares the configuration
				must(t, err)
				defer r.Close()
				c := start(t, l.peer(t, append([]string{"recv", name}, k.stream.args()...)...))
				p := producer(t, r)
				must(t, send(patient(t), p, k.stream, 0, 1000, 1))
				must(t, p.Close())
				expect(t, c.Done(), "received 1000 ok")
			})
		}
	})
}

// The peer and Go say the same of a ring that Go has made in a file; and of files that
// are not to be had.
func TestFiles(t *testing.T) {
	inEach(t, "spsc create", func(t *testing.T, l program) {
		dir := t.TempDir()
		path := filepath.Join(dir, "ring")
		mentions(t, start(t, l.peer(t, "check", path)).Fails(), "no such ring")
		mentions(t, start(t, l.peer(t, "check", dir)).Fails(), "not a regular file")
		r, err := ring.CreateFile(path, ring.Config{Capacity: 4096})
		must(t, err)
		defer r.Close()
		expect(t, start(t, l.peer(t, "check", path)).Done(), "ok")
		must(t, r.Region().Check())
		text := filepath.Join(dir, "text")
		must(t, os.WriteFile(text, []byte(strings.Repeat("no ring\n", 1000)), 0o600))
		mentions(t, start(t, l.peer(t, "check", text)).Fails(), "not a ring")
		link := filepath.Join(dir, "link")
		must(t, os.Symlink(path, link))
		mentions(t, start(t, l.peer(t, "check", link)).Fails(), "not a regular file")

		made := filepath.Join(dir, "made")
		p := start(t, l.peer(t, "create", made, "--capacity", "4096"))
		if err := p.End(); err != nil && strings.Contains(p.Complaints(), "not supported here") {
			testutil.Absent(t, "no unnamed files in %s", dir)
		}
		p.Done()
		r2, err := ring.OpenFile(made)
		must(t, err)
		defer r2.Close()
		if got, want := r2.Config(), r.Config(); got != want {
			t.Errorf("made by the peer: %+v, by Go: %+v", got, want)
		}
	})
}

func TestPeerRefusesConfig(t *testing.T) {
	inEach(t, "spsc create", func(t *testing.T, l program) {
		name := freeName(t)
		for args, want := range map[string]string{
			"--capacity 5000":                                "powers of two",
			"--capacity 2048":                                "capacity is 2048, want 4096 to 4294967296",
			"--capacity 8589934592":                          "capacity is 8589934592",
			"--kind slots --capacity 1 --size 8":             "slots is 1, want 2 to 1073741824",
			"--kind slots --size 0":                          "slot size is 0, want 1 to 16777216",
			"--kind slots --size 16777217":                   "slot size is 16777217",
			"--kind slots --size 16777216 --capacity 131072": "data size is 2199024304128",
		} {
			got := start(t, l.peer(t, append([]string{"create", name}, strings.Fields(args)...)...)).Fails()
			mentions(t, got, "impossible ring geometry")
			if l.name == "c" { // the words of DETAIL are its own
				mentions(t, got, want)
			}
			if _, err := ring.Open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s: something was left behind: %v", args, err)
			}
		}
		mentions(t, start(t, l.peer(t, "create", strings.Repeat("n", 300))).Fails(), "invalid argument")
		mentions(t, start(t, l.peer(t, "check", fmt.Sprintf("fd:%d", 99))).Fails(), "system call failed")
	})
}
