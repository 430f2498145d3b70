package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"annulus/cmd/ringbench/internal/rig"

	"golang.org/x/sys/unix"
)

// readBuffer is what a stream's receiver asks for at once.
const readBuffer = 64 << 10

// pipeTransport is what a Go user gets from os.Pipe: blocking calls on Go's
// poller, the kernel's buffer of 64 KiB.
func pipeTransport() *rig.Transport {
	return &rig.Transport{
		Name: "pipe", Topology: "spsc", Sleeps: "netpoller", Family: "pipe",
		Setup: func(*rig.Params) (*rig.Wiring, error) { return twoPipes(os.Pipe) },
		Open:  openPipes,
	}
}

// twoPipes is one for each direction.
func twoPipes(open func() (r, w *os.File, err error)) (*rig.Wiring, error) {
	thereR, thereW, err := open()
	if err != nil {
		return nil, err
	}
	backR, backW, err := open()
	if err != nil {
		return nil, errors.Join(err, thereR.Close(), thereW.Close())
	}
	return &rig.Wiring{Sender: []*os.File{thereW, backR}, Receiver: []*os.File{backW, thereR}}, nil
}

func openPipes(job *rig.Job) (rig.Link, error) {
	return &stream{w: job.Files[0], r: job.Files[1], size: job.Params.Size, batch: job.Params.Batch}, nil
}

// unixTransport is a connected pair of Unix stream sockets.
func unixTransport() *rig.Transport {
	return &rig.Transport{
		Name: "unix", Topology: "spsc", Sleeps: "netpoller", Family: "socket",
		Setup: func(*rig.Params) (*rig.Wiring, error) { return socketpair(unix.SOCK_STREAM) },
		Open: func(job *rig.Job) (rig.Link, error) {
			conn, err := connOf(job.Files[0])
			if err != nil {
				return nil, err
			}
			return streamOf(conn, job), nil
		},
	}
}

// stream carries fixed-size messages over a byte stream, without framing: both
// sides know the size. One write carries one batch.
type stream struct {
	w           io.WriteCloser
	r           io.ReadCloser
	size, batch int
}

func (l *stream) Produce(s *rig.Sender) error {
	paced := s.Paced()
	batch := l.batch
	if paced {
		batch = 1
	}
	buf := s.Messages(batch)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for n > 0 {
			k := min(n, batch)
			for i := range k {
				stamp := seq + uint64(i)
				if paced {
					due, ok := s.Due(stamp)
					if !ok {
						return l.w.Close()
					}
					stamp = uint64(due)
				}
				s.Stamp(buf[i*l.size:], stamp)
			}
			if _, err := l.w.Write(buf[:k*l.size]); err != nil {
				return err
			}
			seq += uint64(k)
			n -= k
		}
	}
	return l.w.Close()
}

func (l *stream) Consume(r *rig.Receiver) error {
	buf := make([]byte, max(readBuffer, l.size))
	var seq uint64
	fill, left := 0, 0
	for {
		n, err := l.r.Read(buf[fill:])
		fill += n
		at := 0
		for ; fill-at >= l.size; at += l.size {
			if left == 0 {
				left = r.Mark(seq)
			}
			if err := r.Check(seq, buf[at:at+l.size]); err != nil {
				return err
			}
			seq++
			left--
		}
		fill = copy(buf, buf[at:fill])
		switch {
		case err == io.EOF && fill == 0:
			r.End(seq)
			return nil
		case err == io.EOF:
			return fmt.Errorf("the stream ended %d bytes into a message of %d", fill, l.size)
		case err != nil:
			return err
		}
	}
}

func (l *stream) Ping(s *rig.Sender) error {
	buf, echo := s.Messages(1), make([]byte, l.size)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for range n {
			s.Stamp(buf, seq)
			start := rig.Now()
			if _, err := l.w.Write(buf); err != nil {
				return err
			}
			if _, err := io.ReadFull(l.r, echo); err != nil {
				return err
			}
			if err := s.Echoed(seq, start, echo); err != nil {
				return err
			}
			seq++
		}
	}
	return l.w.Close()
}

func (l *stream) Pong(r *rig.Receiver) error {
	buf := make([]byte, l.size)
	var seq uint64
	for {
		r.Mark(seq)
		if _, err := io.ReadFull(l.r, buf); err == io.EOF {
			r.End(seq)
			return nil
		} else if err != nil {
			return err
		}
		if err := r.Check(seq, buf); err != nil {
			return err
		}
		if _, err := l.w.Write(buf); err != nil {
			return err
		}
		seq++
	}
}

// Close closes both directions; the loops may have closed one already.
func (l *stream) Close() error {
	for _, c := range []io.Closer{l.w, l.r} {
		if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}
