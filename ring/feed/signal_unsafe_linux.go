//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"syscall"
	"unsafe"

	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// sigInfo is siginfo_t of a signal with a value, on 64 bits.
type sigInfo struct {
	number, errno, code, _ int32
	pid, uid               uint32
	value                  uint64
	_                      [12]uint64
}

const siQueue = -1 // SI_QUEUE

func pidfdQueue(fd int, sig syscall.Signal, value uint64, pid, uid int) error {
	info := sigInfo{number: int32(sig), code: siQueue, pid: uint32(pid), uid: uint32(uid), value: value}
	_, _, errno := unix.Syscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(sig), uintptr(unsafe.Pointer(&info)), 0, 0, 0)
	return ipc.Err(errno)
}

// signalInfos returns room for n signals as signalfd(2) gives them, and the same as bytes.
func signalInfos(n int) ([]unix.SignalfdSiginfo, []byte) {
	infos := make([]unix.SignalfdSiginfo, n)
	return infos, unsafe.Slice((*byte)(unsafe.Pointer(&infos[0])), n*int(unsafe.Sizeof(infos[0])))
}
