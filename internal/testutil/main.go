package testutil

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// roleEnv names the role that a test binary plays when it is started again.
const roleEnv = "ANNULUS_TEST_ROLE"

// Roles are the programs of a test's other processes, by name: the test binary,
// started again by Child, runs one of them instead of the tests. Test files add
// theirs in init. What a role prints goes to whoever started it; its error makes
// it exit with status 1.
type Roles map[string]func(args []string) error

// Main is a TestMain: it plays the role that Child asks for, or runs the tests,
// then atExit, and fails if descriptors, goroutines or what bears a ShmName are left.
// It does not return.
func Main(m *testing.M, roles Roles, atExit func()) {
	if name := os.Getenv(roleEnv); name != "" {
		os.Exit(roles.play(name, os.Args[1:]))
	}
	os.Exit(runAndCheckLeaks(m, atExit))
}

func (r Roles) play(name string, args []string) (status int) {
	role, ok := r[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		return 2
	}
	if err := role(args); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1
	}
	return 0
}

// Forever waits to be killed: for roles. A bare select would be a deadlock to the
// runtime.
func Forever() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGHUP)
	<-ch
}

// Child is this test binary in a role, not started yet. It is killed when the
// test ends.
func Child(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		exe = "/proc/self/exe" // also for a child that may not reach it by its path
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	// Under -race a process sleeps a second before it exits, if not told otherwise.
	cmd.Env = append(os.Environ(), roleEnv+"="+role, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	return cmd
}

func runAndCheckLeaks(m *testing.M, atExit func()) (status int) {
	if r, w, err := os.Pipe(); err == nil { // the netpoller's own descriptors
		r.Close()
		w.Close()
	}
	c := make(chan os.Signal, 1) // the first Notify starts a goroutine that stays
	signal.Notify(c, syscall.SIGHUP)
	signal.Stop(c)
	fds, goroutines := OpenFDs(), runtime.NumGoroutine()
	status = m.Run()
	if atExit != nil {
		atExit()
	}
	RemoveBuilt()
	if left := leftFiles(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		status = max(status, 1)
	}
	for range 2000 { // goroutines end a little after what they were waited for
		if OpenFDs() <= fds && runtime.NumGoroutine() <= goroutines {
			return status
		}
		time.Sleep(time.Millisecond)
	}
	if status == 0 {
		fmt.Fprintf(os.Stderr, "leak: %d descriptors, %d before; %d goroutines, %d before\n%v\n%s\n",
			OpenFDs(), fds, runtime.NumGoroutine(), goroutines, descriptors(), Stacks())
		status = 1
	}
	return status
}

// OpenFDs counts this process's descriptors, where the system shows them; else
// it returns 0.
func OpenFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// descriptors lists what they lead to.
func descriptors() (all []string) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil {
			all = append(all, filepath.Base(l)+" "+to)
		}
	}
	return all
}

// Stacks is what every goroutine is doing.
func Stacks() []byte {
	buf := make([]byte, 1<<20)
	return buf[:runtime.Stack(buf, true)]
}
