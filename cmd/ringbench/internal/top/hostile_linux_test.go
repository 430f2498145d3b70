package top

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/ring"
)

// What others put into names does nothing to a terminal, where an error repeats it neither.
func TestHostileNames(t *testing.T) {
	const evil = "a\x1b]0;owned\a\x1b[2J\nb\u009b31m\u202e"
	name := posix(t) + evil
	path := filepath.Join(t.TempDir(), "c"+evil)
	head := mem.View(new(uint64(layout.Magic)))
	must(t, os.WriteFile("/dev/shm/"+name, append(head, make([]byte, 8192)...), 0o600))
	defer os.Remove("/dev/shm/" + name)
	must(t, os.WriteFile(path, append(head, 1), 0o600))
	gone := filepath.Join(t.TempDir(), "gone"+evil)
	w := watch(t, name, path, gone)
	r := w.Look(0)
	var h History
	rows := h.Add(r, time.Second)
	var out strings.Builder
	must(t, Print(&out, r, rows))
	v := NewView(time.Second)
	v.Width, v.Height = 300, 50
	v.Show(r, rows)
	for range rows {
		for _, key := range []Key{KeyEnter, KeyEscape, KeyDown} {
			v.Press(key, "")
			for _, l := range v.Lines() {
				out.WriteString(l.Text)
			}
		}
	}
	for _, s := range r.Samples {
		if s.Err == "" {
			t.Errorf("no error of %q", s.Name)
		}
	}
	if text := strings.ReplaceAll(out.String(), "\n", ""); len(r.Samples) != 3 || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) || !strings.Contains(text, `\x1b[2J`) {
		t.Errorf("%d samples, %q", len(r.Samples), text)
	}
}

// FIFOs, sockets, directories, devices and links are neither waited for nor followed.
func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, syscall.Mkfifo(at("fifo"), 0o600))
	must(t, os.Mkdir(at("dir"), 0o700))
	must(t, os.Symlink("/dev/zero", at("link")))
	must(t, os.WriteFile(at("empty"), nil, 0o600))
	w := watch(t, at("fifo"), at("dir"), at("link"), at("empty"), "/dev/zero")
	for _, s := range w.Look(0).Samples {
		if s.Err == "" {
			t.Errorf("no error of %s", s.Name)
		}
	}
}

// A ring whose words are anything at all, and never the same, is looked at like another.
func TestWordsThatChange(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPSC, ring.MPSCOrdered, ring.MPMC, ring.Broadcast} {
		path := filepath.Join(t.TempDir(), "r")
		c := ring.Config{Topology: topology}
		if topology == ring.MPMC {
			c.SlotSize = 64
		}
		r, err := ring.CreateFile(path, c)
		must(t, err)
		words := r.Region().Bytes()
		from := layout.HeaderSize
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for rng := rand.New(rand.NewPCG(1, 2)); ; {
				select {
				case <-stop:
					return
				default:
				}
				at := from + rng.IntN((min(len(words), from+64<<10)-from)/8)*8
				v := rng.Uint64() >> rng.IntN(64)
				mem.Publish(mem.Of(words).Word(uint64(at)), v)
			}
		}()
		w := watch(t, path)
		var h History
		for range 300 {
			round := w.Look(0)
			rows := h.Add(round, time.Millisecond)
			must(t, Print(io.Discard, round, rows))
			_, err := json.Marshal(NewDocument(round, rows, time.Second))
			must(t, err)
			for _, row := range rows {
				if row.Used < 0 || row.Used > 1 {
					t.Fatalf("%v: %v used", topology, row.Used)
				}
			}
		}
		close(stop)
		<-done
		must(t, r.Close())
	}
}
