package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Existing says what becomes of a file that is there already.
type Existing int

// What may become of it.
const (
	Refuse   Existing = iota // it is an error
	Append                   // goes on behind what it holds
	Truncate                 // what it holds is lost
)

// Sync says when what was written is forced to the disk. Before that it survives the
// death of processes, but not that of the machine.
type Sync int

// The choices of when.
const (
	NoSync    Sync = iota // when the kernel likes
	SyncAtEnd             // before Close returns
	SyncEach              // before messages are released from the ring: a batch each time
)

// File says how a file is written.
type File struct {
	Existing Existing
	Torn     Torn // WriteFile, Append: see there
	Sync     Sync
	Perm     os.FileMode // of a new file, before umask; 0: 0644
}

// ReadFile returns the source of the messages in a file, as fast as it goes.
func ReadFile(path string, f Framing) (Source, error) {
	file, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return Reader(file, f), nil
}

// WriteFile returns the sink that writes messages to a file. If the disk is full, or
// something else fails, a regular file ends behind the last whole message and the
// others stay in the ring.
//
// With Append a regular file that holds part of a message at its end is ErrFrame, or with c.Torn cut
// there. It has to be readable for that, and with Length and Varint all of it is looked through. Of a
// framing by Split nothing is known.
func WriteFile(path string, f Framing, c File) (Sink, error) {
	if c.Torn < RefuseTorn || c.Torn > CutTorn {
		return nil, fmt.Errorf("feed: file %q: expected RefuseTorn or CutTorn, found Torn %d", path, c.Torn)
	}
	mode := os.O_WRONLY
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && c.Existing == Append {
		mode = os.O_RDWR
	}
	file, err := c.open(path, mode)
	if err != nil {
		return nil, err
	}
	if c.Existing == Append {
		if err := c.mend(file, f); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return newFileSink(file, plain{f}, c.Sync)
}

func (c File) open(path string, mode int) (*os.File, error) {
	perm := c.Perm
	if perm == 0 {
		perm = 0o644
	}
	switch c.Existing {
	case Refuse:
		mode |= os.O_EXCL
	case Append:
		mode |= os.O_APPEND
	case Truncate:
		mode |= os.O_TRUNC
	default:
		return nil, fmt.Errorf("feed: file %q: expected Refuse, Append or Truncate, found Existing %d", path, c.Existing)
	}
	if c.Sync < NoSync || c.Sync > SyncEach {
		return nil, fmt.Errorf("feed: file %q: expected NoSync, SyncAtEnd or SyncEach, found Sync %d", path, c.Sync)
	}
	file, err := openRegular(path, mode|os.O_CREATE, perm)
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%w: append to it, truncate it, or choose another name", err)
	}
	return file, err
}

// openRegular opens a file, or a device, but nothing that has adapters of its own.
func openRegular(path string, mode int, perm os.FileMode) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket|os.ModeDir) != 0 {
		return nil, fmt.Errorf("feed: %q: expected a file, found %s", path, kindOf(info.Mode())) // to open a FIFO would wait
	}
	f, err := os.OpenFile(path, mode, perm)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return f, nil
}

// kindOf is what a mode says for people.
func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&os.ModeNamedPipe != 0:
		return "a FIFO"
	case m&os.ModeSocket != 0:
		return "a socket"
	case m&os.ModeDevice != 0:
		return "a device"
	}
	return "a file"
}

// fileSink is a stream into a file that is cut where a failure left part of a message.
type fileSink struct {
	*streamSink
	file    *os.File
	regular bool
	end     int64 // of the last whole message
	sync    Sync
}

func newFileSink(file *os.File, f framer, sync Sync) (*fileSink, error) {
	info, err := file.Stat()
	var end int64
	if err == nil && info.Mode().IsRegular() {
		end, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("feed: file %q: %w", file.Name(), err), file.Close())
	}
	return &fileSink{newStreamSink(file, f), file, info.Mode().IsRegular(), end, sync}, nil
}

// Take is Sink.Take.
func (s *fileSink) Take(msgs [][]byte) (int, error) {
	before := s.broken
	n, err := s.streamSink.Take(msgs)
	s.end += int64(s.endOf(n - 1))
	if before == nil && s.broken != nil && s.regular {
		s.broken = s.tidy(s.broken, int64(s.written-s.endOf(n-1)))
		err = s.broken
	}
	if n > 0 && s.sync == SyncEach {
		if serr := s.file.Sync(); serr != nil {
			// Which of it is on the disk nobody knows: the ring keeps all.
			s.broken = fmt.Errorf("feed: file %q: sync: %w", s.file.Name(), serr)
			return 0, s.broken
		}
	}
	return n, err
}

// tidy takes part of a message, which err left, off the file, if others have not gone on
// behind it, and says how the file ends.
func (s *fileSink) tidy(err error, part int64) error {
	info, terr := s.file.Stat()
	if terr == nil && part > 0 && info.Size() == s.end+part {
		terr = s.file.Truncate(s.end)
	}
	if terr != nil {
		return fmt.Errorf("%w; file %q holds a part of a message behind byte %d: %w", err, s.file.Name(), s.end, terr)
	}
	return fmt.Errorf("%w; file %q ends with a whole message, at byte %d", err, s.file.Name(), s.end)
}

// Close is Sink.Close.
func (s *fileSink) Close() (err error) {
	if s.sync == SyncAtEnd {
		if err = s.file.Sync(); err != nil {
			err = fmt.Errorf("feed: file %q: sync: %w", s.file.Name(), err)
		}
	}
	return errors.Join(err, s.streamSink.Close())
}
