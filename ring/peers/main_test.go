package peers_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// roleEnv names the role that a re-executed test binary plays.
const roleEnv = "ANNULUS_PEERS_ROLE"

// roles are the Go children's programs; test files add theirs in init.
var roles = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(roleEnv); name != "" {
		if err := roles[name](os.Args[1:]); err != nil {
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
	removePeer()
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
