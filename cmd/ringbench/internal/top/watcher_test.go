package top

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/metrics"
	"annulus/seqlock"
)

func TestMain(m *testing.M) { testutil.Main(m, nil, nil) }

var must = testutil.Must

// seen is what a watcher of everything says of one name, and whether anything.
func seen(w *Watcher, name string) (Sample, bool) {
	for _, s := range w.Look(0).Samples {
		if s.Name == name {
			return s, true
		}
	}
	return Sample{}, false
}

func watch(t *testing.T, args ...string) *Watcher {
	t.Helper()
	w := NewWatcher(args, metrics.New())
	t.Cleanup(func() { must(t, w.Close()) })
	return w
}

func posix(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		testutil.Absent(t, "POSIX shared memory: Linux only")
	}
	return testutil.ShmName()
}

func TestRingsComeAndGo(t *testing.T) {
	name := posix(t)
	w := watch(t)
	if _, ok := seen(w, name); ok {
		t.Fatal("it is there already")
	}
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	first, ok := seen(w, name)
	if !ok || first.Err != "" || first.Removed {
		t.Fatalf("a ring has come: %+v", first)
	}
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("hello")))
	if s, _ := seen(w, name); s.ID != first.ID || !s.Stats.Producer.Attached || s.Stats.Producer.Messages != 1 {
		t.Errorf("in use: %+v", s)
	}
	must(t, ring.Remove(name))
	if s, ok := seen(w, name); !ok || !s.Removed || s.ID != first.ID {
		t.Errorf("removed, and somebody is attached: %v %+v", ok, s)
	}
	other, err := ring.Create(name, ring.Config{Topology: ring.MPSC})
	must(t, err)
	defer func() { must(t, errors.Join(other.Close(), ring.Remove(name))) }()
	n := 0
	for _, s := range w.Look(0).Samples {
		if s.Name == name {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d rings of that name, want the old one and the new one", n)
	}
	must(t, r.Close())
	if s, _ := seen(w, name); s.Removed || s.Config.Topology != ring.MPSC {
		t.Errorf("the old one is in nobody's use: %+v", s)
	}
}

func TestFilesOfAllSorts(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"good", "newer", "cut"} {
		r, err := ring.CreateFile(path(name), ring.Config{})
		must(t, err)
		must(t, r.Close())
	}
	cell, err := seqlock.CreateFile[uint64](path("cell"))
	must(t, err)
	must(t, cell.Close())
	f, err := os.OpenFile(path("newer"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{9}, 8)
	must(t, errors.Join(err, f.Close()))
	must(t, os.WriteFile(path("text"), []byte("hello, world"), 0o600))
	must(t, os.WriteFile(path("empty"), nil, 0o600))
	must(t, os.WriteFile(path("zeros"), make([]byte, 8192), 0o600))
	must(t, os.WriteFile(path("head"), []byte("ANNULUS\x1a"), 0o600))
	must(t, os.Mkdir(path("directory"), 0o700))
	want := map[string]string{
		"good": "", "cell": "", "newer": "it is 9.0", "cut": "", "text": "neither a ring nor a cell", "empty": "empty",
		"zeros": "neither a ring nor a cell", "head": "", "directory": "a directory", "none": "no such file",
	}
	var args []string
	for name := range want {
		args = append(args, path(name))
	}
	w := watch(t, args...)
	r := w.Look(0)
	if len(r.Samples) != len(want) {
		t.Fatalf("%d of %d", len(r.Samples), len(want))
	}
	for _, s := range r.Samples {
		name := filepath.Base(s.Name)
		if !strings.Contains(s.Err, want[name]) || (want[name] == "") != (s.Err == "") && name != "head" || strings.Contains(s.Err, "\n") {
			t.Errorf("%s: %q, want %q", name, s.Err, want[name])
		}
	}
	must(t, os.Truncate(path("cut"), 4096))
	if s, _ := seen(w, path("cut")); !strings.Contains(s.Err, "truncated") {
		t.Errorf("truncated while it is looked at: %q", s.Err)
	}
	must(t, os.Truncate(path("good"), 0))
	if s, _ := seen(w, path("good")); s.Err == "" {
		t.Error("truncated to nothing, and no error")
	}
	must(t, os.Remove(path("good")))
	good, err := ring.CreateFile(path("good"), ring.Config{})
	must(t, err)
	defer good.Close()
	seen(w, path("good"))
	if s, _ := seen(w, path("good")); s.Err != "" {
		t.Errorf("it was made anew: %q", s.Err)
	}
	if s, _ := seen(w, path("cell")); s.Cell == nil || s.Cell.Kind != "cell" || s.Cell.Element != "uint64" {
		t.Errorf("a cell: %+v", s.Cell)
	}
}

