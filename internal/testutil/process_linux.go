package testutil

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// DieWithParent keeps a process from outliving a test binary that is killed. It is
// tied to the thread that starts it: not for tests whose threads end.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// Stopped waits until it is stopped. It ends the test at once if the process ends instead.
func (p *Process) Stopped() {
	p.t.Helper()
	Eventually(p.t, "the process stops", func() bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.PID(), &info, unix.WSTOPPED|unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		const exited, killed, dumped = 1, 2, 3 // CLD_*
		if err != nil || info.Code == exited || info.Code == killed || info.Code == dumped {
			p.t.Fatalf("%s: ended in place of stopping: %v\n%s", p.cmd, err, p.Complaints())
		}
		return info.Signo != 0
	})
}
