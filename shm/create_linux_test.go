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

	"annulus/internal/testutil"
)

func init() {
	children["creator"] = creator
	children["stuck-creator"] = stuckCreator
	children["umask"] = umaskChild
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
		var all []*testutil.Process
		for range 16 {
			all = append(all, start(t, "creator", path, way))
		}
		for _, c := range all {
			c.Expect("ready")
		}
		for _, c := range all {
			c.Say("go")
		}
		won, pids := 0, map[string]bool{}
		for _, c := range all {
			var verdict, winner string
			fmt.Sscan(c.Line(), &verdict, &winner)
			if verdict == "won" {
				won++
			}
			pids[winner] = true
			c.Done()
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
		dead.Expect("in init")
		alive := start(t, "stuck-creator", filepath.Join(dir, "other"), way)
		alive.Expect("in init")
		if _, err := OpenFile(path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("open before it is complete: %v", err)
		}
		dead.Kill()
		for _, name := range dirNames(t, dir) {
			if !strings.HasPrefix(name, tempPrefix) || way == "unnamed" {
				t.Errorf("left over: %s", name)
			}
		}
		takeWay(way)
		defer takeWay("")
		r := must(CreateFile(path, 4096))(t)
		closed(t, r)
		alive.Say("go")
		alive.Expect("created")
		alive.Done()
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
		t.Run(umask, func(t *testing.T) { start(t, "umask", t.TempDir(), umask).Done() })
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
