package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

const (
	datagramBatch = 128       // received by one call, at most
	datagramHead  = 2 << 10   // bytes that lie together in a batch: a datagram of the usual networks
	datagramRoom  = 8 << 20   // bytes of all the buffers, about
	longDatagrams = 8 << 10   // bytes from which a copy takes longer than a system call
	dropsEvery    = 16        // calls; and after each that brought all it could: what is dropped has filled a queue
	udpMax        = 65535     // bytes, more than any UDP datagram holds
	unixMax       = 256 << 10 // bytes, more than a Unix socket sends unless its owner raised SO_SNDBUF
)

// datagrams is a source. Short datagrams come in batches, into buffers of two pieces: their heads
// lie side by side, so that they stay in the cache, and what is longer is seldom touched. When
// they are long, each is looked at for its length, and received into the ring.
type datagrams struct {
	stopper
	c       datagramConn
	raw     syscall.RawConn
	network string
	max     int // as configured
	total   *counters

	batch *mmsg
	one   *mmsg
	heads []byte // of the batch
	tails []byte
	tail  int // bytes of each
	limit int // bytes that are taken
	long  bool

	dropped uint32 // as the kernel counts them
	calls   int    // until it is asked again

	// Of the call at hand, for the callback that is made once.
	step  func(fd uintptr) bool
	into  *mmsg
	want  int
	n     int
	flags int
	wait  bool
	errno syscall.Errno
}

func newDatagramSource(c datagramConn, d Datagrams) (Source, error) {
	s := &datagrams{stopper: newStopper(), c: c, network: c.LocalAddr().Network(), max: d.Max, total: new(counters)}
	var err error
	if s.raw, err = c.SyscallConn(); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	cerr := s.raw.Control(func(fd uintptr) {
		switch {
		case s.network == "unixpacket":
			// Sent along with messages, not with the end: so these without bytes are told apart.
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
		case s.network == "udp":
			s.dropped, _ = dropsOf(fd) // before this source's time
		}
		if err == nil && d.ReadBuffer > 0 && s.network == "udp" {
			err = growReadBuffer(int(fd), d.ReadBuffer)
		}
	})
	if err = errors.Join(cerr, err); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	s.step = func(fd uintptr) bool {
		s.n, s.errno = s.into.receive(fd, s.want, s.flags)
		if s.calls--; s.network == "udp" && (s.calls <= 0 || s.want > 1 && s.n == s.want) {
			s.calls = dropsEvery
			s.drops(fd)
		}
		return s.errno != unix.EAGAIN || !s.wait
	}
	return s, nil
}

// growReadBuffer makes the kernel hold n bytes for a socket, by privilege or within the limit.
func growReadBuffer(fd, n int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) == nil {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVBUF", err)
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err == nil && got/2 < n { // the kernel says the double
		err = fmt.Errorf("a read buffer of %d bytes: expected, found %d: raise the sysctl net.core.rmem_max", n, got/2)
	}
	return err
}

func (s *datagrams) countIn(c *counters) { s.total = c }

// Stop is Source.Stop.
func (s *datagrams) Stop() {
	s.stopper.Stop()
	_ = s.c.SetReadDeadline(past) // fails only where it is closed
}

// Close is Source.Close.
func (s *datagrams) Close() error {
	if s.network == "udp" {
		_ = s.raw.Control(s.drops)
	}
	return closeStream(s.c)
}

// drops counts those dropped since the last time. SO_RXQ_OVFL would tell the same count with each
// datagram, which takes time for each.
func (s *datagrams) drops(fd uintptr) {
	n, e := dropsOf(fd)
	if d := n - s.dropped; e == 0 && int32(d) > 0 {
		s.total.dropped.Add(uint64(d))
		s.dropped = n
	}
}

// prepare makes the buffers, once it is known what the ring takes.
func (s *datagrams) prepare(in *Intake) {
	most := unixMax
	if s.network == "udp" {
		most = udpMax
	}
	if s.max > 0 {
		most = s.max
	}
	s.limit = min(most, in.Max())
	n := min(datagramBatch, max(1, datagramRoom/max(s.limit, 1)))
	control := 0
	if s.network == "unixpacket" {
		control = unix.CmsgSpace(unix.SizeofUcred)
	}
	s.batch, s.one = newMmsg(n, control), newMmsg(1, control)
	s.heads = make([]byte, n*datagramHead)
	s.tail = max(0, s.limit-datagramHead)
	s.tails = make([]byte, n*s.tail)
	for i := range n {
		s.batch.aim(i, s.head(i), s.tailOf(i))
	}
}

