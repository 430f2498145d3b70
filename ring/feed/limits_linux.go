package feed

import (
	"fmt"

	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// tooLow says that a limit is below what is wanted, if it is.
func tooLow(name string, want int) string {
	if n, ok := ipc.Sysctl(name); ok && want > n {
		return fmt.Sprintf(": the limit %s is %d, wanted %d; sysctl -w %s=%d", name, n, want, name, want)
	}
	return ""
}

// atLimit says that there are as many objects as a limit allows, if err does.
func atLimit(err error, name string) string {
	if n, ok := ipc.Sysctl(name); ok && err == unix.ENOSPC {
		return fmt.Sprintf(": the limit %s is %d and there are as many; remove some, or: sysctl -w %s=%d", name, n, name, n+1)
	}
	return ""
}
