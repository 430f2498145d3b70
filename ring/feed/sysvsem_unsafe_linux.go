//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"io/fs"
	"unsafe"

	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// From linux/sem.h.
const (
	semUndo   = 0x1000
	semGetVal = 12
	semMax    = 32767 // SEMVMX
)

// semBuf is struct sembuf.
type semBuf struct {
	index uint16
	op    int16
	flags int16
}

func semGet(key int32, count, flags int, perm fs.FileMode) (int, error) {
	id, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(key), uintptr(count), uintptr(flags|int(perm.Perm())))
	return int(id), ipc.Err(errno)
}

func semOp(id int, ops ...semBuf) error {
	_, _, errno := unix.Syscall(unix.SYS_SEMOP, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(ops))), uintptr(len(ops)))
	return ipc.Err(errno)
}

func semControl(id, index, command int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(id), uintptr(index), uintptr(command), 0, 0, 0)
	return int(n), ipc.Err(errno)
}
