package shm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// inode returns the number under which /proc/self/maps knows the file; its name
// there is not the one it has now.
func inode(t *testing.T, r *Region) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(r.fd, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(" %d ", st.Ino)
}

// mapped reports whether the file is mapped into this process.
func mapped(t *testing.T, inode string) bool {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc/self/maps")
	}
	return strings.Contains(string(must(os.ReadFile("/proc/self/maps"))(t)), inode)
}

func TestLastDropUnmaps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	r := must(CreateFile(path, 1))(t)
	ino := inode(t, r)
	for range 2 {
		if err := r.Hold(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Hold(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Hold after Close: %v", err)
	}
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	// A holder still has everything.
	r.Bytes()[0] = 1
	if err := r.TryLock(3); err != nil {
		t.Error(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	r.Drop()
	if !mapped(t, ino) {
		t.Error("unmapped before the last Drop")
	}
	r.Drop()
	if mapped(t, ino) || r.Bytes() != nil {
		t.Error("still mapped after the last Drop")
	}
	if err := r.Check(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Check after the last Drop: %v", err)
	}
	if _, err := r.File().Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("file after the last Drop: %v", err)
	}
}

func TestDropWithoutHold(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed ", closed), func(t *testing.T) {
			r := must(Heap(1))(t)
			if closed {
				r.Close()
			}
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			r.Drop()
		})
	}
}

// Users come and go while somebody closes: nobody who holds loses the memory,
// exactly one Close succeeds, and in the end it is gone.
func TestHoldCloseRace(t *testing.T) {
	dir := t.TempDir()
	for n := range 200 {
		path := filepath.Join(dir, fmt.Sprint("r", n, "-"))
		r := must(CreateFile(path, 1))(t)
		ino := inode(t, r)
		var wg sync.WaitGroup
		go_ := make(chan struct{})
		closes := make(chan error, 2)
		for g := range 4 {
			wg.Go(func() {
				<-go_
				for r.Hold() == nil {
					_ = r.Bytes()[0]
					if _, err := r.Locked(g); err != nil {
						t.Error(err)
					}
					if err := r.Check(); err != nil {
						t.Error(err)
					}
					r.Drop()
				}
			})
		}
		for range 2 {
			wg.Go(func() { <-go_; closes <- r.Close() })
		}
		close(go_)
		wg.Wait()
		a, b := <-closes, <-closes
		if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), os.ErrClosed) {
			t.Fatalf("closes: %v, %v", a, b)
		}
		if n%20 == 0 && mapped(t, ino) {
			t.Fatal("still mapped")
		}
	}
}
