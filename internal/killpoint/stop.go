//go:build unix

package killpoint

import (
	"os"
	"os/signal"
	"syscall"
)

// Stop stops this process here until a SIGCONT. The signal may come to any of the
// threads, so that the one which has sent it would go on for a moment.
func Stop() error {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGCONT)
	defer signal.Stop(ch)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		return err
	}
	<-ch
	return nil
}
