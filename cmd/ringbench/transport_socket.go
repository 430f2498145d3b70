package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"annulus/cmd/ringbench/internal/rig"

	"golang.org/x/sys/unix"
)

// unixgramTransport is a connected pair of Unix datagram sockets, which lose nothing: a sender waits for room.
func unixgramTransport() *rig.Transport { return messageSockets("unixgram", unix.SOCK_DGRAM) }

// seqpacketTransport is a connected pair of Unix sockets of whole messages.
func seqpacketTransport() *rig.Transport { return messageSockets("seqpacket", unix.SOCK_SEQPACKET) }

func messageSockets(name string, kind int) *rig.Transport {
	return &rig.Transport{
		Name: name, Topology: "spsc", Sleeps: "netpoller", Family: "socket",
		Setup: func(p *rig.Params) (*rig.Wiring, error) {
			w, err := socketpair(kind)
			if err != nil {
				return nil, err
			}
			if err := holds(w.Sender[0], p.Size); err != nil {
				return nil, errors.Join(err, w.Sender[0].Close(), w.Receiver[0].Close())
			}
			return w, nil
		},
		Open: func(job *rig.Job) (rig.Link, error) {
			conn, err := connOf(job.Files[0])
			if err != nil {
				return nil, err
			}
			return newPackets(&datagrams{conn}, &job.Params), nil
		},
	}
}

// socketpair is a connected pair of Unix sockets, one for each side.
func socketpair(kind int) (*rig.Wiring, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	var ends [2]*os.File
	for i, fd := range fds {
		unix.CloseOnExec(fd)
		ends[i] = os.NewFile(uintptr(fd), "socketpair")
	}
	return &rig.Wiring{Sender: ends[:1], Receiver: ends[1:]}, nil
}

// holds refuses messages of a size that the socket's send buffer has no room for.
func holds(f *os.File, size int) error {
	n, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if size > n-bookkeeping {
		return &rig.Unable{
			Why: fmt.Sprintf("expected messages of at most %d bytes, what a socket's buffer has room for, found %d", n-bookkeeping, size),
			Do:  fmt.Sprintf("sysctl -w net.core.wmem_default=%d", size+bookkeeping),
		}
	}
	return nil
}

// bookkeeping is more than what a kernel takes of a socket's buffer for itself.
const bookkeeping = 1 << 10

// connOf takes f over.
func connOf(f *os.File) (net.Conn, error) {
	conn, err := net.FileConn(f)
	return conn, errors.Join(err, f.Close())
}

// datagrams passes a message in each datagram. One of a byte is the end.
type datagrams struct{ net.Conn }

func (d *datagrams) send(msg []byte) error {
	_, err := d.Write(msg)
	return err
}

func (d *datagrams) receive(buf []byte) ([]byte, error) {
	n, err := d.Read(buf)
	if n == 1 {
		return nil, io.EOF
	}
	return buf[:n], err
}

func (d *datagrams) end() error { return d.send([]byte{0}) }

// udpMost is the longest message that a datagram carries over IPv4.
const udpMost = 65507

// udpTransport is a pair of UDP sockets of this machine, of which neither loses anything: a window
// of credits keeps the receiver's buffer from overflowing.
func udpTransport() *rig.Transport {
	return &rig.Transport{
		Name: "udp", Topology: "spsc", Sleeps: "netpoller", Family: "socket",
		Setup: setupUDP,
		Open: func(job *rig.Job) (rig.Link, error) {
			var window int
			if err := json.Unmarshal(job.Spec, &window); err != nil {
				return nil, err
			}
			conn, err := connOf(job.Files[0])
			if err != nil {
				return nil, err
			}
			var c carrier = &datagrams{conn}
			if job.Params.Kind != rig.RoundTrip {
				c = newCredited(c, window)
			}
			return newPackets(c, &job.Params), nil
		},
	}
}

func setupUDP(p *rig.Params) (_ *rig.Wiring, err error) {
	if p.Size > udpMost {
		return nil, &rig.Unable{Why: fmt.Sprintf("expected messages of at most %d bytes, the most of a UDP datagram, found %d", udpMost, p.Size)}
	}
	receiver, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer receiver.Close() // the workers have copies
	sender, err := net.DialUDP("udp4", nil, receiver.LocalAddr().(*net.UDPAddr))
	if err != nil {
		return nil, err
	}
	defer sender.Close()
	window, err := joinUDP(receiver, sender.LocalAddr().(*net.UDPAddr), p.Size)
	if err != nil {
		return nil, err
	}
	return handOver(sender, receiver, window)
}

// joinUDP connects the receiver, and says how many messages may be on the way.
func joinUDP(receiver *net.UDPConn, sender *net.UDPAddr, size int) (window int, err error) {
	raw, err := receiver.SyscallConn()
	if err != nil {
		return 0, err
	}
	buffer := 0
	var callErr error
	err = raw.Control(func(fd uintptr) {
		to := &unix.SockaddrInet4{Port: sender.Port, Addr: [4]byte{127, 0, 0, 1}}
		if callErr = os.NewSyscallError("connect", unix.Connect(int(fd), to)); callErr == nil {
			buffer, callErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		}
	})
	if err = errors.Join(err, callErr); err != nil {
		return 0, err
	}
	// What the kernel counts for a message: up to twice its size, and its own.
	each := 2*size + 5*bookkeeping/4
	if each > buffer {
		return 0, &rig.Unable{
			Why: fmt.Sprintf("expected a receive buffer of %d bytes, found %d", each, buffer),
			Do:  fmt.Sprintf("sysctl -w net.core.rmem_default=%d", each),
		}
	}
	return min(max(buffer/2/each, 1), 64), nil
}

// filed is a connection whose descriptor can be had.
type filed interface{ File() (*os.File, error) }

// handOver gives each side its end of a connection.
func handOver(sender, receiver filed, spec any) (*rig.Wiring, error) {
	s, err := sender.File()
	if err != nil {
		return nil, err
	}
	r, err := receiver.File()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &rig.Wiring{Spec: spec, Sender: []*os.File{s}, Receiver: []*os.File{r}}, nil
}
