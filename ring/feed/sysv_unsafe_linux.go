//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/ipc.h and linux/msg.h.
const (
	ipcPrivate = 0
	ipcCreat   = 0o1000
	ipcExcl    = 0o2000
	ipcNoWait  = 0o4000
	ipcRmid    = 0
	ipcSet     = 1
	ipcStat    = 2
)

// ipcPerm is struct ipc64_perm of linux/ipc.h where asm-generic's is used.
type ipcPerm struct {
	key, uid, gid, cuid, cgid, mode uint32
	seq, _                          uint16
	_, _                            uint64
}

// sysvStat is struct msqid64_ds of asm-generic/msgbuf.h, on 64 bits.
type sysvStat struct {
	perm                     ipcPerm
	sent, received, changed  int64
	bytes, messages, limit   uint64
	lastSender, lastReceiver int32
	_, _                     uint64
}

func msgGet(key int32, flags int, perm fs.FileMode) (int, error) {
	id, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(key), uintptr(flags|int(perm.Perm())), 0)
	return int(id), asErr(errno)
}

// msgReceive receives the type, eight bytes, and the text into b, and returns the length of the text.
func msgReceive(id int, b []byte, typ, flags int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_MSGRCV, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)-sysvTag), uintptr(typ), uintptr(flags), 0)
	return int(n), asErr(errno)
}

// msgSend sends a type, eight bytes, and the text behind it.
func msgSend(id int, b []byte, flags int) error {
	_, _, errno := unix.Syscall6(unix.SYS_MSGSND, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)-sysvTag), uintptr(flags), 0, 0)
	return asErr(errno)
}

func msgControl(id, command int, stat *sysvStat) error {
	_, _, errno := unix.Syscall(unix.SYS_MSGCTL, uintptr(id), uintptr(command), uintptr(unsafe.Pointer(stat)))
	return asErr(errno)
}
