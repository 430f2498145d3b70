//go:build amd64 || arm64 || loong64 || riscv64

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// mqTransport is a pair of POSIX message queues, whose names are gone before anything is sent.
// Both sides wait in mq_send(3) and mq_receive(3).
func mqTransport() *rig.Transport {
	return &rig.Transport{
		Name: "mq", Topology: "spsc", Sleeps: "mq_receive", Family: "queue",
		Setup: func(p *rig.Params) (*rig.Wiring, error) {
			w := new(rig.Wiring)
			for _, way := range []string{"there", "back"} {
				if err := addMQ(w, way, p.Size); err != nil {
					return nil, errors.Join(err, closeAll(w))
				}
			}
			return w, nil
		},
		Open: func(job *rig.Job) (rig.Link, error) {
			for _, f := range job.Files { // a thread waits in the call
				if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
					return nil, os.NewSyscallError("fcntl", err)
				}
			}
			q := &queues{files: job.Files, out: job.Files[0].Fd(), in: job.Files[1].Fd()}
			if job.Role == rig.Receive {
				q.out, q.in = q.in, q.out
			}
			return newPackets(q, &job.Params), nil
		},
	}
}

// addMQ adds a queue to what both sides have.
func addMQ(w *rig.Wiring, way string, size int) error {
	name := fmt.Sprintf("ringbench-%d-%s", os.Getpid(), way)
	// Two queues of a user at most are to stay below RLIMIT_MSGQUEUE, 800 KiB by default.
	attr := ipc.MQAttr{MaxMsg: min(max(256<<10/size, 1), 10), MsgSize: size}
	fd, err := ipc.MQOpen(name, os.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600, &attr)
	switch most, ok := ipc.Sysctl("fs.mqueue.msgsize_max"); {
	case err == unix.EINVAL && ok && size > most:
		return &rig.Unable{
			Why: fmt.Sprintf("expected messages of at most %d bytes (fs.mqueue.msgsize_max), found %d", most, size),
			Do:  fmt.Sprintf("sysctl -w fs.mqueue.msgsize_max=%d", size),
		}
	case err == unix.ENOSYS:
		return &rig.Unable{Why: "the kernel has no POSIX message queues"}
	case err == unix.EMFILE:
		return &rig.Unable{Why: fmt.Sprintf("no room for a queue of %d bytes below RLIMIT_MSGQUEUE", attr.MaxMsg*size), Do: "ulimit -q unlimited"}
	case err != nil:
		return fmt.Errorf("open message queue %q: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	return errors.Join(ipc.MQUnlink(name), inherit(w, f), f.Close())
}

// queues are one for each direction. A message of a byte is the end.
type queues struct {
	files   []*os.File
	out, in uintptr
}

func (q *queues) send(msg []byte) error {
	return uninterrupted("mq_send", func() error { return ipc.MQSend(q.out, msg, 0) })
}

func (q *queues) receive(buf []byte) ([]byte, error) {
	n := 0
	err := uninterrupted("mq_receive", func() (err error) {
		n, _, err = ipc.MQReceive(q.in, buf)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case n == 1:
		return nil, io.EOF
	}
	return buf[:n], nil
}

func (q *queues) end() error { return q.send([]byte{0}) }

// Close closes both queues.
func (q *queues) Close() error { return errors.Join(q.files[0].Close(), q.files[1].Close()) }

// uninterrupted makes a call again when a signal has ended it.
func uninterrupted(name string, call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return os.NewSyscallError(name, err)
		}
	}
}
