package futex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// signalOne is what Signal writes: a count of one in the kernel's byte order.
var signalOne = binary.NativeEndian.AppendUint64(nil, 1)

// Eventfd is a kernel counter to sleep on: Signal adds to it, Wait sleeps until
// it is not zero and takes all of it. A sleeper is parked on Go's netpoller and
// holds no OS thread. Other processes share it by its descriptor: pass File to
// exec.Cmd.ExtraFiles or over a Unix socket.
//
// Signal and Close may be called by anyone at any time. One goroutine at a time
// may be in Wait; a second process may wait too, but every signal reaches only
// one of them.
type Eventfd struct {
	file *os.File
	raw  syscall.RawConn
	emit func(fd uintptr) // bound once, so that Signal allocates nothing
	bad  atomic.Uintptr   // the errno of a write that could not fail, and did

	count [8]byte // what Wait has read; a local one would be allocated under -race
}

// NewEventfd returns an Eventfd with a count of zero. It fails when the process
// or the system has no descriptors left (EMFILE, ENFILE). Close it after use.
func NewEventfd() (*Eventfd, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return newEventfd(fd)
}

// EventfdFromFile returns an Eventfd over an eventfd that was inherited or
// received. It duplicates the descriptor: f stays the caller's to close, and may
// be closed at once. It fails with os.ErrInvalid when f is something else, and
// with os.ErrClosed when f is closed.
//
// It makes the eventfd non-blocking, for every process that shares it: a C peer
// must poll before it reads. One made with EFD_SEMAPHORE works, but its Wait
// takes one signal at a time.
func EventfdFromFile(f *os.File) (*Eventfd, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("futex: eventfd: %w", err)
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil { // the only way to fail
		return nil, fmt.Errorf("futex: eventfd %s: %w", f.Name(), os.ErrClosed)
	}
	if dupErr != nil {
		return nil, os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", dupErr)
	}
	if err := checkEventfd(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl(F_SETFL)", err)
	}
	return newEventfd(fd)
}

// checkEventfd refuses a descriptor that is known to be no eventfd; without
// /proc it has to take the caller's word.
func checkEventfd(fd int) error {
	const want = "anon_inode:[eventfd]"
	got, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if errors.Is(err, fs.ErrNotExist) || err == nil && got == want {
		return nil
	}
	if err != nil {
		return fmt.Errorf("futex: cannot tell what the descriptor is: %w", err)
	}
	return fmt.Errorf("futex: expected an eventfd, found %s: %w", got, os.ErrInvalid)
}

// newEventfd owns fd, which is non-blocking: NewFile gives it to the netpoller.
func newEventfd(fd int) (*Eventfd, error) {
	e := &Eventfd{file: os.NewFile(uintptr(fd), "eventfd")}
	raw, err := e.file.SyscallConn()
	if err != nil {
		e.file.Close()
		return nil, fmt.Errorf("futex: eventfd: %w", err)
	}
	e.raw = raw
	e.emit = e.write
	return e, nil
}

func (e *Eventfd) write(fd uintptr) {
	for {
		_, err := unix.Write(int(fd), signalOne)
		switch err {
		case nil, unix.EAGAIN: // EAGAIN: the count is at its limit, so a signal is pending
			return
		case unix.EINTR:
		default:
			errno, _ := err.(syscall.Errno)
			e.bad.Store(uintptr(errno))
			return
		}
	}
}

// Signal ends the Wait that is under way, or else the next one. Signals add up
// until a Wait takes all of them. It never blocks and allocates nothing. After
// Close it returns an error that wraps os.ErrClosed.
//
// It is also how a waiter is cancelled: change what it looks at, then Signal.
func (e *Eventfd) Signal() error {
	if err := e.raw.Control(e.emit); err != nil { // the only way to fail
		return fmt.Errorf("futex: eventfd: %w", os.ErrClosed)
	}
	if errno := e.bad.Load(); errno != 0 {
		return os.NewSyscallError("eventfd write", syscall.Errno(errno))
	}
	return nil
}

// Wait sleeps until there was a Signal and takes all signals so far. A zero
// deadline means none. At the deadline it returns os.ErrDeadlineExceeded; one
// that has already passed is reported even if a signal is pending, which then
// stays pending. Close ends it with an error that wraps os.ErrClosed.
// One goroutine at a time; with a signal pending it allocates nothing.
func (e *Eventfd) Wait(deadline time.Time) error {
	if err := e.file.SetReadDeadline(deadline); errors.Is(err, os.ErrNoDeadline) {
		return fmt.Errorf("futex: eventfd is not on the netpoller: %w", err)
	} else if err != nil { // the only other way to fail
		return fmt.Errorf("futex: eventfd: %w", os.ErrClosed)
	}
	if _, err := e.file.Read(e.count[:]); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return os.ErrDeadlineExceeded
		}
		return fmt.Errorf("futex: eventfd: %w", err)
	}
	return nil
}

// File returns the file, to be handed to another process. It stays owned by the
// Eventfd, is valid until Close, and must be neither read, written nor closed.
func (e *Eventfd) File() *os.File { return e.file }

// Close closes the descriptor and ends a Wait. A second Close returns an error
// that wraps os.ErrClosed. Other processes keep theirs.
func (e *Eventfd) Close() error { return e.file.Close() }
