package ipc

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MQAttr is struct mq_attr; int is a long on every Linux.
type MQAttr struct {
	Flags, MaxMsg, MsgSize, CurMsgs int
	_                               [4]int
}

// MQOpen is mq_open(3), the name without its slash. A nil attr: the kernel's defaults.
func MQOpen(name string, flags int, perm fs.FileMode, attr *MQAttr) (int, error) {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(b)), uintptr(flags), uintptr(perm.Perm()), uintptr(unsafe.Pointer(attr)), 0, 0)
	return int(fd), Err(errno)
}

// MQUnlink is mq_unlink(3), the name without its slash.
func MQUnlink(name string) error {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(b)), 0, 0)
	return Err(errno)
}

// MQGetAttr is mq_getattr(3).
func MQGetAttr(fd int) (a MQAttr, err error) {
	_, _, errno := unix.Syscall(unix.SYS_MQ_GETSETATTR, uintptr(fd), 0, uintptr(unsafe.Pointer(&a)))
	return a, Err(errno)
}

// MQReceive is mq_receive(3): it waits for as long as it takes, unless the descriptor does not block.
func MQReceive(fd uintptr, b []byte) (n int, priority uint32, err error) {
	r, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(&priority)), 0, 0)
	return int(r), priority, Err(errno)
}

// MQSend is mq_send(3), and waits as MQReceive does.
func MQSend(fd uintptr, b []byte, priority uint32) error {
	_, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDSEND, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(priority), 0, 0)
	return Err(errno)
}
