package feed

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Writer returns the sink that writes messages to w, which it closes if it is an
// io.Closer. A file, pipe or socket is written to straight out of the ring, many
// messages by one system call. Stop can end a write that waits if w has a
// SetWriteDeadline, as connections and pipes have.
//
// Linux, stream sockets, with TLS over them or not: a message stays in the ring until it has arrived. Over TCP that
// is when the peer's TCP has acknowledged its last byte, on a Unix socket when the peer has read
// it. When the connection breaks, what had not arrived is still in the ring, and an
// error; the peer may have seen a part of it all the same. At the end of the ring it shuts the
// connection down for writing, waits for the rest to arrive (see WithLinger), and closes it, in that
// order. What a peer's TCP has acknowledged and its program never read is lost with that
// program; only an answer of the program's own can tell. Nobody else may read from the
// connection or write to it meanwhile. Elsewhere, and over Multipath TCP, what the
// kernel took has arrived.
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
	s := &streamSink{delivery: newDelivery(w), framing: f}
	below := w
	if h, ok := w.(*heard); ok {
		s.heard, below = h, h.Conn
	}
	if c, ok := below.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			s.vector = newVector(raw)
		}
	}
	if c, ok := below.(*tls.Conn); ok {
		s.tls = c
		below = c.NetConn()
	}
	if c, ok := below.(syscall.Conn); ok {
		s.wire = newWire(c, s.heard)
	}
	return s
}

// copyBelow is the length up to which a message is copied beside its neighbours: the
// kernel takes longer for an iovec than a copy of that takes.
const copyBelow = 2048

// streamSink frames messages. Small ones and what stands around messages are gathered
// in scratch; large ones are written from where they lie.
type streamSink struct {
	framing framer
	vector  *vector // nil: w has no descriptor, everything is gathered

	scratch []byte
	pieces  []piece
	ends    []int        // bytes of the stream up to the end of each message
	written int          // bytes of the stream by the last Take
	sound   func() error // nil: the messages lie in no ring

	delivery
	tls     *tls.Conn // above wire, or nil
	version uint16    // of it, once that is known
}

// piece is a part of what is written: bytes of scratch, or of a message where it lies.
type piece struct {
	from, to int
	place    []byte
}

// Stop is Sink.Stop.
func (s *streamSink) Stop() {
	s.stopper.Stop()
	if d, ok := s.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(past) // where it has none, Stop does not promise it
	}
}

// lies is of checked.
func (s *streamSink) lies(sound func() error) { s.sound = sound }

func (s *streamSink) lost() error {
	if s.sound == nil {
		return nil
	}
	return s.sound()
}

// closeStream closes what can be closed and is not yet.
func closeStream(s any) error {
	if c, ok := s.(io.Closer); ok {
		if err := c.Close(); !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Take is Sink.Take.
func (s *streamSink) Take(msgs [][]byte) (int, error) {
	s.written = 0
	if err := s.ready(); err != nil {
		return 0, err
	}
	if !s.asked {
		s.waiting = queue{} // nobody keeps these
	}
	s.asked = false
	n, ferr := s.frame(msgs)
	// What was gathered is nothing if the memory went away meanwhile.
	if err := s.lost(); err != nil {
		return 0, err
	}
	written, err := s.write()
	if written < s.endOf(n-1) && err == nil {
		err = io.ErrShortWrite
	}
	s.written = written
	taken, over := 0, s.around(written)
	for taken < n && s.ends[taken] <= written {
		s.took(s.total + over + uint64(s.ends[taken]))
		taken++
	}
	s.total += over + uint64(written)
	if err != nil {
		err = s.cause(err)
		if taken < n && written > 0 && (taken == 0 || s.ends[taken-1] < written) {
			err = &PartError{written - s.endOf(taken-1), err}
		}
		return taken, s.fail(err) // the stream is cut anywhere
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
			err = fmt.Errorf("feed: %w", &MessageError{Size: len(m), Err: err})
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
