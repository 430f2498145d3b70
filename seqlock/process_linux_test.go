package seqlock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/race"
	"annulus/seqlock"
)

func init() {
	// write NAME N: writes N versions, 0: without end.
	roles["write"] = func(args []string) error {
		c, err := seqlock.OpenOrCreate[sample](args[0])
		if err != nil {
			return err
		}
		w, err := c.Writer()
		if err != nil {
			return err
		}
		fmt.Println("begun")
		count, _ := strconv.ParseUint(args[1], 10, 64)
		for n := w.Version() + 1; count == 0 || n <= count; n++ {
			// In one copy, or in place and so for long in the middle of a write.
			if n%2 == 0 {
				err = w.Write(sampleOf(n))
			} else if v, rerr := w.Reserve(); rerr == nil {
				v.set(n)
				err = w.Commit()
			} else {
				err = rerr
			}
			if err != nil {
				return err
			}
		}
		return c.Close()
	}
	// write-block NAME: writes packets without end.
	roles["write-block"] = func(args []string) error {
		b, err := seqlock.OpenBlock(args[0])
		if err != nil {
			return err
		}
		w, err := b.Writer()
		if err != nil {
			return err
		}
		fmt.Println("begun")
		for {
			n := w.Version() + 1
			p, err := w.Reserve(packetSize(n, b.Size()))
			if err == nil {
				fill(p, n)
				err = w.Commit(len(p))
			}
			if err == nil {
				err = w.Write(packet(n+1, b.Size()))
			}
			if err != nil {
				return err
			}
		}
	}
	// half NAME: begins a write and does not end it.
	roles["half"] = func(args []string) error {
		c, err := seqlock.Open[sample](args[0])
		if err != nil {
			return err
		}
		w, err := c.Writer()
		if err != nil {
			return err
		}
		v, err := w.Reserve()
		if err != nil {
			return err
		}
		for i := range v.Fill {
			v.Fill[i] = 0xDEADBEEF
		}
		fmt.Println("half")
		forever()
		return nil
	}
	// wait NAME VERSION: waits for a version beyond it, each time anew.
	roles["wait"] = func(args []string) error {
		c, err := seqlock.Open[sample](args[0])
		if err != nil {
			return err
		}
		r, err := c.Reader(seqlock.WithStrategy(futex.Futex()))
		if err != nil {
			return err
		}
		fmt.Println("begun")
		seen := uint64(0)
		for {
			v, n, err := r.Wait(context.Background(), seen)
			if err == io.EOF {
				fmt.Println("end")
				return c.Close()
			}
			if err != nil {
				return err
			}
			if err := v.check(n); err != nil {
				return err
			}
			seen = n
			fmt.Println("saw", n)
		}
	}
}

func sharedCell(t *testing.T) (*seqlock.Cell[sample], string) {
	t.Helper()
	if race.Enabled {
		t.Skip("the race detector cannot see mapped memory")
	}
	name := cellName()
	c, err := seqlock.Create[sample](name)
	must(t, err)
	t.Cleanup(func() { must(t, seqlock.Remove(name)) })
	closing(t, c)
	return c, name
}

// Writers are killed in full swing, at some point that differs each time. What
// readers get is always whole and never older than before, and the next writer
// goes on.
func TestKilledWriters(t *testing.T) {
	c, name := sharedCell(t)
	r := readerOf(t, c)
	seen, cut := uint64(0), 0
	for range 40 {
		p := start(t, "write", name, "0")
		p.Expect("begun")
		if _, err := c.Writer(); !errors.Is(err, seqlock.ErrAttached) || !strings.Contains(err.Error(), fmt.Sprint(p.PID())) {
			t.Fatalf("a writer beside a live one: %v, want ErrAttached naming pid %d", err, p.PID())
		}
		for i := range 1 + rand.IntN(20000) {
			v, n, err := r.Load()
			must(t, err)
			if n < seen {
				t.Fatalf("version %d after %d", n, seen)
			}
			if n > 0 {
				must(t, v.check(n))
			}
			if n == seen && i > 0 {
				runtime.Gosched()
			}
			seen = n
		}
		p.Kill()
		s, err := c.Stats()
		must(t, err)
		if s.Attached || s.Closed {
			t.Fatalf("after the kill: %+v", s)
		}
		if s.Writing {
			cut++
		}
		seen = s.Version
		if seen > 0 {
			holds(t, r, seen)
		}
	}
	t.Logf("%d versions, %d of 40 writers cut in mid-write", seen, cut)
	w := writerOf(t, c)
	if w.Version() != seen {
		t.Fatalf("the next writer begins at version %d, want %d", w.Version(), seen)
	}
	must(t, w.Write(sampleOf(seen+1)))
	holds(t, r, seen+1)
}

func TestKilledBlockWriters(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector cannot see mapped memory")
	}
	name := cellName()
	b, err := seqlock.CreateBlock(name, 64<<10)
	must(t, err)
	t.Cleanup(func() { must(t, seqlock.Remove(name)) })
	closing(t, b)
	r, err := b.Reader()
	must(t, err)
	buf, seen, cut := []byte(nil), uint64(0), 0
	for range 20 {
		p := start(t, "write-block", name)
		p.Expect("begun")
		for range 1 + rand.IntN(300) {
			got, n, err := r.Load(buf[:0])
			must(t, err)
			if n < seen {
				t.Fatalf("version %d after %d", n, seen)
			}
			if n > 0 {
				must(t, checkPacket(got, n))
			}
			buf, seen = got, n
		}
		p.Kill()
		if s, err := b.Stats(); err != nil {
			t.Fatal(err)
		} else if s.Writing {
			cut++
		}
		got, n, err := r.Load(nil)
		must(t, err)
		if n > 0 {
			must(t, checkPacket(got, n))
		}
		seen = n
	}
	t.Logf("%d versions, %d of 20 writers cut in mid-write", seen, cut)
}

