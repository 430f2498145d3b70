package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	children["creator"] = creator
	children["stuck-creator"] = stuckCreator
	children["umask"] = umaskChild
	children["no-space"] = noSpaceChild
	children["fsize"] = fsizeChild
	children["no-fds"] = noFDsChild
}

// eachWay runs f for both ways to make a file.
func eachWay(t *testing.T, f func(t *testing.T, way string)) {
	for _, way := range []string{"unnamed", "temporary"} {
		t.Run(way, func(t *testing.T) { f(t, way) })
	}
}

func takeWay(way string) { noUnnamed.Store(way == "temporary") }

// Of sixteen processes that create the same name at once exactly one wins, and
// all see its memory.
func TestConcurrentCreators(t *testing.T) {
	eachWay(t, func(t *testing.T, way string) {
		path := filepath.Join(t.TempDir(), "region")
		var all []*child
		for range 16 {
			all = append(all, start(t, "creator", path, way))
		}
		for _, c := range all {
			c.expect("ready")
		}
		for _, c := range all {
			c.say("go")
		}
		won, pids := 0, map[string]bool{}
		for _, c := range all {
			var verdict, winner string
			fmt.Sscan(c.line(), &verdict, &winner)
			if verdict == "won" {
				won++
			}
			pids[winner] = true
			c.ok()
		}
		if won != 1 || len(pids) != 1 {
			t.Errorf("%d winners, memory of %d", won, len(pids))
		}
		if names := dirNames(t, filepath.Dir(path)); len(names) != 1 {
			t.Errorf("files: %q", names)
		}
	})
}

func creator(args []string) error {
	takeWay(args[1])
	fmt.Println("ready")
	hear()
	verdict := "won"
	r, err := CreateFile(args[0], 8192, WithInit(func(mem []byte) error {
		copy(mem, fmt.Sprintln(os.Getpid()))
		return nil
	}))
	if errors.Is(err, fs.ErrExist) {
		verdict = "lost"
		r, err = OpenFile(args[0])
	}
	if err != nil {
		return err
	}
	winner, _, _ := strings.Cut(string(r.Bytes()), "\n")
	fmt.Println(verdict, winner)
	return nil
}

// A creator that is killed while it initialises leaves no name, and what it may
// leave otherwise the next one removes. One that lives is not disturbed.
func TestKilledCreator(t *testing.T) {
	eachWay(t, func(t *testing.T, way string) {
		dir := t.TempDir()
		path := filepath.Join(dir, "region")
		dead := start(t, "stuck-creator", path, way)
		dead.expect("in init")
		alive := start(t, "stuck-creator", filepath.Join(dir, "other"), way)
		alive.expect("in init")
		if _, err := OpenFile(path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("open before it is complete: %v", err)
		}
		dead.kill()
		for _, name := range dirNames(t, dir) {
			if !strings.HasPrefix(name, tempPrefix) || way == "unnamed" {
				t.Errorf("left over: %s", name)
			}
		}
		takeWay(way)
		defer takeWay("")
		r := must(CreateFile(path, 4096))(t)
		closed(t, r)
		alive.say("go")
		alive.expect("created")
		alive.ok()
		if names := dirNames(t, dir); len(names) != 2 {
			t.Errorf("files: %q", names)
		}
		if n, err := r.Links(); n != 1 || err != nil {
			t.Errorf("Links: %d, %v", n, err)
		}
	})
}

func stuckCreator(args []string) error {
	takeWay(args[1])
	r, err := CreateFile(args[0], 8192, WithInit(func([]byte) error {
		fmt.Println("in init")
		hear()
		return nil
	}))
	if err != nil {
		return err
	}
	fmt.Println("created")
	return r.Close()
}

// Modes are exact, whatever the umask.
func TestModeUnderUmask(t *testing.T) {
	for _, umask := range []string{"0", "077", "0777"} {
		t.Run(umask, func(t *testing.T) { start(t, "umask", t.TempDir(), umask).ok() })
	}
}

func umaskChild(args []string) error {
	var umask int
	fmt.Sscanf(args[1], "%o", &umask)
	syscall.Umask(umask)
	n := 0
	for _, way := range []string{"unnamed", "temporary"} {
		takeWay(way)
		for _, mode := range []fs.FileMode{0o600, 0o660, 0o666, 0o644, 0o400} {
			n++
			r, err := CreateFile(filepath.Join(args[0], fmt.Sprint(n)), 1, WithMode(mode))
			if err != nil {
				return err
			}
			m, err := Memfd("mode", 1, WithMode(mode))
			if err != nil {
				return err
			}
			for _, r := range []*Region{r, m} {
				fi, err := r.File().Stat()
				if err != nil {
					return err
				}
				if fi.Mode().Perm() != mode {
					return fmt.Errorf("%s: mode %v, expected %v", r.Name(), fi.Mode(), mode)
				}
			}
		}
		r, err := CreateFile(filepath.Join(args[0], "default-"+way), 1)
		if err != nil {
			return err
		}
		if fi, err := r.File().Stat(); err != nil || fi.Mode().Perm() != 0o600 {
			return fmt.Errorf("default mode %v, %v", fi.Mode(), err)
		}
	}
	return nil
}

// namespaces lets a child mount, as root or not.
func namespaces(c *child) {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	c.cmd.SysProcAttr = attr
}

// A file system that is too small says so when the region is created, leaves
// nothing, and one that fills up later takes nothing back.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	c := command(t, "no-space", dir)
	namespaces(c)
	if err := c.tryStart(); err != nil {
		t.Skipf("no namespaces to mount in: %v", err)
	}
	if got := c.line(); got != "mounted" {
		t.Skipf("cannot mount a tmpfs: %s", got)
	}
	c.ok()
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

func TestFileSizeLimit(t *testing.T) { start(t, "fsize", t.TempDir()).ok() }

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
func TestNoDescriptors(t *testing.T) { start(t, "no-fds", t.TempDir()).ok() }

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
	fds := openFDs()
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
	if now := openFDs(); len(now) > len(fds) {
		return fmt.Errorf("descriptors leaked: %v", now)
	}
	if names, _ := os.ReadDir(args[0]); len(names) != 1 {
		return fmt.Errorf("left over: %v", names)
	}
	return nil
}
