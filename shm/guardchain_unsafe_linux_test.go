//go:build amd64 || arm64

package shm

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	children["guard-stranger"] = guardStranger
}

// A fault outside every region is the runtime's business, as before.
func TestGuardLeavesOthersAlone(t *testing.T) {
	for _, how := range []string{"panic", "panic-notify", "unguarded"} {
		t.Run(how, func(t *testing.T) {
			c := start(t, "guard-stranger", t.TempDir(), how)
			c.Expect("recovered")
			c.Done()
		})
	}
	t.Run("crash", func(t *testing.T) {
		c := start(t, "guard-stranger", t.TempDir(), "crash")
		if err := c.End(); err == nil {
			t.Fatal("survived")
		}
		for _, want := range []string{"unexpected fault address", "[signal SIGBUS: bus error code=0x2"} {
			if !strings.Contains(c.Complaints(), want) {
				t.Errorf("no %q in:\n%s", want, c.Complaints())
			}
		}
	})
}

func guardStranger(args []string) error {
	dir, how := args[0], args[1]
	r, err := CreateFile(filepath.Join(dir, "guarded"), 4096)
	if err != nil {
		return err
	}
	if how == "panic-notify" { // os/signal does not bring the runtime's handler back
		signal.Notify(make(chan os.Signal, 1))
		signal.Notify(make(chan os.Signal, 1), syscall.SIGBUS)
		signal.Reset(syscall.SIGBUS)
		signal.Ignore(syscall.SIGBUS)
	}
	var mem []byte
	var cut string
	if strings.HasPrefix(how, "unguarded") {
		cut = filepath.Join(dir, "unguarded")
		u, err := CreateFile(cut, 4096, WithoutFaultGuard())
		if err != nil {
			return err
		}
		mem = u.Bytes()
	} else {
		f, err := os.Create(filepath.Join(dir, "stranger"))
		if err != nil {
			return err
		}
		cut = f.Name()
		if err := f.Truncate(4096); err != nil {
			return err
		}
		if mem, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
			return err
		}
	}
	if err := os.Truncate(cut, 0); err != nil {
		return err
	}
	if how == "crash" {
		mem[0] = 1
		return nil
	}
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			if e, ok := recover().(interface{ Addr() uintptr }); ok && e.Addr() == uintptr(unsafe.Pointer(&mem[0])) {
				fmt.Println("recovered")
			}
		}()
		mem[0] = 1
	}()
	// The guard still works after the chain was taken.
	if err := os.Truncate(r.Name(), 0); err != nil {
		return err
	}
	if r.Bytes()[0] != 0 || !r.Faulted() {
		return errors.New("the guard is gone")
	}
	return nil
}
