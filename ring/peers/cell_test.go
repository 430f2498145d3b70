package peers_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/seqlock"
)

// Version v of a cell is message v of a stream.
var (
	blockSizes = stream{seed: 21, min: 12, max: 3000}
	valueSizes = stream{seed: 22, min: 61, max: 61}
)

type cell61 [61]byte

// cellEnds is what Go has of a cell or block of either kind.
type cellEnds struct {
	name   string
	write  func(version uint64) error
	close  func() error
	load   func() (b []byte, version uint64, err error)
	wait   func(version uint64) (b []byte, now uint64, err error)
	writer func() error // takes the role
}

func newBlock(t *testing.T) *cellEnds {
	t.Helper()
	name := freeName(t)
	b, err := seqlock.CreateBlock(name, blockSizes.max)
	must(t, err)
	t.Cleanup(func() { b.Close() })
	r, err := b.Reader()
	must(t, err)
	e := &cellEnds{name: name, load: func() ([]byte, uint64, error) { return r.Load(nil) },
		wait: func(v uint64) ([]byte, uint64, error) { return r.Wait(patient(t), v, nil) }}
	e.writer = func() error {
		w, err := b.Writer()
		if err != nil {
			return err
		}
		buf := make([]byte, blockSizes.max)
		e.write = func(v uint64) error { return w.Write(blockSizes.message(v, buf)) }
		e.close = w.Close
		return nil
	}
	return e
}

func newValue(t *testing.T) *cellEnds {
	t.Helper()
	name := freeName(t)
	c, err := seqlock.Create[cell61](name)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	r, err := c.Reader()
	must(t, err)
	e := &cellEnds{name: name,
		load: func() ([]byte, uint64, error) { v, n, err := r.Load(); return v[:], n, err },
		wait: func(known uint64) ([]byte, uint64, error) {
			v, n, err := r.Wait(patient(t), known)
			return v[:], n, err
		}}
	e.writer = func() error {
		w, err := c.Writer()
		if err != nil {
			return err
		}
		e.write = func(v uint64) error {
			var b cell61
			valueSizes.fill(v, b[:])
			return w.Write(b)
		}
		e.close = w.Close
		return nil
	}
	return e
}

var cellKinds = []struct {
	name  string
	make  func(t *testing.T) *cellEnds
	sizes stream
}{{"block", newBlock, blockSizes}, {"value", newValue, valueSizes}}

func inEachCell(t *testing.T, what string, test func(t *testing.T, l program, e *cellEnds, sizes stream)) {
	inEach(t, what, func(t *testing.T, l program) {
		for _, k := range cellKinds {
			t.Run(k.name, func(t *testing.T) { test(t, l, k.make(t), k.sizes) })
		}
	})
}

// cell is a command of the program.
func (l program) cell(t *testing.T, command, name string, args ...string) *testutil.Process {
	t.Helper()
	return start(t, l.peer(t, append([]string{"cell", command, name}, args...)...))
}

// Readers of a peer find every version whole that Go writes as fast as it can; those that
// sleep are woken.
func TestCellGoToPeer(t *testing.T) {
	inEachCell(t, "cell-read", func(t *testing.T, l program, e *cellEnds, sizes stream) {
		n := l.perProducer() * 4
		must(t, e.writer())
		args := sizes.args("--announce", "--until", fmt.Sprint(n))
		parts := []*testutil.Process{
			l.cell(t, "read", e.name, append(args, "--wait", "spin")...), l.cell(t, "read", e.name, args...),
			l.cell(t, "read", e.name, append(args, "--readonly")...),
		}
		for _, p := range parts {
			p.Expect("attached")
		}
		for v := uint64(1); v <= n; v++ {
			must(t, e.write(v))
		}
		for _, p := range parts {
			var reads, last uint64
			line := p.Done()
			if k, err := fmt.Sscanf(line, "read %d ok last %d", &reads, &last); k != 2 || last != n || reads == 0 {
				t.Errorf("%q (%v), want last %d", line, err, n)
			}
		}
		// And the end, of who has come for more.
		p := l.cell(t, "read", e.name, sizes.args("--until", fmt.Sprint(n+1))...)
		must(t, e.close())
		expect(t, p.Done(), fmt.Sprintf("read 1 ok last %d end", n))
		mentions(t, l.cell(t, "write", e.name, "--count", "0", "--size", "1:1").Done(), "wrote 0 ok")
	})
}

