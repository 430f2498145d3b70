package shm

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

// Nobody can change the size of a memfd, or its seals.
func TestMemfdIsSealed(t *testing.T) {
	r := must(Memfd("sealed", 8192))(t)
	defer r.Close()
	const want = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if got := seals(r.fd); got&want != want {
		t.Errorf("seals %#x, expected %#x", got, want)
	}
	for _, size := range []int64{0, 4096, 1 << 20} {
		if err := unix.Ftruncate(r.fd, size); !errors.Is(err, syscall.EPERM) {
			t.Errorf("truncate to %d: %v", size, err)
		}
	}
	if _, err := unix.FcntlInt(uintptr(r.fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); !errors.Is(err, syscall.EPERM) {
		t.Errorf("another seal: %v", err)
	}
	r.Bytes()[8191] = 1
	if r.guard != -1 {
		t.Error("a sealed memfd takes an entry of the guard")
	}
}

func TestMemfdErrors(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name, label string
		size        int
		opts        []Option
		want        error
	}{
		{"size", "x", 0, nil, ErrSize},
		{"long label", strings.Repeat("x", 250), 1, nil, ErrName},
		{"NUL", "a\x00b", 1, nil, ErrName},
		{"init", "x", 1, []Option{WithInit(func([]byte) error { return broken })}, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := testutil.OpenFDs()
			if _, err := Memfd(tt.label, tt.size, tt.opts...); !errors.Is(err, tt.want) {
				t.Errorf("got %v, expected %v", err, tt.want)
			}
			if now := testutil.OpenFDs(); now != before {
				t.Errorf("%d descriptors, %d before", now, before)
			}
		})
	}
	must(Memfd(strings.Repeat("x", 249), 1))(t).Close()
	must(Memfd("", 1))(t).Close()
}

func init() { children["too-much"] = tooMuch }

// More than the machine has is an error, and no reason for the kernel to kill.
// RLIMIT_FSIZE is the net under this test, with an error of its own.
func TestMoreThanMemory(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("a 32-bit size is no more than machines have")
	}
	start(t, "too-much").Done()
}

func tooMuch([]string) error {
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
		return err
	}
	name := fmt.Sprint("annulus-test-", os.Getpid())
	for what, f := range map[string]func() (*Region, error){
		"memfd": func() (*Region, error) { return Memfd("x", math.MaxInt/2) },
		"posix": func() (*Region, error) { return Create(name, math.MaxInt/2) },
		"heap":  func() (*Region, error) { return Heap(math.MaxInt / 4) },
	} {
		if _, err := f(); !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOMEM) {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	return nil
}

// Huge pages come, or a note says why not; required ones come, or an error.
func TestHugePages(t *testing.T) {
	const size = 4 << 20
	for _, b := range []Backing{BackedByMemfd, BackedByPOSIX, BackedByFile} {
		t.Run(b.String(), func(t *testing.T) {
			r := must(makers[b](t, size, WithHugePages(HugeTry), WithPrefault()))(t)
			got := hugeBytes(t, r)
			notes := strings.Join(r.Notes(), "\n")
			if (got >= size) == strings.Contains(notes, "huge pages: asked try, got") {
				t.Errorf("%d bytes in huge pages, notes %q", got, notes)
			}
			t.Logf("%d of %d bytes; %s", got, size, notes)
			for i := 0; i < size; i += 4096 {
				r.Bytes()[i] = 1
			}
			ino := inode(t, r)
			r.Close()
			if mapped(t, ino) {
				t.Error("still mapped")
			}
			if b == BackedByPOSIX {
				Remove(r.Name())
			}
			req, err := makers[b](t, size, WithHugePages(HugeRequire))
			if got < size && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("required: %v", err)
			}
			if got >= size && err != nil {
				t.Error(err)
			}
			if err == nil {
				req.Close()
			}
		})
	}
	t.Run("too small", func(t *testing.T) {
		r := must(CreateFile(filepath.Join(t.TempDir(), "r"), 4096, WithHugePages(HugeTry)))(t)
		defer r.Close()
		if n := strings.Join(r.Notes(), "\n"); !strings.Contains(n, "huge pages: asked try, got 4 KiB pages") && os.Getpagesize() == 4096 {
			t.Errorf("notes %q", n)
		}
	})
}

// hugeBytes returns how much of a region the kernel says is in huge pages.
func hugeBytes(t *testing.T, r *Region) int {
	t.Helper()
	_, rest, ok := strings.Cut(string(must(os.ReadFile("/proc/self/smaps"))(t)), inode(t, r))
	if !ok {
		t.Fatal("not mapped")
	}
	rest, _, _ = strings.Cut(rest, "VmFlags:")
	sum := 0
	for line := range strings.Lines(rest) {
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case f[0] == "ShmemPmdMapped:", f[0] == "FilePmdMapped:", f[0] == "Shared_Hugetlb:", f[0] == "Private_Hugetlb:":
			n := 0
			for _, c := range f[1] {
				n = n*10 + int(c-'0')
			}
			sum += n << 10
		}
	}
	return sum
}

// Locked memory is locked, or a note says that it is not.
func TestMlock(t *testing.T) {
	r := must(Memfd("mlock", 1<<16, WithMlock()))(t)
	defer r.Close()
	_, rest, _ := strings.Cut(string(must(os.ReadFile("/proc/self/smaps"))(t)), inode(t, r))
	_, rest, _ = strings.Cut(rest, "Locked:")
	isLocked := strings.Fields(rest)[0] != "0"
	if isLocked == (len(r.Notes()) == 1) {
		t.Errorf("locked %v, notes %q", isLocked, r.Notes())
	}
	heap := must(Heap(1, WithMlock(), WithHugePages(HugeTry)))(t)
	if len(heap.Notes()) != 2 {
		t.Errorf("notes %q", heap.Notes())
	}
}
