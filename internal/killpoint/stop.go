//go:build unix

package killpoint

import (
	"os"
	"os/signal"
	"syscall"
)

// Stop stops this process until it gets SIGCONT. The caller does not run on: any of the threads
// may be the one that takes a SIGSTOP, and until it does so the others go on, for long on a
// busy machine.
func Stop() {
	cont := make(chan os.Signal, 1)
	signal.Notify(cont, syscall.SIGCONT)
	defer signal.Stop(cont)
	// It fails for no process that may signal itself.
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	<-cont
}
