package ring_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

func TestBadConfig(t *testing.T) {
	for name, c := range map[string]ring.Config{
		"capacity 1":            {Capacity: 1},
		"negative capacity":     {Capacity: -4096},
		"odd capacity":          {Capacity: 5000},
		"small capacity":        {Capacity: 2048},
		"great capacity":        {Capacity: math.MaxInt},
		"overflowing slots":     {Kind: ring.Slots, Capacity: math.MaxInt>>1 + 1, SlotSize: 1 << 24},
		"slots beyond bound":    {Kind: ring.Slots, Capacity: 1 << 30, SlotSize: 1 << 24},
		"slots without size":    {Kind: ring.Slots, Capacity: 4},
		"three slots":           {Kind: ring.Slots, Capacity: 3, SlotSize: 8},
		"negative slot size":    {Kind: ring.Slots, Capacity: 4, SlotSize: -1},
		"great slot size":       {Kind: ring.Slots, Capacity: 4, SlotSize: 1 << 25},
		"slot size of records":  {Capacity: 4096, SlotSize: 8},
		"stride of half a line": {Stride: 32}, "odd stride": {Stride: 100}, "great stride": {Stride: 2048},
		"kind": {Kind: 9},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Validate(); !errors.Is(err, ring.ErrGeometry) {
				t.Fatalf("%v, want ErrGeometry", err)
			}
			if _, err := ring.New(c); !errors.Is(err, ring.ErrGeometry) {
				t.Fatalf("%v, want ErrGeometry", err)
			}
			n := shmName(t)
			if _, err := ring.Create(n, c); !errors.Is(err, ring.ErrGeometry) {
				t.Fatalf("%v, want ErrGeometry", err)
			}
			if _, err := ring.Open(n); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%v, want fs.ErrNotExist: nothing may be left", err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "a/b", "/a", ".", "..", strings.Repeat("x", 300), "a\x00b"} {
		if _, err := ring.Create(name, ring.Config{}); !errors.Is(err, shm.ErrName) {
			t.Errorf("create %q: %v, want ErrName", name, err)
		}
		if _, err := ring.Open(name); !errors.Is(err, shm.ErrName) {
			t.Errorf("open %q: %v, want ErrName", name, err)
		}
	}
	r, name := create(t)
	if _, err := ring.Create(name, ring.Config{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("taken name: %v, want fs.ErrExist", err)
	}
	if _, err := ring.OpenOrCreate(name, ring.Config{Capacity: 1 << 21}); !errors.Is(err, ring.ErrMismatch) {
		t.Errorf("another capacity: %v, want ErrMismatch", err)
	}
	if _, err := ring.NewProducerOf[uint64](r); !errors.Is(err, ring.ErrMismatch) {
		t.Errorf("typed producer of records: %v, want ErrMismatch", err)
	}
	if _, err := ring.Open("annulus-no-such-ring"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want fs.ErrNotExist", err)
	}
}

func create(t testing.TB) (*ring.Ring, string) {
	t.Helper()
	name := shmName(t)
	r, err := ring.Create(name, ring.Config{Capacity: 1 << 16})
	must(t, err)
	t.Cleanup(func() {
		if err := ring.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	closing(t, r)
	return r, name
}

func TestNotFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "short"), make([]byte, 100), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("no ring ", 1000)), 0o600))
	must(t, os.Symlink("text", filepath.Join(dir, "symlink")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	for name, want := range map[string]error{
		".": shm.ErrNotRegular, "symlink": shm.ErrNotRegular, "fifo": shm.ErrNotRegular,
		"empty": shm.ErrSize, "short": ring.ErrShort, "text": ring.ErrNotRing, "none": fs.ErrNotExist,
	} {
		if _, err := ring.OpenFile(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		} else {
			t.Log(err)
		}
	}
}

// A file shorter than the ring its header speaks of is refused.
func TestShortFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r, err := ring.CreateFile(path, ring.Config{})
	must(t, err)
	must(t, r.Close())
	for _, n := range []int64{1 << 20, 8192, 4096, 256, 255, 8, 1} {
		must(t, os.Truncate(path, n))
		if _, err := ring.OpenFile(path); !errors.Is(err, ring.ErrShort) {
			t.Errorf("%d bytes: %v, want ErrShort", n, err)
		}
	}
}

