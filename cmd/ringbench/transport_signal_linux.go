//go:build amd64 || arm64 || loong64 || riscv64

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/ring/feed"

	"golang.org/x/sys/unix"
)

// Real-time signals: the kernel gives the lower number first, so that the end comes last.
const (
	signalWord = syscall.Signal(40)
	signalEnd  = syscall.Signal(41)
)

// signalWindow is how many signals may be pending: far below what a user may have (RLIMIT_SIGPENDING).
const signalWindow = 64

// signalTransport passes words as the values of queued real-time signals, which are blocked and read
// from a signalfd.
func signalTransport() *rig.Transport {
	return &rig.Transport{
		Name: "signal", Topology: "spsc", Sleeps: "signalfd", Family: "signal",
		Blocked: []syscall.Signal{signalWord, signalEnd},
		Setup: func(p *rig.Params) (*rig.Wiring, error) {
			if p.Size != 8 {
				return nil, &rig.Unable{Why: fmt.Sprintf("expected messages of 8 bytes, the value of a signal, found %d", p.Size)}
			}
			return socketpair(unix.SOCK_STREAM)
		},
		Open: func(job *rig.Job) (rig.Link, error) {
			s, err := newSignals(job.Files[0])
			if err != nil {
				return nil, err
			}
			var c carrier = s
			if job.Params.Kind != rig.RoundTrip {
				c = newCredited(c, signalWindow)
			}
			return newPackets(c, &job.Params), nil
		},
	}
}

// signals are queued for another process and read from it.
type signals struct {
	word, over feed.Sink
	fd         *os.File
	one        [][]byte
	buf, left  []byte // what was read
}

// newSignals finds the other process by way of f.
func newSignals(f *os.File) (*signals, error) {
	peer, err := otherPID(f)
	if err != nil {
		return nil, err
	}
	p, err := os.FindProcess(peer)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	s := &signals{one: make([][]byte, 1), buf: make([]byte, 32*signalInfo)}
	if s.word, err = feed.SignalTo(p, signalWord); err != nil {
		return nil, err
	}
	if s.over, err = feed.SignalTo(p, signalEnd); err != nil {
		return nil, err
	}
	var set unix.Sigset_t
	set.Val[0] = 1<<(signalWord-1) | 1<<(signalEnd-1)
	fd, err := unix.Signalfd(-1, &set, unix.SFD_NONBLOCK|unix.SFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("signalfd", err)
	}
	s.fd = os.NewFile(uintptr(fd), "signalfd")
	return s, nil
}

// otherPID tells the process at the other end of f this one's PID, and returns that one's.
func otherPID(f *os.File) (int, error) {
	defer f.Close()
	b := binary.LittleEndian.AppendUint32(nil, uint32(os.Getpid()))
	if _, err := f.Write(b); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(f, b)
	return int(binary.LittleEndian.Uint32(b)), err
}

// struct signalfd_siginfo: its size, and where in it the value is. The number comes first.
const (
	signalInfo  = 128
	signalValue = 48
)

func (s *signals) send(msg []byte) error {
	s.one[0] = msg
	_, err := s.word.Take(s.one)
	return err
}

func (s *signals) receive(buf []byte) ([]byte, error) {
	if len(s.left) == 0 {
		n, err := s.fd.Read(s.buf)
		if err != nil {
			return nil, err
		}
		s.left = s.buf[:n]
	}
	info := s.left[:signalInfo]
	s.left = s.left[signalInfo:]
	if syscall.Signal(binary.LittleEndian.Uint32(info)) == signalEnd {
		return nil, io.EOF
	}
	return buf[:copy(buf, info[signalValue:][:8])], nil
}

func (s *signals) end() error {
	s.one[0] = make([]byte, 8)
	_, err := s.over.Take(s.one)
	return err
}

// Close forgets the other process.
func (s *signals) Close() error { return errors.Join(s.word.Close(), s.over.Close(), s.fd.Close()) }