// A writer that died in the middle of a write, for certain.
func TestDeadInMidWrite(t *testing.T) {
	c, name := sharedCell(t)
	w, r := writerOf(t, c), readerOf(t, c)
	for n := uint64(0); n < 4; n++ { // from either copy, and before the first
		must(t, w.Close())
		p := start(t, "half", name)
		p.Expect("half")
		holds(t, r, n)
		p.Signal(syscall.SIGSTOP) // paused is not dead
		if _, err := c.Writer(); !errors.Is(err, seqlock.ErrAttached) {
			t.Fatalf("beside a stopped writer: %v, want ErrAttached", err)
		}
		holds(t, r, n)
		p.Kill()
		s, err := c.Stats()
		must(t, err)
		if !s.Writing || s.Attached || s.Version != n || s.Closed {
			t.Fatalf("after the kill: %+v", s)
		}
		holds(t, r, n)
		w = writerOf(t, c)
		holds(t, r, n)
		if w.Version() != n {
			t.Fatalf("the successor begins at version %d, want %d", w.Version(), n)
		}
		must(t, w.Write(sampleOf(n+1)))
		holds(t, r, n+1)
	}
}

// Readers asleep in another process are woken by each writer in turn, and not
// told of an end by one that was killed.
func TestSleepersAcrossProcesses(t *testing.T) {
	c, name := sharedCell(t)
	p := start(t, "wait", name)
	p.Expect("begun")
	sleeps := func() {
		t.Helper()
		before, err := c.Stats()
		must(t, err)
		eventually(t, "the reader sleeps", func() bool {
			s, err := c.Stats()
			return err == nil && s.Asleep && s.Waits > before.Waits
		})
	}
	sleeps()
	half := start(t, "half", name)
	half.Expect("half")
	half.Kill()
	sleeps()
	w := writerOf(t, c)
	for n := uint64(1); n <= 20; n++ {
		sleeps()
		must(t, w.Write(sampleOf(n)))
		p.Expect(fmt.Sprint("saw ", n))
	}
	must(t, w.Close())
	p.Expect("end")
	p.Done()
}

// Of many that open or create one name at once, all have the same cell.
func TestOpenOrCreateRace(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector cannot see mapped memory")
	}
	name := cellName()
	errs := make(chan error)
	cells := make(chan *seqlock.Cell[sample], 20)
	for range cap(cells) {
		go func() {
			c, err := seqlock.OpenOrCreate[sample](name)
			cells <- c
			errs <- err
		}()
	}
	for range cap(cells) {
		must(t, <-errs)
	}
	t.Cleanup(func() { must(t, seqlock.Remove(name)) })
	close(cells)
	wrote := false
	for c := range cells {
		closing(t, c)
		if !wrote {
			must(t, writerOf(t, c).Write(sampleOf(1)))
			wrote = true
		}
		holds(t, readerOf(t, c), 1)
	}
}

// Without membarrier each side fences for itself and tells the other to.
func TestWithoutMembarrier(t *testing.T) {
	if os.Getenv("ANNULUS_MEMBARRIER") == "off" {
		t.Skip("this is the inner run")
	}
	inner := exec.Command(os.Args[0], "-test.run", "TestWait|TestManySleepers|TestSleepersAcrossProcesses|TestHandleClosed|TestOneWriter")
	inner.Env = append(os.Environ(), "ANNULUS_MEMBARRIER=off")
	if out, err := inner.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A writer that can, and a reader that cannot.
	c, name := sharedCell(t)
	w := writerOf(t, c)
	t.Setenv("ANNULUS_MEMBARRIER", "off")
	p := start(t, "wait", name)
	p.Expect("begun")
	for n := uint64(1); n <= 20; n++ {
		must(t, w.Write(sampleOf(n)))
		p.Expect(fmt.Sprint("saw ", n))
	}
	must(t, w.Close())
	p.Expect("end")
	p.Done()
}

// The state of a writer that died in mid-write, made by hand: state odd, the other copy and its length rubbish.
func TestOddState(t *testing.T) {
	b, err := seqlock.NewBlock(100)
	must(t, err)
	closing(t, b)
	w, err := b.Writer()
	must(t, err)
	r, err := b.Reader()
	must(t, err)
	for n := uint64(1); n < 4; n++ {
		must(t, w.Write(packet(n, 100)))
		must(t, w.Close())
		mem := b.Region().Bytes()
		g, _, err := layout.DecodeCell(mem, uint64(len(mem)))
		must(t, err)
		s := layout.CellStateAt(mem, g.WriterArea)
		s.State = 2*n + 1
		length, at := &s.Length0, g.DataArea
		if n&1 == 0 {
			length, at = &s.Length1, at+g.CopyStride
		}
		*length = 1 << 63
		for i := range mem[at : at+g.CopyStride] {
			mem[at+uint64(i)] = 0xEE
		}
		got, version, err := r.Load(nil)
		must(t, err)
		if version != n {
			t.Fatalf("version %d, want %d", version, n)
		}
		must(t, checkPacket(got, n))
		w, err = b.Writer()
		must(t, err)
	}
}
