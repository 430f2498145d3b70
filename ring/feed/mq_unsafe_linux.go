package feed

import (
	"io/fs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mqAttr is struct mq_attr; int is a long on every Linux.
type mqAttr struct {
	flags, maxMsg, msgSize, curMsgs int
	_                               [4]int
}

func mqOpen(name string, flags int, perm fs.FileMode, attr *mqAttr) (int, error) {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(b)), uintptr(flags), uintptr(perm.Perm()), uintptr(unsafe.Pointer(attr)), 0, 0)
	return int(fd), asErr(errno)
}

func mqUnlink(name string) error {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(b)), 0, 0)
	return asErr(errno)
}

func mqGetAttr(fd int) (a mqAttr, err error) {
	_, _, errno := unix.Syscall(unix.SYS_MQ_GETSETATTR, uintptr(fd), 0, uintptr(unsafe.Pointer(&a)))
	return a, asErr(errno)
}

// mqReceive and mqSend have no deadline: the descriptor does not block.
func mqReceive(fd uintptr, b []byte) (n int, priority uint32, err error) {
	r, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(&priority)), 0, 0)
	return int(r), priority, asErr(errno)
}

func mqSend(fd uintptr, b []byte, priority uint32) error {
	_, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDSEND, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(priority), 0, 0)
	return asErr(errno)
}

// asErr is errno as an error that is nil for none.
func asErr(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
