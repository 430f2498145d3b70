package ipc

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Err is errno as an error that is nil for none.
func Err(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// Sysctl returns a setting of the kernel that is a number, the first if there are many.
func Sysctl(name string) (int, bool) {
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