// Whoever truncates the file under a ring in use gets errors out of it, not
// dead processes: from each call, busy or asleep.
func TestTruncatedWhileAttached(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the fault guard exists on Linux, amd64 and arm64")
	}
	for _, size := range []int64{0, 4096, 12288, 20480} {
		path := filepath.Join(t.TempDir(), "ring")
		a, err := ring.CreateFile(path, ring.Config{Capacity: 1 << 16})
		must(t, err)
		b, err := ring.OpenFile(path)
		must(t, err)
		closing(t, a, b)
		p, err := a.Producer(ring.WithStrategy(futex.Futex()))
		must(t, err)
		c, err := b.Consumer(ring.WithStrategy(futex.Futex()))
		must(t, err)
		for range 2000 { // round the ring, so that data pages are in use
			must(t, p.TrySend(make([]byte, 100)))
			_, err := c.TryRecv(nil)
			must(t, err)
		}
		errs := make(chan error)
		go func() {
			_, err := c.Recv(context.Background(), nil)
			errs <- err
		}()
		eventually(t, "the consumer sleeps", func() bool {
			s, err := a.Stats()
			return err == nil && s.Consumer.Asleep
		})
		must(t, os.Truncate(path, size))
		if err := <-errs; !errors.Is(err, ring.ErrTruncated) {
			t.Fatalf("%d bytes: blocked receive: %v, want ErrTruncated", size, err)
		}
		reserve := func() error { // fails when it reserves, or when what was written went nowhere
			b, err := p.TryReserve(8)
			if err == nil {
				copy(b, "gone now")
				err = p.Commit(8)
			}
			return err
		}
		for name, op := range map[string]func() error{
			"reserve": reserve,
			"send":    func() error { return p.TrySend(make([]byte, 100)) },
			"recv":    func() error { _, err := c.TryRecv(nil); return err },
			"peek":    func() error { _, err := c.TryPeek(); return err },
			"stats":   func() error { _, err := a.Stats(); return err },
		} {
			if err := op(); !errors.Is(err, ring.ErrTruncated) {
				t.Errorf("%d bytes: %s: %v, want ErrTruncated", size, name, err)
			}
		}
		if _, err := ring.OpenFile(path); err == nil {
			t.Errorf("%d bytes: a truncated ring was opened", size)
		}
	}
}

// sendUntilError sends one lap at most.
func sendUntilError(p *ring.Producer) error {
	for range 1 << 16 {
		if err := p.TrySend(make([]byte, 100)); err != nil && err != ring.ErrFull {
			return err
		}
	}
	return nil
}

// Attached peers outlive the name; who waits for nobody is told so.
func TestRemovedWhileAttached(t *testing.T) {
	r, name := create(t)
	other, err := ring.Open(name)
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	c, err := other.Consumer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	must(t, ring.Remove(name))
	if err := ring.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second removal: %v, want fs.ErrNotExist", err)
	}
	must(t, p.Send(t.Context(), []byte("still here")))
	if b, err := c.Recv(t.Context(), nil); err != nil || string(b) != "still here" {
		t.Fatalf("%q %v", b, err)
	}
	if _, err := ring.Open(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want fs.ErrNotExist", err)
	}
	errs := make(chan error)
	go func() {
		_, err := c.Recv(context.Background(), nil)
		errs <- err
	}()
	eventually(t, "the consumer waits", c.Waiting)
	must(t, p.Close()) // an end in order
	<-errs
	must(t, c.Close())
	// A ring nobody can find any more, and nobody else attached to it.
	c, err = other.Consumer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	if _, err := c.Recv(t.Context(), nil); !errors.Is(err, ring.ErrRemoved) {
		t.Fatalf("waiting for nobody: %v, want ErrRemoved", err)
	}
	must(t, other.Close())
}

