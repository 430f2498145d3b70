package guide

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// roles are what this binary does when an example starts it as another process.
var roles = map[string]func(ctx context.Context, name string) error{
	"send":       send,
	"receive":    receive,
	"hang":       sendAndHang,
	"sendUntil":  sendUntilSignal,
	"sendQuotes": sendQuotes,
	"watchBest":  watchBest,
	"alarms":     alarms,
	"sendInLane": func(ctx context.Context, name string) error { return sendInLane(ctx, name, "another") },
}

func TestMain(m *testing.M) {
	if name := os.Getenv("ANNULUS_GUIDE_ROLE"); name != "" {
		report(roles[name](context.Background(), os.Args[1]))
		os.Exit(0)
	}
	code := m.Run()
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/annulus-guide-%d-*", os.Getpid())); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// report prints an error, which no example expects in its output.
func report(err error) {
	if err != nil {
		fmt.Println("error:", err)
	}
}

var names atomic.Int64

// freshName is a name that no other run of these examples uses.
func freshName() string {
	return fmt.Sprintf("annulus-guide-%d-%d", os.Getpid(), names.Add(1))
}

// process is this binary in another role. It dies with its parent.
func process(role, name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], name)
	cmd.Env = append(os.Environ(), "ANNULUS_GUIDE_ROLE="+role)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// connected returns the two ends of a Unix socket.
func connected() (a, b *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ends := make([]*net.UnixConn, len(fds))
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conn, cerr := net.FileConn(f)
		f.Close()
		if cerr != nil {
			err = cerr
			continue
		}
		ends[i] = conn.(*net.UnixConn)
	}
	return ends[0], ends[1], err
}
