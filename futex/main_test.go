package futex

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// roleEnv names the role that a re-executed test binary plays.
const roleEnv = "ANNULUS_FUTEX_ROLE"

// roles are the children's programs; a test file adds its own in init. What
// they print goes to the parent, an error makes them exit with 1.
var roles = map[string]func(args []string) error{}

// atExit is what remains to be done after the last test.
var atExit []func()

func TestMain(m *testing.M) {
	if name := os.Getenv(roleEnv); name != "" {
		role, ok := roles[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such role:", name)
			os.Exit(2)
		}
		if err := role(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, name+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(runAndCheckLeaks(m))
}

func runAndCheckLeaks(m *testing.M) int {
	if r, w, err := os.Pipe(); err == nil { // the netpoller's own descriptors
		r.Close()
		w.Close()
	}
	fds, goroutines := openFDs(), runtime.NumGoroutine()
	code := m.Run()
	for _, f := range atExit {
		f()
	}
	for range 2000 { // goroutines end a little after what they were waited for
		if openFDs() <= fds && runtime.NumGoroutine() <= goroutines {
			return code
		}
		time.Sleep(time.Millisecond)
	}
	if code == 0 {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "leak: %d descriptors, %d before; %d goroutines, %d before\n%s\n",
			openFDs(), fds, runtime.NumGoroutine(), goroutines, buf[:runtime.Stack(buf, true)])
		code = 1
	}
	return code
}

// openFDs counts this process's descriptors, where the system shows them.
func openFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// patience is how long anything may take before a test calls it hung.
const patience = 30 * time.Second

// until polls for a state.
func until(what string, cond func() bool) error {
	for end := time.Now().Add(patience); !cond(); time.Sleep(20 * time.Microsecond) {
		if time.Now().After(end) {
			return fmt.Errorf("never happened: %s", what)
		}
	}
	return nil
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	if err := until(what, cond); err != nil {
		t.Fatal(err)
	}
}

// receive takes what a goroutine hands over.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("hung:\n%s", buf[:runtime.Stack(buf, true)])
		panic("not reached")
	}
}
