package main

import (
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"annulus/cmd/ringbench/internal/rig"

	"golang.org/x/sys/unix"
)

// fileTransport appends to a file that the other side reads on and on, as a log is. So that the disk
// does not fill, both begin anew after segmentBytes, once the reader has all of it.
func fileTransport() *rig.Transport {
	return &rig.Transport{
		Name: "file", Topology: "spsc", Sleeps: "polling", Family: "file",
		Setup: setupFile,
		Open: func(job *rig.Job) (rig.Link, error) {
			p := &job.Params
			f := job.Files
			out := &appended{file: f[0], other: f[2], segment: segmentBytes}
			in := &followed{file: f[1], other: f[3], left: segmentBytes, segment: segmentBytes, alone: p.OneCPU}
			return &stream{w: out, r: in, size: p.Size, batch: p.Batch}, nil
		},
	}
}

// segmentBytes is how long a file gets.
const segmentBytes = 8 << 20

// setupFile makes a file for each direction, with a socket beside it on which
// its two sides agree about the next segment, and which tells the end.
func setupFile(p *rig.Params) (*rig.Wiring, error) {
	w := new(rig.Wiring)
	var sockets [2]*rig.Wiring
	for i := range sockets {
		f, err := rig.UnnamedFile(os.TempDir())
		if err != nil {
			return nil, errors.Join(err, closeAll(w))
		}
		if err := errors.Join(inherit(w, f), f.Close()); err != nil {
			return nil, errors.Join(err, closeAll(w))
		}
		if sockets[i], err = socketpair(unix.SOCK_STREAM); err != nil {
			return nil, errors.Join(err, closeAll(w))
		}
	}
	// Each side writes the first of its files and reads the second.
	w.Receiver[0], w.Receiver[1] = w.Receiver[1], w.Receiver[0]
	there, back := sockets[0], sockets[1]
	w.Sender = append(w.Sender, there.Sender[0], back.Sender[0])
	w.Receiver = append(w.Receiver, back.Receiver[0], there.Receiver[0])
	return w, nil
}

// appended is the writer's end.
type appended struct {
	file, other *os.File
	segment, at int
}

// Write appends b.
func (a *appended) Write(b []byte) (done int, err error) {
	for len(b) > 0 && err == nil {
		if a.at == a.segment {
			if err := a.again(); err != nil {
				return done, err
			}
		}
		n := 0
		n, err = a.file.WriteAt(b[:min(len(b), a.segment-a.at)], int64(a.at))
		a.at += n
		done += n
		b = b[n:]
	}
	return done, err
}

// again waits until the reader has the whole segment, and begins the next.
func (a *appended) again() error {
	if _, err := io.ReadFull(a.other, make([]byte, 1)); err != nil {
		return err
	}
	if err := a.file.Truncate(0); err != nil {
		return err
	}
	a.at = 0
	_, err := a.other.Write([]byte{0})
	return err
}

// Close tells the reader that no more will come.
func (a *appended) Close() error { return errors.Join(a.other.Close(), a.file.Close()) }

// followed is the reader's end.
type followed struct {
	file, other   *os.File
	at            int64
	left, segment int
	alone         bool // on one processor with the writer
	over          bool
}

// Read returns what was appended, and waits for it.
func (f *followed) Read(b []byte) (int, error) {
	if f.left == 0 && !f.over { // not before: the writer may wait for what this side answers
		if err := f.again(); err != nil {
			return 0, err
		}
	}
	if f.left == 0 {
		return 0, io.EOF
	}
	for polls := 1; ; polls++ {
		n, err := f.file.ReadAt(b[:min(len(b), f.left)], f.at)
		if n > 0 {
			f.at += int64(n)
			f.left -= n
			return n, nil
		}
		switch {
		case err != io.EOF:
			return 0, err
		case f.over:
			return 0, io.EOF
		case polls%64 == 0:
			if f.over, err = f.ended(); err != nil {
				return 0, err
			}
			runtime.Gosched()
		case f.alone:
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// ended tells whether the writer has closed its end. It does not wait.
func (f *followed) ended() (over bool, err error) {
	raw, err := f.other.SyscallConn()
	if err != nil {
		return false, err
	}
	n := 0
	ctlErr := raw.Control(func(fd uintptr) {
		n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	if err == unix.EAGAIN || err == unix.EINTR {
		return false, ctlErr
	}
	return err == nil && n == 0, errors.Join(os.NewSyscallError("recvfrom", err), ctlErr)
}

// again lets the writer begin anew, if it has not ended.
func (f *followed) again() error {
	_, err := f.other.Write([]byte{0})
	if err == nil {
		_, err = io.ReadFull(f.other, make([]byte, 1))
	}
	switch {
	case err == nil:
		f.at, f.left = 0, f.segment
	case err == io.EOF, errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		f.over = true
		return nil
	}
	return err
}

// Close closes what the writer has not closed.
func (f *followed) Close() error { return errors.Join(f.other.Close(), f.file.Close()) }
