package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

// datagramSink sends messages as datagrams.
type datagramSink struct {
	delivery
	c       datagramConn
	raw     syscall.RawConn
	network string
	lossy   bool
	counts  *counters

	batch  *mmsg
	window int // messages sent by one call at most: it grows as long as none is refused
	sent   bool
	barren bool  // the last call failed for a datagram sent before, and none was found
	lost   *mmsg // what the network says of datagrams sent before: UDP

	// Of the call at hand, for the callbacks that are made once.
	step, look func(fd uintptr) bool
	want, n    int
	errno      syscall.Errno
	refused    int           // datagrams that look found lost
	why        syscall.Errno // of one of them
}

func newDatagramSink(w io.WriteCloser, c datagramConn, d Datagrams) (link, error) {
	s := &datagramSink{delivery: newDelivery(w), c: c, network: c.LocalAddr().Network(), lossy: d.Lossy, counts: new(counters),
		batch: newMmsg(batchMessages, 0), window: batchMessages}
	s.heard, _ = w.(*heard)
	var err error
	if s.raw, err = c.SyscallConn(); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	if c.RemoteAddr() == nil {
		return nil, fmt.Errorf("feed: expected a connected socket of %s, found one of no peer", s.network)
	}
	switch s.network {
	case "unixpacket":
		s.wire = newWire(c, s.heard)
	case "udp":
		s.window = 1
		s.lost = newMmsg(16, unix.CmsgSpace(errorBytes))
		cerr := s.raw.Control(func(fd uintptr) {
			level, option := unix.IPPROTO_IPV6, unix.IPV6_RECVERR
			if domain, derr := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); derr == nil && domain == unix.AF_INET {
				level, option = unix.IPPROTO_IP, unix.IP_RECVERR
			}
			err = os.NewSyscallError("setsockopt IP_RECVERR", unix.SetsockoptInt(int(fd), level, option, 1))
		})
		if err = errors.Join(cerr, err); err != nil {
			return nil, fmt.Errorf("feed: %w", err)
		}
	}
	s.step = func(fd uintptr) bool {
		s.n, s.errno = s.batch.send(fd, s.want)
		return s.errno != unix.EAGAIN
	}
	s.look = s.lookForRefused
	return s, nil
}

// errorBytes are those of struct sock_extended_err and the address behind it.
const errorBytes = 16 + unix.SizeofSockaddrInet6

// lookForRefused reads what the network told of datagrams sent before.
func (s *datagramSink) lookForRefused(fd uintptr) bool {
	s.refused = 0
	for {
		n, _ := s.lost.receive(fd, len(s.lost.heads), unix.MSG_ERRQUEUE)
		for i := range n {
			b := controlOf(s.lost.told(i), unix.IPPROTO_IP, unix.IP_RECVERR)
			if b == nil {
				b = controlOf(s.lost.told(i), unix.IPPROTO_IPV6, unix.IPV6_RECVERR)
			}
			// struct sock_extended_err: the errno, 4 bytes, and where it comes from, one.
			if len(b) > 4 && b[4] != unix.SO_EE_ORIGIN_LOCAL {
				s.refused++
				s.why = syscall.Errno(binary.NativeEndian.Uint32(b))
			}
		}
		if n < len(s.lost.heads) {
			return true
		}
	}
}

func (s *datagramSink) countIn(c *counters) { s.counts = c }

// Stop is Sink.Stop.
func (s *datagramSink) Stop() {
	s.stopper.Stop()
	_ = s.c.SetWriteDeadline(past) // fails only where it is closed
}

// Close is Sink.Close.
func (s *datagramSink) Close() error {
	if s.lost != nil && s.raw.Control(func(fd uintptr) { s.look(fd) }) == nil {
		s.counts.dropped.Add(uint64(s.refused))
	}
	return s.delivery.Close()
}

// ending is settler.ending: a Unix peer needs no hint.
func (s *datagramSink) ending() {}

// Take is Sink.Take: it sends what one call sends.
func (s *datagramSink) Take(msgs [][]byte) (int, error) {
	if err := s.ready(); err != nil {
		return 0, err
	}
	nap := backoff{time.Millisecond, 100 * time.Millisecond}
	for {
		n, err := s.send(msgs)
		s.sentSome(msgs[:n])
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM):
			// No poller tells when there is memory again.
			if n > 0 {
				return n, nil
			}
			nap.wait(s.stopped) // then send tells
		default:
			return n, err
		}
	}
}

