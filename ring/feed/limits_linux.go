package feed

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tooLow says that a limit is below what is wanted, if it is.
func tooLow(name string, want int) string {
	if n, ok := sysctl(name); ok && want > n {
		return fmt.Sprintf(": the limit %s is %d, wanted %d; sysctl -w %s=%d", name, n, want, name, want)
	}
	return ""
}

// sysctl returns a setting of the kernel that is a number, the first if there are many.
func sysctl(name string) (int, bool) {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(b))
	if len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(fields[0])
	return n, err == nil
}

// atLimit says that there are as many objects as a limit allows, if err does.
func atLimit(err error, name string) string {
	if n, ok := sysctl(name); ok && err == unix.ENOSPC {
		return fmt.Sprintf(": the limit %s is %d and there are as many; remove some, or: sysctl -w %s=%d", name, n, name, n+1)
	}
	return ""
}