func (s *datagrams) head(i int) []byte {
	return s.heads[i*datagramHead:][:min(datagramHead, s.limit)]
}
func (s *datagrams) tailOf(i int) []byte { return s.tails[i*s.tail:][:s.tail] }

// Fill is Source.Fill.
func (s *datagrams) Fill(in *Intake) error {
	if s.batch == nil {
		s.prepare(in)
	}
	if s.long {
		if n, err := s.fillLong(in); n > 0 || err != nil {
			return err
		}
	}
	n, err := s.receive(s.batch, len(s.batch.heads), unix.MSG_TRUNC, true)
	if err != nil {
		return err
	}
	bytes := 0
	for i := range n {
		if s.atEnd(s.batch, i) {
			n = i
			err = io.EOF
			break
		}
		bytes += s.batch.length(i)
	}
	for i := range n {
		if perr := s.put(in, i); perr != nil {
			if in.failed() {
				return s.lost(perr, n-i)
			}
			if err == nil || err == io.EOF {
				err = perr // what was received with it is sent
			}
		}
	}
	s.long = n > 0 && bytes/n >= longDatagrams
	return err
}

// lost completes err by the number of datagrams that it costs.
func (s *datagrams) lost(err error, n int) error {
	return fmt.Errorf("%w (datagrams that were received and are lost: %d)", err, n)
}

// put puts datagram i of the batch into the ring.
func (s *datagrams) put(in *Intake, i int) error {
	n := s.batch.length(i)
	if n > s.limit {
		return in.Refuse(s.tooLong(in, n))
	}
	b, err := in.reserve(n, true)
	if err != nil {
		return in.Refuse(err)
	}
	if k := copy(b, s.head(i)); k < n {
		copy(b[k:], s.tailOf(i))
	}
	return in.Stage(n)
}

// receive receives at most n messages into m.
func (s *datagrams) receive(m *mmsg, n, flags int, wait bool) (int, error) {
	for {
		if s.over() {
			return 0, ErrStopped
		}
		s.into, s.want, s.flags, s.wait = m, n, flags, wait
		err := s.raw.Read(s.step)
		switch {
		case err != nil && s.cause(err) == ErrStopped:
			return 0, ErrStopped
		case err != nil:
			return 0, fmt.Errorf("feed: receive: %w", err)
		case s.errno == unix.EAGAIN:
			return 0, nil
		case s.errno != 0 && s.network == "udp" && unreachable(s.errno):
			continue // of a datagram that was sent from here
		case s.errno != 0:
			return 0, fmt.Errorf("feed: %w", os.NewSyscallError("recvmmsg", s.errno))
		}
		return s.n, nil
	}
}

// atEnd tells whether what looks like message i is the end of a connection.
func (s *datagrams) atEnd(m *mmsg, i int) bool {
	return s.network == "unixpacket" && m.length(i) == 0 && controlOf(m.told(i), unix.SOL_SOCKET, unix.SCM_CREDENTIALS) == nil
}

// controlOf finds what the kernel told; nil: nothing.
func controlOf(b []byte, level, kind int32) []byte {
	for len(b) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return nil
		}
		if h.Level == level && h.Type == kind {
			return data
		}
		b = rest
	}
	return nil
}

func (s *datagrams) tooLong(in *Intake, n int) error {
	if n > in.Max() {
		return fmt.Errorf("feed: %w: a datagram of %d bytes, ring %q takes at most %d", ring.ErrTooLarge, n, in.p.Ring().Name(), in.Max())
	}
	return fmt.Errorf("feed: %w: a datagram of %d bytes, expected at most %d; see Datagrams.Max", ring.ErrTooLarge, n, s.limit)
}

// unreachable tells whether e is what the network says of a datagram sent before.
func unreachable(e syscall.Errno) bool {
	switch e {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EPROTO, unix.ENONET:
		return true
	}
	return false
}