func TestPatterns(t *testing.T) {
	name := posix(t)
	a, err := ring.Create(name+"-a", ring.Config{})
	must(t, err)
	b, err := ring.Create(name+"-b", ring.Config{})
	must(t, err)
	defer func() {
		must(t, errors.Join(a.Close(), b.Close(), ring.Remove(name+"-a"), ring.Remove(name+"-b")))
	}()
	for args, want := range map[string]int{name + "-*": 2, name + "-a": 1, name + "-[b-z]": 1, name + "-x": 1, name + "-x*": 0} {
		if r := watch(t, args).Look(0); len(r.Samples) != want {
			t.Errorf("%s: %d, want %d", args, len(r.Samples), want)
		}
	}
	if s, ok := seen(watch(t, name+"-x"), name+"-x"); !ok || s.Err == "" {
		t.Errorf("a name that is not there: %v, %q", ok, s.Err)
	}
}

// A ring that was just looked at at great cost is not looked at again at once.
func TestWhatIsNotDueIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r, err := ring.CreateFile(path, ring.Config{})
	must(t, err)
	defer r.Close()
	w := watch(t, path)
	w.Look(time.Hour)
	if a, b := w.Look(time.Hour).Samples[0].At, w.Look(time.Hour).Samples[0].At; a != b {
		t.Error("it was looked at twice in an hour")
	}
}

func TestPlainAndDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two\nlines")
	r, err := ring.CreateFile(path, ring.Config{})
	must(t, err)
	defer r.Close()
	l, between := Twice(t.Context(), watch(t, path, path+"-none"), time.Millisecond)
	var b strings.Builder
	must(t, Print(&b, l.Round, l.Rows))
	if got := b.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, `two\nlines"`) || !strings.Contains(got, "no such file") {
		t.Errorf("%s", got)
	}
	d := NewDocument(l.Round, l.Rows, between)
	if len(d.Rings) != 1 || len(d.Errors) != 1 || d.Rings[0].Rates == nil || d.Rings[0].State != "idle" || d.Seconds <= 0 {
		t.Errorf("%+v", d)
	}
	b.Reset()
	must(t, Print(&b, Round{Unreadable: 2}, nil))
	if got := fmt.Sprint(b.String()); got != "no rings\n2 other files may not be read by this user\n" {
		t.Errorf("%q", got)
	}
}

// A name may be given to another ring while the first has another name still.
func TestRingIsRenamed(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	w := watch(t, a, b)
	old, err := ring.CreateFile(a, ring.Config{})
	must(t, err)
	defer old.Close()
	p, err := old.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("x")))
	if s, _ := seen(w, a); s.Stats.Producer.Messages != 1 {
		t.Fatalf("%+v", s)
	}
	must(t, os.Rename(a, b))
	next, err := ring.CreateFile(a, ring.Config{})
	must(t, err)
	defer next.Close()
	for name, messages := range map[string]uint64{a: 0, b: 1} {
		if s, _ := seen(w, name); s.Err != "" || s.Stats.Producer.Messages != messages {
			t.Errorf("%s: expected %d messages, found %+v", name, messages, s)
		}
	}
}
