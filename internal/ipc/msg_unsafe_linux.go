//go:build amd64 || arm64 || loong64 || riscv64

package ipc

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/ipc.h and linux/msg.h.
const (
	Creat  = 0o1000
	Excl   = 0o2000
	NoWait = 0o4000
	Rmid   = 0
	Set    = 1
	Stat   = 2
)

// MsgTag is the size of a message's type, which stands before its text.
const MsgTag = 8

// ipcPerm is struct ipc64_perm of linux/ipc.h where asm-generic's is used.
type ipcPerm struct {
	key, uid, gid, cuid, cgid, mode uint32
	seq, _                          uint16
	_, _                            uint64
}

// MsgStat is struct msqid64_ds of asm-generic/msgbuf.h, on 64 bits.
type MsgStat struct {
	Perm                     ipcPerm
	sent, received, changed  int64
	Bytes, Messages, Limit   uint64
	lastSender, lastReceiver int32
	_, _                     uint64
}

// MsgGet is msgget(2).
func MsgGet(key int32, flags int, perm fs.FileMode) (int, error) {
	id, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(key), uintptr(flags|int(perm.Perm())), 0)
	return int(id), Err(errno)
}

// MsgReceive receives the type, eight bytes, and the text into b, and returns the length of the text.
func MsgReceive(id int, b []byte, typ, flags int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_MSGRCV, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)-MsgTag), uintptr(typ), uintptr(flags), 0)
	return int(n), Err(errno)
}

// MsgSend sends a type, eight bytes, and the text behind it.
func MsgSend(id int, b []byte, flags int) error {
	_, _, errno := unix.Syscall6(unix.SYS_MSGSND, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)-MsgTag), uintptr(flags), 0, 0)
	return Err(errno)
}

// MsgControl is msgctl(2).
func MsgControl(id, command int, stat *MsgStat) error {
	_, _, errno := unix.Syscall(unix.SYS_MSGCTL, uintptr(id), uintptr(command), uintptr(unsafe.Pointer(stat)))
	return Err(errno)
}
