//go:build amd64 || arm64

package shm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct, the same on amd64 and arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	saSiginfo   = 0x4
	saOnstack   = 0x08000000
	saResethand = 0x80000000
)

// sigbusHandler is the signal handler. It is not a Go function: never call it.
func sigbusHandler()

// handlerPC returns the address of sigbusHandler itself; Go code that names it
// would get a wrapper.
func handlerPC() uintptr

var _ = sigbusHandler // referred to from assembly only

func rtSigaction(sig unix.Signal, act, old *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(act.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func currentHandler() (uintptr, error) {
	var act sigaction
	err := rtSigaction(unix.SIGBUS, nil, &act)
	return act.handler, err
}

func flagAddr(f *faultFlag) uintptr { return uintptr(unsafe.Pointer(&f.v)) }
