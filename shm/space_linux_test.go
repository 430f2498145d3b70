package shm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

func init() {
	children["no-space"] = noSpaceChild
	children["fsize"] = fsizeChild
	children["no-fds"] = noFDsChild
}

// namespaces lets a child mount, as root or not.
func namespaces(c *exec.Cmd) {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	c.SysProcAttr = attr
}

// A file system that is too small says so when the region is created, leaves
// nothing, and one that fills up later takes nothing back.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	cmd := command(t, "no-space", dir)
	namespaces(cmd)
	c, err := testutil.TryStart(t, cmd)
	if err != nil {
		testutil.Absent(t, "no namespaces to mount in: %v", err)
	}
	if got := c.Line(); got != "mounted" {
		testutil.Absent(t, "cannot mount a tmpfs: %s", got)
	}
	c.Done()
}

func noSpaceChild(args []string) error {
	dir := args[0]
	err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k")
	}
	if err != nil {
		fmt.Println(err)
		return nil
	}
	fmt.Println("mounted")
	for _, way := range []string{"unnamed", "temporary"} {
		takeWay(way)
		_, err := CreateFile(filepath.Join(dir, "large"), 128<<10)
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("%s: %v", way, err)
		}
		for _, want := range []string{dir, "65536 bytes free", "131072 were asked for"} {
			if !strings.Contains(err.Error(), want) {
				return fmt.Errorf("no %q in %q", want, err)
			}
		}
		if names, _ := os.ReadDir(dir); len(names) != 0 {
			return fmt.Errorf("%s: left over: %v", way, names)
		}
		r, err := CreateFile(filepath.Join(dir, "fits"), 32<<10)
		if err != nil {
			return err
		}
		os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 64<<10), 0o600)
		for i := range r.Bytes() {
			r.Bytes()[i] = 1
		}
		if r.Faulted() {
			return errors.New("a page was not there")
		}
		r.Close()
		os.Remove(filepath.Join(dir, "filler"))
		RemoveFile(filepath.Join(dir, "fits"))
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

func TestFileSizeLimit(t *testing.T) { start(t, "fsize", t.TempDir()).Done() }

func fsizeChild(args []string) error {
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8192, Max: 8192}); err != nil {
		return err
	}
	for _, dir := range []string{args[0], "/dev/shm"} {
		_, err := CreateFile(filepath.Join(dir, fmt.Sprint("annulus-test-", os.Getpid())), 1<<20)
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "RLIMIT_FSIZE is 8192") {
			return fmt.Errorf("%s: %v", dir, err)
		}
	}
	if names, _ := os.ReadDir(args[0]); len(names) != 0 {
		return fmt.Errorf("left over: %v", names)
	}
	return nil
}

// Without descriptors nothing works, and nothing is left.
func TestNoDescriptors(t *testing.T) { start(t, "no-fds", t.TempDir()).Done() }

func noFDsChild(args []string) error {
	path := filepath.Join(args[0], "region")
	r, err := CreateFile(path, 4096)
	if err != nil {
		return err
	}
	r.Close()
	if f, err := os.Open("/dev/null"); err == nil {
		f.Close() // the poller has its descriptors now
	}
	fds := testutil.OpenFDs()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	var fill []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		fill = append(fill, f)
	}
	_, err1 := OpenFile(path)
	_, err2 := CreateFile(path+"2", 4096)
	_, err3 := Memfd("x", 4096)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, syscall.EMFILE) {
			return fmt.Errorf("expected EMFILE: %v", err)
		}
	}
	fill[0].Close() // enough for the directory, not for the file
	if _, err := CreateFile(path+"2", 4096); !errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("expected EMFILE: %v", err)
	}
	for _, f := range fill[1:] {
		f.Close()
	}
	if now := testutil.OpenFDs(); now > fds {
		return fmt.Errorf("descriptors leaked: %d, %d before", now, fds)
	}
	if names, _ := os.ReadDir(args[0]); len(names) != 1 {
		return fmt.Errorf("left over: %v", names)
	}
	return nil
}
