package ring

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// peerCred returns who is at the other end of a socket that tells when it is closed.
func peerCred(conn *net.UnixConn) (Cred, error) {
	var c Cred
	err := onSocket(conn, func(fd int) error {
		kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		if err != nil {
			return os.NewSyscallError("getsockopt", err)
		}
		if kind != unix.SOCK_STREAM && kind != unix.SOCK_SEQPACKET {
			return fmt.Errorf("%w: a socket of type %d, expected a stream (%d) or packets in sequence (%d): others do not tell that the peer is gone",
				os.ErrInvalid, kind, unix.SOCK_STREAM, unix.SOCK_SEQPACKET)
		}
		u, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return os.NewSyscallError("getsockopt(SO_PEERCRED)", err)
		}
		if c = (Cred{int(u.Pid), int(u.Uid), int(u.Gid)}); u.Pid == 0 && u.Uid == ^uint32(0) {
			return fmt.Errorf("%w: the socket is not connected", ErrHandshake)
		}
		return nil
	})
	return c, err
}

// watch calls gone once the other end of conn is closed, by all who have it, and holds
// no thread until then. It works on a duplicate: conn is the caller's. What the
// peer sends meanwhile is left alone. stop ends it.
func watch(conn *net.UnixConn, gone func()) (stop func() error, err error) {
	var f *os.File
	err = onSocket(conn, func(fd int) error {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		f = os.NewFile(uintptr(own), "peer") // non-blocking, as conn is: on the netpoller
		return nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	var done sync.WaitGroup
	done.Go(func() {
		ended := false
		// Each arrival of something ends a wait, so data of the peer's costs a look.
		if raw.Read(func(fd uintptr) bool { ended = hungUp(int(fd)); return ended }) == nil && ended {
			gone()
		}
	})
	return func() error {
		err := f.Close()
		done.Wait()
		return err
	}, nil
}

// hungUp tells whether nobody has the other end any more.
func hungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(p, 0)
		if err != unix.EINTR {
			return err != nil || n > 0 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	}
}

func onSocket(conn *net.UnixConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