func TestReadOnly(t *testing.T) {
	r, name := create(t)
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("x")))
	ro, err := ring.Open(name, ring.WithRegion(shm.ReadOnly()))
	must(t, err)
	closing(t, ro)
	s, err := ro.Stats()
	must(t, err)
	if !s.Producer.Attached || s.Consumer.Attached || s.Producer.Messages != 1 || s.Occupied != 16 {
		t.Fatalf("%+v", s)
	}
	if _, err := ro.Consumer(); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("%v, want fs.ErrPermission", err)
	}
}

// A word that no correct peer writes poisons the endpoint that finds it.
func TestCorruptWords(t *testing.T) {
	open := func(t *testing.T) (*ring.Producer, *ring.Consumer, []byte, layout.Geometry) {
		r, err := ring.New(ring.Config{Capacity: 4096})
		must(t, err)
		closing(t, r)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		b := r.Region().Bytes()
		g, _, err := layout.Decode(b, uint64(len(b)))
		must(t, err)
		return p, c, b, g
	}
	for _, head := range []uint64{1 << 63, ^uint64(0), 4096, 8000} {
		p, _, b, g := open(t)
		must(t, p.TrySend(make([]byte, 1000)))
		layout.CursorAt(b, g.ConsumerArea).Position = head
		if err := sendUntilError(p); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("head %#x: %v, want ErrCorrupt", head, err)
		}
		if err := p.TrySend(nil); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("head %#x: %v, want ErrCorrupt again", head, err)
		}
	}
	for _, word := range []uint64{
		1, 1 << 31, layout.RecordCommitted | 5000, layout.RecordCommitted | 4089, layout.RecordCommitted | 1<<31,
		layout.RecordCommitted | 0xFFFFFFF8, layout.RecordPad, layout.RecordCommitted | layout.RecordPad,
		layout.RecordCommitted | layout.RecordPad | 4096, layout.RecordCommitted | 1<<34, ^uint64(0),
	} {
		_, c, b, g := open(t)
		*layout.WordAt(b, g.DataArea) = word
		if _, err := c.TryRecv(nil); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("header %#x: %v, want ErrCorrupt", word, err)
		}
		if _, err := c.TryPeek(); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("header %#x: %v, want ErrCorrupt again", word, err)
		}
	}
	p, c, b, g := open(t)
	layout.ArmAt(b, g.ConsumerArea, g.Stride).Arm = 0
	if err := p.TrySend(nil); !errors.Is(err, ring.ErrCorrupt) {
		t.Errorf("arm word 0: %v, want ErrCorrupt", err)
	}
	layout.ArmAt(b, g.ProducerArea, g.Stride).Arm = 0
	if _, err := c.TryRecv(nil); !errors.Is(err, ring.ErrCorrupt) {
		t.Errorf("arm word 0: %v, want ErrCorrupt", err)
	}
}

func TestPointersRefused(t *testing.T) {
	for _, c := range []ring.Config{
		ring.SlotsOf[*int](4), ring.SlotsOf[string](4), ring.SlotsOf[struct{ A []byte }](4),
		ring.SlotsOf[map[int]int](4), ring.SlotsOf[any](4), ring.SlotsOf[[2]chan int](4), ring.SlotsOf[func()](4),
	} {
		if err := c.Validate(); !errors.Is(err, ring.ErrPointers) {
			t.Errorf("%s: %v, want ErrPointers", c.Element(), err)
		}
	}
	if err := ring.SlotsOf[struct{}](4).Validate(); err == nil {
		t.Error("a type without bytes was accepted")
	}
	r, err := ring.New(ring.SlotsOf[struct{ A, B uint32 }](4))
	must(t, err)
	closing(t, r)
	if _, err := ring.NewProducerOf[uint64](r); !errors.Is(err, ring.ErrMismatch) {
		t.Errorf("other type of the same size: %v, want ErrMismatch", err)
	}
	if _, err := ring.NewProducerOf[struct{ X, Y uint32 }](r); err != nil {
		t.Errorf("same fields, other names: %v", err)
	}
}
