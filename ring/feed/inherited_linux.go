package feed

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Inherited reads and writes a file whose description other processes may share: stdin,
// stdout, a pipe that was inherited. A read or write that waits can be ended by a
// deadline, though O_NONBLOCK is never set: that would hold for all who share the
// description. It waits in poll(2), which keeps a thread. One goroutine at a time may
// read and one write; deadlines may be set by any.
type Inherited struct {
	file     *os.File // kept: its finalizer would close its descriptor
	fd       int      // that of file, or its own
	own      bool     // a terminal that was opened anew, with O_NONBLOCK
	regular  bool     // never waits, and knows no RWF_NOWAIT that would help
	terminal bool

	in, out side
}

// side is one direction of it.
type side struct {
	fds   [2]unix.PollFd
	plain bool // RWF_NOWAIT is not known for this file
	// bounded is set for a terminal: a pseudo terminal wakes nobody who polls when what was
	// written to it moves from one of its buffers to the next, which makes room.
	bounded bool

	mu       sync.Mutex
	deadline time.Time
	bell     int // eventfd, rung when the deadline is moved; -1 after Close
}

// Inherit returns a way to use f that leaves its flags alone. f stays the caller's, who
// must not use it meanwhile, nor close it before Close.
func Inherit(f *os.File) (*Inherited, error) {
	in := &Inherited{file: f, in: side{bell: -1}, out: side{bell: -1}}
	raw, err := f.SyscallConn() // f.Fd() would change the flags
	if err == nil {
		err = raw.Control(func(fd uintptr) { in.fd = int(fd) })
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(in.fd, &st)
	}
	for _, s := range []*side{&in.in, &in.out} {
		if err == nil {
			s.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		}
	}
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("feed: %s: %w", f.Name(), err)
	}
	in.regular = st.Mode&unix.S_IFMT == unix.S_IFREG
	in.reopen()
	return in, nil
}

// reopen gives a terminal a description of its own. A terminal that poll(2) calls writable
// may have room for a few bytes only, a write of more sleeps, and with SA_RESTART no signal
// ends that. The other side of a pseudo terminal cannot be had twice, and not every
// terminal may be opened by who was given it: there Write goes byte by byte.
func (in *Inherited) reopen() {
	if _, err := unix.IoctlGetTermios(in.fd, unix.TCGETS); err != nil {
		return
	}
	in.terminal, in.in.bounded, in.out.bounded = true, true, true
	if _, err := unix.IoctlGetInt(in.fd, unix.TIOCGPTN); err == nil {
		return
	}
	flags, err := unix.FcntlInt(uintptr(in.fd), unix.F_GETFL, 0)
	if err != nil {
		return
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", in.fd),
		flags&unix.O_ACCMODE|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		in.fd, in.own = fd, true
	}
}

// Close ends its use; the file stays open. No Read or Write may be under way.
func (in *Inherited) Close() error {
	if in.own {
		unix.Close(in.fd)
		in.fd, in.own = -1, false
	}
	for _, s := range []*side{&in.in, &in.out} {
		s.mu.Lock()
		if s.bell >= 0 {
			unix.Close(s.bell)
			s.bell = -1
		}
		s.mu.Unlock()
	}
	return nil
}

// SetReadDeadline is that of net.Conn.
func (in *Inherited) SetReadDeadline(t time.Time) error { return in.in.setDeadline(t) }

// SetWriteDeadline is that of net.Conn.
func (in *Inherited) SetWriteDeadline(t time.Time) error { return in.out.setDeadline(t) }

func (s *side) setDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bell < 0 {
		return os.ErrClosed
	}
	s.deadline = t
	_, err := unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// wait returns when fd is ready for events, or the deadline is over.