func TestCellPeerToGo(t *testing.T) {
	inEachCell(t, "cell-read cell", func(t *testing.T, l program, e *cellEnds, sizes stream) {
		n := l.perProducer() * 4
		p := l.cell(t, "write", e.name, sizes.args("--count", fmt.Sprint(n))...)
		last := uint64(0)
		for {
			b, now, err := e.wait(last)
			if err == io.EOF {
				break
			}
			must(t, err)
			if now <= last {
				t.Fatalf("version %d after %d", now, last)
			}
			must(t, sizes.check(now, b))
			last = now
		}
		if last != n {
			t.Errorf("the end after version %d, want %d", last, n)
		}
		expect(t, p.Done(), fmt.Sprintf("wrote %d ok last %d", n, n))
	})
}

// A writer dies in the middle of a version: readers stay with the one before, and a
// successor of the other language writes it again.
func TestCellDeadWriter(t *testing.T) {
	inEachCell(t, "cell-read cell", func(t *testing.T, l program, e *cellEnds, sizes stream) {
		l.cell(t, "write", e.name, sizes.args("--count", "100", "--die-after", "7", "--cut")...).EndsBy(syscall.SIGKILL)
		b, now, err := e.load()
		must(t, errors.Join(err, sizes.check(7, b)))
		if now != 7 {
			t.Fatalf("version %d, want 7", now)
		}
		expect(t, l.cell(t, "read", e.name, sizes.args("--until", "7")...).Done(), "read 1 ok last 7")
		must(t, e.writer())
		must(t, e.write(8))
		mentions(t, l.cell(t, "write", e.name).Fails(), "role already taken")
		must(t, e.close())
		expect(t, l.cell(t, "write", e.name, sizes.args("--count", "1")...).Done(), "wrote 1 ok last 9")
		p := l.cell(t, "write", e.name, sizes.args("--count", fmt.Sprint(endless), "--announce")...)
		p.Expect("attached")
		if err := e.writer(); !errors.Is(err, seqlock.ErrAttached) {
			t.Errorf("second writer: %v, want %v", err, seqlock.ErrAttached)
		}
		for range 1000 {
			_, now, err = e.wait(now)
			must(t, err)
		}
		p.Kill() // wherever it is
		b, now, err = e.load()
		must(t, errors.Join(err, sizes.check(now, b)))
		must(t, e.writer())
		must(t, e.write(now+1))
	})
}

func TestCellMadeByPeer(t *testing.T) {
	inEach(t, "cell create", func(t *testing.T, l program) {
		name := freeName(t)
		expect(t, l.cell(t, "create", name, "--kind", "block", "--size", "100").Done(), "created")
		mentions(t, l.cell(t, "create", name, "--kind", "block", "--size", "100").Fails(), "name is taken")
		b, err := seqlock.OpenBlock(name)
		must(t, err)
		defer b.Close()
		if b.Size() != 100 {
			t.Errorf("a block of %d bytes", b.Size())
		}
		expect(t, l.cell(t, "cat", name).Done(), "value version=0 length=0 payload=")
		mentions(t, l.cell(t, "read", name, "--until", "1", "--timeout", "20").Fails(), "timed out")
		w, err := b.Writer()
		must(t, err)
		must(t, w.Write([]byte("latest")))
		expect(t, l.cell(t, "cat", name).Done(), "value version=1 length=6 payload=6c6174657374")
		value := freeName(t)
		expect(t, l.cell(t, "create", value, "--kind", "value", "--size", "61").Done(), "created")
		c, err := seqlock.Open[cell61](value)
		must(t, err)
		must(t, c.Close())
		mentions(t, l.cell(t, "create", freeName(t), "--kind", "value", "--size", "0").Fails(), "impossible ring geometry")
	})
}
