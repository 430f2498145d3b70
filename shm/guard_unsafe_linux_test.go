//go:build amd64 || arm64

package shm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	children["guard-victim"] = guardVictim
}

const victimSize = 64 * 4096

// Another process cuts the file while this one uses it in every way there is.
func TestGuardSurvivesTruncation(t *testing.T) {
	tests := []struct {
		backing, mode string
		to            int64
	}{
		{"file", "rw", 0}, {"file", "rw", 4096}, {"file", "rw", victimSize - 4096}, {"file", "rw", victimSize/2 + 100},
		{"file", "ro", 0}, {"posix", "rw", 0}, {"posix", "ro", victimSize - 4096}, {"memfd", "rw", 4096},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/%s/%d", tt.backing, tt.mode, tt.to), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "region")
			var r *Region
			switch tt.backing {
			case "file":
				r = must(CreateFile(path, victimSize))(t)
			case "posix":
				name := shmName(t)
				path = "/dev/shm/" + name
				r = must(Create(name, victimSize))(t)
			case "memfd": // one that nobody sealed
				fd := must(unix.MemfdCreate("unsealed", unix.MFD_CLOEXEC))(t)
				f := os.NewFile(uintptr(fd), "unsealed")
				defer f.Close()
				if err := f.Truncate(victimSize); err != nil {
					t.Fatal(err)
				}
				path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
				r = must(FromFile(f))(t)
			}
			closed(t, r)
			c := start(t, "guard-victim", path, tt.mode)
			c.Expect("ready")
			if err := os.Truncate(path, tt.to); err != nil {
				t.Fatal(err)
			}
			c.Expect("survived")
			c.Done()
		})
	}
}

func guardVictim(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var opts []Option
	ro := args[1] == "ro"
	if ro {
		opts = append(opts, ReadOnly())
	}
	r, err := FromFile(f, opts...)
	if err != nil {
		return err
	}
	if n := r.Notes(); n != nil {
		return fmt.Errorf("notes: %q", n)
	}
	mem := r.Bytes()
	if !ro {
		for i := range mem {
			mem[i] = 0xaa
		}
	}
	null, err := os.OpenFile("/dev/shm", unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&mem[0])), len(mem)/8)
	var stop atomic.Bool
	var wg, warm sync.WaitGroup
	var sum atomic.Uint64
	loop := func(f func(page []byte, word *uint64)) {
		wg.Add(1)
		warm.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; !stop.Load() || n == 0; n++ {
				for off := 0; off < len(mem); off += 4096 {
					f(mem[off:off+4096], &words[off/8])
				}
				if n == 0 {
					warm.Done()
				}
			}
		}()
	}
	private := make([]byte, 4096)
	loop(func(p []byte, w *uint64) { sum.Add(uint64(p[77]) + atomic.LoadUint64(w)) })
	loop(func(p []byte, w *uint64) {
		into := make([]byte, len(p))
		copy(into, p)
		sum.Add(uint64(into[5]))
	})
	loop(func(p []byte, w *uint64) { _, _ = unix.Pwrite(int(null.Fd()), p, 0) }) // EFAULT or zeros
	if !ro {
		loop(func(p []byte, w *uint64) { p[99]++ })
		loop(func(p []byte, w *uint64) { copy(p[64:], private[64:]) })
		loop(func(p []byte, w *uint64) { clear(p[128:]) })
		loop(func(p []byte, w *uint64) {
			atomic.AddUint64(w, 1)
			atomic.CompareAndSwapUint64(w, 1, 2)
			atomic.StoreUint64(w, 3)
		})
	}
	wg.Add(1)
	go func() { // the collector runs all the while
		defer wg.Done()
		for !stop.Load() {
			runtime.GC()
		}
	}()
	warm.Wait()
	fmt.Println("ready")
	for !r.Faulted() {
		runtime.Gosched()
	}
	stop.Store(true)
	wg.Wait()
	if err := r.Check(); !errors.Is(err, ErrTruncated) {
		return fmt.Errorf("Check: %v", err)
	}
	for i, b := range mem {
		if ro && b != 0 {
			return fmt.Errorf("byte %d is %d", i, b)
		}
		if i%4096 >= 128 && b != 0 { // nobody but clear wrote here since
			return fmt.Errorf("byte %d is %d", i, b)
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	fmt.Println("survived")
	return nil
}

// The first zero of a lost mapping never comes before Faulted.
func TestGuardFlagBeforeZeros(t *testing.T) {
	for n := range 250 {
		path := filepath.Join(t.TempDir(), strconv.Itoa(n))
		r := must(CreateFile(path, 1<<16, WithInit(func(m []byte) error {
			for i := range m {
				m[i] = 1
			}
			return nil
		})))(t)
		mem := r.Bytes()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				w := (*uint32)(unsafe.Pointer(&mem[0]))
				for atomic.LoadUint32(w) != 0 {
					_ = mem[len(mem)-1] // faults once the file is cut
					sink.Store(uint32(mem[len(mem)-1]))
				}
				if !r.Faulted() {
					t.Error("zeros before the flag")
				}
			})
		}
		if err := os.Truncate(path, 4096); err != nil { // the first page keeps its ones
			t.Fatal(err)
		}
		wg.Wait()
		r.Close()
	}
}

var sink atomic.Uint32

// Hundreds of regions come and go; the guard finds the right one.
func TestGuardManyRegions(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		var all []*Region
		for i := range 300 {
			path := filepath.Join(dir, fmt.Sprint(round, "-", i))
			r := must(CreateFile(path, 8192, WithInit(func(m []byte) error { m[0], m[8191] = 1, 1; return nil })))(t)
			all = append(all, r)
		}
		for i, r := range all {
			if i%3 == 0 {
				r.Close()
			} else if i%3 == 1 {
				if err := os.Truncate(r.Name(), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, r := range all {
			if i%3 == 0 {
				continue
			}
			if got, want := int(r.Bytes()[0]), i%3-1; got != want {
				t.Fatalf("region %d reads %d, expected %d", i, got, want)
			}
			if r.Faulted() != (i%3 == 1) {
				t.Fatalf("region %d: Faulted %v", i, r.Faulted())
			}
			r.Close()
		}
	}
	for i := range guardTable {
		if guardTable[i].base.Load() != 0 || guardOwner[i] != nil {
			t.Fatalf("entry %d is left in the table", i)
		}
	}
}

func TestGuardTableFull(t *testing.T) {
	mem := make([]byte, 4096)
	var slots []int
	for range guardSlots {
		slot, why := guardAdd(mem, false, new(faultFlag))
		if slot < 0 {
			t.Fatal(why)
		}
		slots = append(slots, slot)
	}
	r := must(CreateFile(filepath.Join(t.TempDir(), "r"), 4096))(t)
	if n := r.Notes(); len(n) != 1 || !strings.Contains(n[0], "fault guard: all 4096 entries") {
		t.Errorf("notes %q", n)
	}
	for _, s := range slots {
		guardRemove(s)
	}
	if err := os.Truncate(r.Name(), 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); !errors.Is(err, ErrTruncated) || r.Faulted() {
		t.Errorf("Check without a guard: %v", err)
	}
	r.Close()
}