// packetBytes is less than what Linux counts for a message beside its bytes (struct sk_buff and
// skb_shared_info): so none is told to have arrived too early.
const packetBytes = 256

// sentSome notes what the kernel took.
func (s *datagramSink) sentSome(msgs [][]byte) {
	if len(msgs) == 0 {
		return
	}
	if s.lost != nil {
		s.arrived = s.arrived || s.sent // nobody has refused the last ones up to now
		s.sent = true
		return
	}
	for _, m := range msgs {
		s.total += uint64(len(m)) + packetBytes
		s.took(s.total)
	}
}

// send sends as many of msgs as one call does, and waits until that is one.
func (s *datagramSink) send(msgs [][]byte) (int, error) {
	if s.over() {
		return 0, ErrStopped
	}
	k := min(len(msgs), s.window)
	for i, m := range msgs[:k] {
		s.batch.aim(i, m, nil)
	}
	s.want = k
	err := s.raw.Write(s.step)
	s.batch.forget(k)
	if err != nil {
		if err = s.cause(err); err != ErrStopped {
			err = s.fail(err)
		}
		return 0, err
	}
	n, errno := s.n, s.errno
	for s.wire != nil && n < k && errno == 0 {
		// What stopped it may have been the end of the connection, which the kernel tells once, and
		// not with what was sent. Without knowing that, all would be taken for read.
		if n, errno, err = s.sendRest(msgs[:k], n); err != nil {
			return n, s.fail(err)
		}
		if errno == unix.EAGAIN { // its queue is full
			return n, nil
		}
	}
	if s.lost != nil && n < k {
		// The kernel does not say why it stopped after the first.
		if refused, err := s.unreachable(); refused {
			s.barren = false
			return n, err
		}
	}
	barren := s.barren
	s.barren = false
	switch {
	case errno == 0:
		s.window = min(2*s.window, batchMessages)
		return n, nil
	case errno == unix.EMSGSIZE:
		return n, fmt.Errorf("feed: %w: a message of %d bytes, %s", ring.ErrTooLarge, len(msgs[n]), s.limit())
	case errno == unix.ENOBUFS || errno == unix.ENOMEM:
		return n, errno
	case s.lossy && unreachable(errno) && s.lost != nil:
		if !barren {
			s.barren = true // it may have been told of one that was found lost already
			return 0, nil
		}
		s.counts.dropped.Add(1) // there is no way for this one
		return 1, nil
	}
	s.broken = fmt.Errorf("feed: send to %s: %w", s.c.RemoteAddr(), os.NewSyscallError("sendmmsg", errno))
	return n, s.broken
}

// sendRest goes on behind the first n messages, which were sent, without waiting.
func (s *datagramSink) sendRest(msgs [][]byte, n int) (int, syscall.Errno, error) {
	rest := msgs[n:]
	for i, m := range rest {
		s.batch.aim(i, m, nil)
	}
	s.want = len(rest)
	err := s.raw.Control(func(fd uintptr) { s.step(fd) })
	s.batch.forget(len(rest))
	if err != nil {
		return n, 0, err
	}
	return n + s.n, s.errno, nil
}

// unreachable looks whether datagrams sent before are known to be lost, and fails then, unless lossy.
func (s *datagramSink) unreachable() (refused bool, err error) {
	if s.raw.Control(func(fd uintptr) { s.look(fd) }) != nil || s.refused == 0 {
		return false, nil
	}
	s.counts.dropped.Add(uint64(s.refused))
	s.window = 1
	if s.lossy {
		s.window = batchMessages
		return true, nil
	}
	s.broken = fmt.Errorf("feed: %s: %w (datagrams that did not arrive: %d)", s.c.RemoteAddr(), s.why, s.refused)
	return true, s.broken
}

// limit says what a datagram can hold.
func (s *datagramSink) limit() string {
	if a, ok := s.c.RemoteAddr().(*net.UDPAddr); ok {
		n := udpMax - 20 - 8 // the headers of IPv4 and UDP
		if a.IP.To4() == nil {
			n = udpMax - 8 // IPv6's own is not counted
		}
		return fmt.Sprintf("a datagram holds at most %d", n)
	}
	n := 0
	_ = s.raw.Control(func(fd uintptr) { n, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) })
	return fmt.Sprintf("this socket sends at most %d (its SO_SNDBUF less 32)", n-32)
}
