package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Writer returns the sink that writes messages to w, which it closes if it is an
// io.Closer. A file, pipe or socket is written to straight out of the ring, many
// messages by one system call. Stop can end a write that waits if w has a
// SetWriteDeadline, as connections and pipes have.
func Writer(w io.Writer, f Framing) Sink { return newStreamSink(w, plain{f}) }

// framer lays what is to stand around a message about it, and may look at it.
type framer interface {
	appendHead(dst, m []byte) ([]byte, error)
	appendTail(dst, m []byte) []byte
}

// plain is a Framing, which looks at lengths only.
type plain struct{ Framing }

func (f plain) appendHead(dst, m []byte) ([]byte, error) { return f.AppendHead(dst, len(m)) }
func (f plain) appendTail(dst, _ []byte) []byte          { return f.AppendTail(dst) }

func newStreamSink(w io.Writer, f framer) *streamSink {
	s := &streamSink{w: w, framing: f}
	if c, ok := w.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			s.vector = newVector(raw)
		}
	}
	return s
}

// copyBelow is the length up to which a message is copied beside its neighbours: the
// kernel takes longer for an iovec than a copy of that takes.
const copyBelow = 2048

// streamSink frames messages. Small ones and what stands around messages are gathered
// in scratch; large ones are written from where they lie.
type streamSink struct {
	w       io.Writer
	framing framer
	vector  *vector // nil: w has no descriptor, everything is gathered

	scratch []byte
	pieces  []piece
	ends    []int // bytes of the stream up to the end of each message
	written int   // bytes of the stream by the last Take
	stopped atomic.Bool
	broken  error
}

// piece is a part of what is written: bytes of scratch, or of a message where it lies.
type piece struct {
	from, to int
	place    []byte
}

// Stop is Sink.Stop.
func (s *streamSink) Stop() {
	s.stopped.Store(true)
	if d, ok := s.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Unix(1, 0)) // where it has none, Stop does not promise it
	}
}

// Close is Sink.Close.
func (s *streamSink) Close() error {
	if c, ok := s.w.(io.Closer); ok {
		if err := c.Close(); !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}

// Take is Sink.Take.
func (s *streamSink) Take(msgs [][]byte) (int, error) {
	s.written = 0
	if s.broken != nil {
		return 0, s.broken
	}
	if s.stopped.Load() {
		return 0, ErrStopped
	}
	n, ferr := s.frame(msgs)
	written, err := s.write()
	s.written = written
	taken := 0
	for taken < n && s.ends[taken] <= written {
		taken++
	}
	if err != nil {
		if s.stopped.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
			err = ErrStopped
		}
		if taken < n && written > 0 && (taken == 0 || s.ends[taken-1] < written) {
			err = fmt.Errorf("%w: within a message, of which %d bytes were written", err, written-s.endOf(taken-1))
		}
		s.broken = fmt.Errorf("feed: write: %w", err) // the stream is cut anywhere
		return taken, s.broken
	}
	return taken, ferr
}

func (s *streamSink) endOf(i int) int {
	if i < 0 {
		return 0
	}
	return s.ends[i]
}

// frame lays out what is to be written, up to the first message that the framing
// cannot carry, and returns how many messages that is.
func (s *streamSink) frame(msgs [][]byte) (n int, err error) {
	s.scratch, s.pieces, s.ends = s.scratch[:0], s.pieces[:0], s.ends[:0]
	begun, total := 0, 0
	for _, m := range msgs {
		at := len(s.scratch)
		if s.scratch, err = s.framing.appendHead(s.scratch, m); err != nil {
			s.scratch = s.scratch[:at]
			err = fmt.Errorf("feed: %w", err)
			break
		}
		if len(m) <= copyBelow || s.vector == nil {
			s.scratch = append(s.scratch, m...)
		} else {
			if len(s.scratch) > begun {
				s.pieces = append(s.pieces, piece{from: begun, to: len(s.scratch)})
				begun = len(s.scratch)
			}
			s.pieces = append(s.pieces, piece{place: m})
			total += len(m)
		}
		s.scratch = s.framing.appendTail(s.scratch, m)
		s.ends = append(s.ends, total+len(s.scratch))
		n++
	}
	if len(s.scratch) > begun {
		s.pieces = append(s.pieces, piece{from: begun, to: len(s.scratch)})
	}
	return n, err
}

// write writes the pieces and returns how many bytes of them were written.
func (s *streamSink) write() (written int, err error) {
	if s.vector != nil {
		return s.vector.write(s.scratch, s.pieces)
	}
	return s.w.Write(s.scratch)
}
