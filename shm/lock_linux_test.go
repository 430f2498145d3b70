package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

func init() {
	children["locker"] = locker
}

// locker opens a region by file, takes the locks named by its arguments and
// follows orders.
func locker(args []string) error {
	r, err := OpenFile(args[0])
	if err != nil {
		return err
	}
	for _, a := range args[1:] {
		var i int
		fmt.Sscan(a, &i)
		if err := r.TryLock(i); err != nil {
			return err
		}
	}
	fmt.Println("locked")
	for {
		switch hear() {
		case "":
			return nil
		case "close":
			if err := r.Close(); err != nil {
				return err
			}
			fmt.Println("closed")
		case "stray": // POSIX process locks would be gone after this
			f, err := os.OpenFile(args[0], os.O_RDWR, 0)
			if err != nil {
				return err
			}
			f.Close()
			fmt.Println("closed")
		case "all": // every descriptor of the region: the mapping holds the lock
			if err := unix.Close(r.fd); err != nil {
				return err
			}
			fmt.Println("closed")
		}
	}
}

func locked(t *testing.T, r *Region, i int, want bool) {
	t.Helper()
	got, err := r.Locked(i)
	if err != nil || got != want {
		t.Errorf("Locked(%d): %v, %v, expected %v", i, got, err, want)
	}
}

func TestLocksOfOneRegion(t *testing.T) {
	eachBacking(t, func(t *testing.T, make func(*testing.T, int, ...Option) (*Region, error)) {
		r := must(make(t, 1))(t)
		defer r.Close()
		for _, i := range []int{0, 1, 77, maxLock} {
			locked(t, r, i, false)
			if err := r.TryLock(i); err != nil {
				t.Fatal(err)
			}
			locked(t, r, i, true)
			if err := r.TryLock(i); !errors.Is(err, ErrLocked) {
				t.Errorf("second TryLock: %v", err)
			}
		}
		locked(t, r, 2, false)
		if err := r.Unlock(1); err != nil {
			t.Fatal(err)
		}
		locked(t, r, 0, true)
		locked(t, r, 1, false)
		if err := r.Unlock(1); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("second Unlock: %v", err)
		}
		if err := r.TryLock(1); err != nil {
			t.Error(err)
		}
		for _, i := range []int{-1, maxLock + 1} {
			if err := r.TryLock(i); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("TryLock(%d): %v", i, err)
			}
		}
	})
}

// Of many that try at once, one gets it.
func TestLockRace(t *testing.T) {
	eachBacking(t, func(t *testing.T, make func(*testing.T, int, ...Option) (*Region, error)) {
		r := must(make(t, 1))(t)
		defer r.Close()
		for i := range 100 {
			var got atomic.Int32
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := r.TryLock(i); err == nil {
						got.Add(1)
					} else if !errors.Is(err, ErrLocked) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got.Load() != 1 {
				t.Fatalf("lock %d: %d owners", i, got.Load())
			}
		}
	})
}

// Two Regions of one process are two parties.
func TestLocksWithinOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	a := must(CreateFile(path, 1))(t)
	defer a.Close()
	b := must(OpenFile(path))(t)
	ro := must(OpenFile(path, ReadOnly()))(t)
	defer ro.Close()
	if err := b.TryLock(5); err != nil {
		t.Fatal(err)
	}
	if err := a.TryLock(5); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("two owners: %v", err)
	}
	if err := a.TryLock(6); err != nil {
		t.Error(err)
	}
	for _, r := range []*Region{a, b, ro} {
		locked(t, r, 5, true)
		locked(t, r, 6, true)
		locked(t, r, 4, false)
	}
	if err := b.Hold(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	locked(t, a, 5, true) // a holder still has it
	b.Drop()
	locked(t, a, 5, false)
	locked(t, ro, 6, true)
}

func TestLocksBetweenProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	r := must(CreateFile(path, 1))(t)
	defer r.Close()

	t.Run("closed by its owner", func(t *testing.T) {
		c := start(t, "locker", path, "1", "2")
		c.Expect("locked")
		locked(t, r, 1, true)
		locked(t, r, 2, true)
		locked(t, r, 3, false)
		if err := r.TryLock(1); !errors.Is(err, ErrLocked) {
			t.Errorf("TryLock: %v", err)
		}
		c.Say("close")
		c.Expect("closed")
		locked(t, r, 1, false)
		c.Done()
	})
	for _, how := range []string{"stray", "all"} {
		t.Run("survives closing "+how, func(t *testing.T) {
			c := start(t, "locker", path, "1")
			c.Expect("locked")
			c.Say(how)
			c.Expect("closed")
			locked(t, r, 1, true)
			c.Kill()
			locked(t, r, 1, false)
		})
	}
	t.Run("killed and not reaped", func(t *testing.T) {
		c := start(t, "locker", path, "1")
		c.Expect("locked")
		locked(t, r, 1, true)
		c.Signal(syscall.SIGKILL)
		zombie(t, c.PID())
		locked(t, r, 1, false)
		if err := r.TryLock(1); err != nil {
			t.Error(err)
		}
		if err := r.Unlock(1); err != nil {
			t.Error(err)
		}
		c.EndsBy(syscall.SIGKILL)
	})
	t.Run("stopped", func(t *testing.T) {
		c := start(t, "locker", path, "1")
		c.Expect("locked")
		c.Signal(syscall.SIGSTOP)
		c.Stopped()
		locked(t, r, 1, true)
		c.Signal(syscall.SIGCONT)
		locked(t, r, 1, true)
		c.Done()
		locked(t, r, 1, false)
	})
	t.Run("other pid namespace", func(t *testing.T) {
		cmd := command(t, "locker", path, "1")
		namespaces(cmd)
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
		c, err := testutil.TryStart(t, cmd)
		if err != nil {
			testutil.Absent(t, "no namespaces: %v", err)
		}
		c.Expect("locked")
		locked(t, r, 1, true)
		c.Kill()
		locked(t, r, 1, false)
	})
}

// zombie waits until the process is dead and not yet reaped.
func zombie(t *testing.T, pid int) {
	t.Helper()
	var info unix.Siginfo
	if err := retry(func() error {
		return unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
	}); err != nil {
		t.Fatal(err)
	}
}
