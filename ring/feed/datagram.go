package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// Datagrams are choices of sources and sinks of datagrams. The zero value will do.
type Datagrams struct {
	// Max is the longest datagram that a source takes, in bytes; 0: what the ring takes, but not
	// more than a UDP datagram can hold, or 256 KiB on a Unix socket. A source has buffers
	// for a batch of these.
	Max int
	// ReadBuffer is what the kernel is to hold for a UDP source, in bytes as SO_RCVBUF counts
	// them; 0: as it is.
	ReadBuffer int
	// Lossy, UDP sinks: go on at once when the kernel tells that nobody listens.
	Lossy bool
	// Retry, DatagramSink: when to connect again.
	Retry Retry
}

// DatagramAddresses are those that DatagramSource and DatagramSink take.
const DatagramAddresses = "udp://HOST:PORT, unixgram:///PATH or unixgram://@NAME"

// datagramConn is what net's connections of datagrams have.
type datagramConn interface {
	net.Conn
	syscall.Conn
}

// DatagramsFrom returns the source of the datagrams that c receives, each a message, those without
// bytes too: a *net.UDPConn, or a *net.UnixConn of unixgram or unixpacket. Nobody else may read from
// it. Linux only, else errors.ErrUnsupported.
//
// Many small datagrams are received by one system call and copied into the ring; long ones
// (of 8 KiB on average) one by one, straight into it. A datagram that the ring or Max does not take is
// ring.ErrTooLarge or ring.ErrSize, with its length: it is gone, but for those received with it (see
// WithSkip). What the kernel dropped since it could not hold more of them (UDP only: a Unix
// sender waits) is in Stats.Dropped, a few calls later or at the end. When the context of Run ends,
// or the ring fails, while the ring is full, what one call has received is lost, 128 datagrams at most; the error
// tells how many (ErrNotSent). Finish lets them find room, as WithLinger has it. What the kernel holds for the
// socket when it is closed is lost either way.
//
// unixpacket: io.EOF when the peer has closed.
func DatagramsFrom(c net.Conn, d Datagrams) (Source, error) {
	k, err := datagramsOf(c)
	if err != nil {
		return nil, err
	}
	s, err := newDatagramSource(k, d)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DatagramsTo returns the sink that sends each message as a datagram, many by one system call,
// straight out of the ring, through c: a connected *net.UDPConn, or a *net.UnixConn of unixgram or
// unixpacket. Linux only, else errors.ErrUnsupported. A message that a datagram cannot hold is
// ring.ErrTooLarge (see WithSkip).
//
// UDP: what the kernel took is taken. If an ICMP error tells that a datagram did not arrive (nobody listens
// at the port), that one is lost, counted in Stats.Dropped, and the sink fails, unless Lossy.
// Not all is told: the network drops datagrams silently.
//
// unixgram: a receiver that is slow is waited for; what its queue took is taken, and
// lost if it dies before it reads that. A receiver that is dead is an error.
//
// unixpacket: as Writer has it for Unix sockets: a message stays in the ring until the peer
// has read it. A message without bytes looks like the end to many a reader.
func DatagramsTo(c net.Conn, d Datagrams) (Sink, error) {
	k, err := datagramsOf(c)
	if err != nil {
		return nil, err
	}
	s, err := newDatagramSink(c, k, d)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DatagramSource returns DatagramsFrom of a socket bound to address, one of DatagramAddresses. The
// file of a Unix socket is its owner's alone from the start, and is removed by Close.
func DatagramSource(address string, d Datagrams) (Source, error) {
	t, err := parseDatagramAddress(address)
	if err != nil {
		return nil, err
	}
	var c net.ListenConfig
	file := t.network == "unixgram" && t.address[0] == '/'
	if t.network == "unixgram" {
		c.Control = ownerOnly
	}
	p, err := c.ListenPacket(context.Background(), t.network, t.address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) && file {
			err = fmt.Errorf("%w: remove %s if nobody receives there any more", err, t.address)
		}
		return nil, fmt.Errorf("feed: %s: %w", address, err)
	}
	conn := p.(net.Conn)
	if file {
		conn = newBound(conn.(*net.UnixConn), t.address)
	}
	s, err := DatagramsFrom(conn, d)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", address, err), conn.Close())
	}
	return s, nil
}

// DatagramSink returns DatagramsTo of a socket that is connected to address, one of DatagramAddresses, at the
// first Take, and again, as Retry says, when it breaks: a Unix receiver has gone, or a UDP
// datagram did not arrive. Messages that were not taken are sent through the next one. To find out
// whether a UDP receiver is back costs a datagram for each try; batches grow only after.
func DatagramSink(address string, d Datagrams) (Sink, error) {
	t, err := parseDatagramAddress(address)
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (io.WriteCloser, error) { return t.dial(ctx, &Dial{}) }
	through := func(w io.WriteCloser) (link, error) {
		return newDatagramSink(w, w.(datagramConn), d)
	}
	return newWriterOf(open, through, d.Retry), nil
}

func parseDatagramAddress(address string) (target, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	right := false
	switch scheme {
	case "udp":
		right = hostPort(rest)
	case "unixgram":
		right = len(rest) >= 2 && (rest[0] == '/' || rest[0] == '@')
	}
	if !right {
		return target{}, fmt.Errorf("feed: expected %s, found %q", DatagramAddresses, address)
	}
	if scheme == "unixgram" {
		if err := longName(rest); err != nil {
			return target{}, fmt.Errorf("feed: %s: %w", address, err)
		}
	}
	return target{network: scheme, address: rest, url: address}, nil
}

// datagramsOf returns c if it keeps messages apart.
func datagramsOf(c net.Conn) (datagramConn, error) {
	if k, ok := c.(datagramConn); ok {
		switch c.LocalAddr().Network() {
		case "udp", "unixgram", "unixpacket":
			return k, nil
		}
	}
	return nil, fmt.Errorf("feed: expected a connection of udp, unixgram or unixpacket, found a %T of %s", c, c.LocalAddr().Network())
}

// packetConn returns the seqpacket socket that c is, or what hears it has below.
func packetConn(c any) (datagramConn, bool) {
	if h, ok := c.(*heard); ok {
		c = h.Conn
	}
	u, ok := c.(*net.UnixConn)
	return u, ok && u.LocalAddr().Network() == "unixpacket"
}

// bound is a socket whose file goes with it.
type bound struct {
	*net.UnixConn
	path string
	file fs.FileInfo
}

func newBound(c *net.UnixConn, path string) bound {
	file, _ := os.Lstat(path) // none: somebody has removed it already
	return bound{c, path, file}
}

// Close is net.Conn.Close. It leaves the file of a successor alone.
func (b bound) Close() error {
	var err error
	if now, lerr := os.Lstat(b.path); lerr == nil && b.file != nil && os.SameFile(now, b.file) {
		err = os.Remove(b.path)
	}
	return errors.Join(err, b.UnixConn.Close())
}