func (s *side) wait(fd int, events int16) error {
	for {
		s.mu.Lock()
		bell, deadline := s.bell, s.deadline
		s.mu.Unlock()
		if bell < 0 {
			return os.ErrClosed
		}
		timeout := -1
		if s.bounded {
			timeout = 100
		}
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			timeout = int(min(uint((left+time.Millisecond-1)/time.Millisecond), uint(timeout), 1<<30))
		}
		s.fds = [2]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(bell), Events: unix.POLLIN}}
		if _, err := unix.Poll(s.fds[:], timeout); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		} else if err != nil {
			continue
		}
		if s.fds[1].Revents != 0 {
			var rung [8]byte
			_, _ = unix.Read(bell, rung[:]) // quiet again; the deadline was moved
			continue
		}
		if s.fds[0].Revents != 0 {
			return nil
		}
	}
}

// Read is io.Reader's.
func (in *Inherited) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	ready := in.regular
	for {
		if ready || !in.in.plain {
			n, err = in.readv([][]byte{b})
			switch {
			case err == nil && n == 0:
				return 0, io.EOF
			case err != unix.EINTR && err != unix.EAGAIN:
				return n, err
			}
		}
		if err = in.in.wait(in.fd, unix.POLLIN); err != nil {
			return 0, err
		}
		ready = true
	}
}

// Write is io.Writer's.
func (in *Inherited) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		werr := in.put(func(fd uintptr) bool {
			var m int
			m, err = in.writev(int(fd), [][]byte{b[n:]})
			n += max(m, 0)
			if err == unix.EINTR {
				err = nil
			}
			return err != unix.EAGAIN
		})
		if werr != nil {
			err = werr
		}
	}
	return n, err
}

// put calls f whenever fd may be written to, until it is done.
func (in *Inherited) put(f func(fd uintptr) bool) error {
	if (in.regular || !in.out.plain) && f(uintptr(in.fd)) {
		return nil
	}
	for {
		if err := in.out.wait(in.fd, unix.POLLOUT); err != nil {
			return err
		}
		if f(uintptr(in.fd)) {
			return nil
		}
	}
}

// readv is readv(2) that does not wait where the kernel knows such a read. Elsewhere it
// is to come after poll(2).
func (in *Inherited) readv(bs [][]byte) (int, error) {
	if !in.regular && !in.own && !in.in.plain {
		n, err := unix.Preadv2(in.fd, bs, -1, unix.RWF_NOWAIT)
		if !unknown(err) {
			return n, err
		}
		in.in.plain = true
		return 0, unix.EAGAIN
	}
	return unix.Readv(in.fd, bs)
}

// pipeAtomic is PIPE_BUF: what a pipe that poll(2) calls writable takes without waiting.
const pipeAtomic = 4096

// writev is writev(2) that does not wait.
func (in *Inherited) writev(fd int, bs [][]byte) (int, error) {
	if in.regular || in.own {
		return unix.Writev(fd, bs)
	}
	if !in.out.plain {
		n, err := unix.Pwritev2(fd, bs, -1, unix.RWF_NOWAIT)
		if !unknown(err) {
			return n, err
		}
		in.out.plain = true
		return 0, unix.EAGAIN
	}
	piece := pipeAtomic
	if in.terminal {
		piece = 1
	}
	return unix.Write(fd, bs[0][:min(len(bs[0]), piece)])
}

// unknown tells that a kernel, or a kind of file, has no RWF_NOWAIT.
func unknown(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.ENOSYS || err == unix.EINVAL
}

// SyscallConn is that of syscall.Conn. What its functions call must not wait.
func (in *Inherited) SyscallConn() (syscall.RawConn, error) { return inheritedConn{in}, nil }

type inheritedConn struct{ *Inherited }

func (c inheritedConn) Control(f func(fd uintptr)) error { f(uintptr(c.fd)); return nil }

func (c inheritedConn) Write(f func(fd uintptr) bool) error {
	return c.put(f)
}

func (c inheritedConn) Read(f func(fd uintptr) bool) error {
	for !f(uintptr(c.fd)) {
		if err := c.in.wait(c.fd, unix.POLLIN); err != nil {
			return err
		}
	}
	return nil
}
