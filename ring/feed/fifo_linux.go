package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openFIFO opens the FIFO at path, without waiting for the other side.
func openFIFO(path string, mode int, c FIFO) (*os.File, error) {
	if c.Create {
		if err := unix.Mkfifo(path, uint32(permOf(c.Perm))); err != nil && err != unix.EEXIST {
			return nil, fmt.Errorf("feed: make FIFO %q: %w", path, err)
		}
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeNamedPipe == 0 { // to open a device may do something
		return nil, notFIFO(path, info.Mode())
	}
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, mode|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		return err
	})
	switch err {
	case nil:
	case unix.ENXIO:
		return nil, fmt.Errorf("feed: FIFO %q: %w: start the reader first, or wait for it (%w)", path, ErrNoReader, unix.ENXIO)
	default:
		return nil, fmt.Errorf("feed: open FIFO %q: %w%s", path, err, uncreated(err))
	}
	f := os.NewFile(uintptr(fd), path)
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 { // was exchanged meanwhile
		f.Close()
		if err == nil {
			err = notFIFO(path, info.Mode())
		}
		return nil, err
	}
	return f, nil
}

func notFIFO(path string, found os.FileMode) error {
	return fmt.Errorf("feed: %q: expected a FIFO (named pipe), found %s", path, kindOf(found))
}

// fifoSource is the FIFO, which stays open, and the source of its sessions.
type fifoSource struct {
	Source
	file *os.File
}

func (s fifoSource) countIn(c *counters) { s.Source.(counted).countIn(c) }

// Close is Source.Close.
func (s fifoSource) Close() error { return errors.Join(s.Source.Close(), s.file.Close()) }

func readFIFO(path string, f Framing, c FIFO) (Source, error) {
	file, err := openFIFO(path, unix.O_RDONLY, c)
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (io.ReadCloser, error) {
		if err := awaitWriter(ctx, file); err != nil {
			return nil, fmt.Errorf("feed: FIFO %q: %w", path, err)
		}
		return fifoSession{file}, nil
	}
	return fifoSource{ReaderOf(open, f, Retry{Min: 1, AtEnd: !c.Once, Report: c.breaks}), file}, nil
}

// breaks reports what is none of the ends of sessions, which belong to a FIFO.
func (c FIFO) breaks(err error) {
	if err != io.EOF && c.Report != nil {
		c.Report(err)
	}
}

// fifoSession is a FIFO from a writer's first byte until there is no writer.
type fifoSession struct{ *os.File }

func (fifoSession) Close() error { return nil }

// awaitWriter returns when somebody has written to the FIFO. Without a writer a read
// would say that it is at its end.
func awaitWriter(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(past) })() // closed: nobody waits
	var perr error
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		perr = again(func() error { _, err := unix.Poll(fds, 0); return err })
		return perr != nil || fds[0].Revents&unix.POLLIN != 0
	})
	if err != nil {
		return err
	}
	return perr
}

// Bounds of the time between two looks whether a reader is there. The kernel tells
// nobody: a reader who waits in its open(2) is seen by another open only.
const (
	readerMin = time.Millisecond
	readerMax = 100 * time.Millisecond
)

func writeFIFO(path string, f Framing, c FIFO) (Sink, error) {
	// What is wrong with the path is wrong now, and without NoWait a missing reader is not.
	first, err := openFIFO(path, unix.O_WRONLY, c)
	if err != nil && (c.NoWait || !errors.Is(err, ErrNoReader)) {
		return nil, err
	}
	s := &fifoSink{path: path, config: c, first: first}
	r := Retry{Min: readerMin, Max: readerMax, Report: c.breaks}
	if c.Once {
		r.Tries = 1
	}
	s.Sink = WriterOf(s.open, f, r)
	return s, nil
}

// fifoSink is the sink of the sessions of a FIFO, and the first of them until it begins.
type fifoSink struct {
	Sink
	path   string
	config FIFO
	first  *os.File
}

// Unwrap is what a pump finds out more by: see Sink.
func (s *fifoSink) Unwrap() Sink { return s.Sink }

// Close is Sink.Close.
func (s *fifoSink) Close() error {
	err := s.Sink.Close()
	if s.first != nil {
		err = errors.Join(err, s.first.Close())
	}
	return err
}

// open waits for a reader.
func (s *fifoSink) open(ctx context.Context) (io.WriteCloser, error) {
	if f := s.first; f != nil {
		s.first = nil
		return f, nil
	}
	nap := backoff{readerMin, readerMax}
	for {
		f, err := openFIFO(s.path, unix.O_WRONLY, s.config)
		if err == nil {
			return f, nil
		}
		if s.config.NoWait || !errors.Is(err, ErrNoReader) {
			return nil, final{err}
		}
		if !nap.wait(ctx.Done()) {
			return nil, ctx.Err()
		}
	}
}
