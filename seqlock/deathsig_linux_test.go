package seqlock_test

import "syscall"

// dieWithParent keeps peers from outliving a test binary that is killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
