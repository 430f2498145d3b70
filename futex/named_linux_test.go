package futex

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// C finds by sem_open what Go has made, and Go what C has.
func TestNamedSemaphore(t *testing.T) {
	newSemaphore(t, 0) // skips where there are none
	name := fmt.Sprintf("/annulus-futex-%d-named", os.Getpid())
	s, err := CreateSemaphore(name, 3, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = RemoveSemaphore(name) })
	if _, err := CreateSemaphore(name, 0, 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	other, err := OpenSemaphore(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Release(); err != nil || s.Value() != 4 {
		t.Errorf("value %d, %v", s.Value(), err)
	}
	exe := semPeer(t)
	if out, err := exec.CommandContext(t.Context(), exe, name, "opened", "5").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "posted 5") {
		t.Errorf("%s, %v", out, err)
	}
	for range 9 {
		if err := other.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expectWords(t, &s.Semaphore, 0, 0)
	if err := errors.Join(s.Close(), s.Close(), other.Close(), RemoveSemaphore(name)); err != nil {
		t.Error(err)
	}
	if _, err := OpenSemaphore(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if err := RemoveSemaphore(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
}

// Files that are no semaphores, and names that are none.
func TestNamedSemaphoreBad(t *testing.T) {
	newSemaphore(t, 0)
	name := fmt.Sprintf("annulus-futex-%d-bad", os.Getpid())
	path := "/dev/shm/sem." + name
	t.Cleanup(func() { _ = os.Remove(path) })
	for _, c := range []struct {
		bytes int
		says  string
	}{{0, "found mode 0100600 and 0 bytes"}, {SemaphoreSize, "no process-shared semaphore"}} {
		if err := os.WriteFile(path, make([]byte, c.bytes), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSemaphore(name); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d bytes: %v, want %q", c.bytes, err, c.says)
		}
	}
	for _, name := range []string{"", "/", "a/b", strings.Repeat("x", 252)} {
		if _, err := OpenSemaphore(name); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := CreateSemaphore(name+"2", SemaphoreMax+1, 0o600); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := os.Stat(path + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
