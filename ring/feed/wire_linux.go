package feed

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// wire tells how much of what was written to a stream or Unix seqpacket socket has arrived.
type wire struct {
	raw   syscall.RawConn
	heard *heard
	tcp   bool
	got   uint64 // what had arrived when it was last known

	// Of the look at hand, for the callback that is made once.
	look   func(fd uintptr)
	queued int   // bytes sent that TCP has no acknowledgement of, or memory that a Unix peer has not read
	gone   bool  // the connection was shut down both ways, or had an error, when queued was known
	state  uint8 // of TCP, when gone
	err    error // of the calls
	reason error // of the connection
}

// newWire returns nil for what is no stream socket of those families.
func newWire(c syscall.Conn, h *heard) *wire {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var kind, domain, protocol int
	cerr := raw.Control(func(fd uintptr) {
		for option, v := range map[int]*int{unix.SO_TYPE: &kind, unix.SO_DOMAIN: &domain, unix.SO_PROTOCOL: &protocol} {
			if *v, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option); err != nil {
				return
			}
		}
	})
	if cerr != nil || err != nil || kind != unix.SOCK_STREAM && (kind != unix.SOCK_SEQPACKET || domain != unix.AF_UNIX) {
		return nil
	}
	w := &wire{raw: raw, heard: h, tcp: domain != unix.AF_UNIX}
	if w.tcp && protocol != unix.IPPROTO_TCP {
		return nil
	}
	w.look = w.ask
	return w
}

// hinted tells whether the peer tells sooner what has arrived when it sees the end.
func (w *wire) hinted() bool { return w.tcp }

// ask asks in this order: the kernel gives a Unix socket ECONNRESET before it throws away what a
// peer that has closed had not read. (A write may be told instead, and it may not pass that on if
// it wrote a part: so nothing is believed after a write that failed.)
func (w *wire) ask(fd uintptr) {
	w.gone = false
	if w.queued, w.err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); w.err != nil {
		return
	}
	p := [1]unix.PollFd{{Fd: int32(fd)}}
	w.err = again(func() error { _, err := unix.Poll(p[:], 0); return err })
	if w.err != nil || p[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 {
		return
	}
	w.gone = true
	errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if w.err = err; err == nil && errno != 0 {
		w.reason = syscall.Errno(errno) // told once
	}
	if w.tcp && w.err == nil {
		var info *unix.TCPInfo
		if info, w.err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); w.err == nil {
			w.state = info.State
		}
	}
}

// tcpClose is the state TCP_CLOSE of Linux.
const tcpClose = 7

// arrived returns how many of the first total bytes have arrived; and an error if the others
// never will. Broken is what a write has returned.
func (w *wire) arrived(total uint64, broken error) (uint64, error) {
	if err := w.raw.Control(w.look); err != nil {
		return w.got, err
	}
	if w.err != nil {
		return w.got, w.err
	}
	arrived := total - min(uint64(w.queued), total)
	if w.tcp {
		w.got = max(w.got, arrived)
		if w.gone && w.got < total && (w.reason != nil || w.state == tcpClose) {
			return w.got, w.lost()
		}
		return w.got, nil
	}
	if w.gone && w.heard != nil {
		<-w.heard.done // it may have been told the reason instead
	}
	if broken != nil || w.reason != nil || w.heard != nil && w.heard.failed() != nil {
		return w.got, w.lost()
	}
	w.got = max(w.got, arrived)
	return w.got, nil
}

// lost is why the connection is gone.
func (w *wire) lost() error {
	if w.heard != nil && w.heard.failed() != nil {
		return w.heard.failed()
	}
	if w.reason != nil {
		return w.reason
	}
	return unix.ECONNRESET
}

// discardMost is how much of what a peer has sent is read before its connection is closed.
const discardMost = 1 << 20

// discard reads what the peer has sent: close(2) would reset the connection for it.
func (w *wire) discard() {
	buf := make([]byte, 4096)
	_ = w.raw.Control(func(fd uintptr) {
		for n := 0; n < discardMost; {
			var k int
			err := again(func() (err error) { k, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT); return })
			if k <= 0 || err != nil {
				return
			}
			n += k
		}
	})
}
