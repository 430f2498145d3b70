package feed

import (
	"crypto/tls"
	"fmt"
	"io"
)

// delivery is what a sink knows about what has arrived of what it wrote to a socket.
type delivery struct {
	stopper
	w       io.Writer
	heard   *heard // nil: nobody reads
	wire    *wire  // nil: what is written has arrived
	broken  error  // nothing more can be written
	total   uint64 // bytes that were written, and what is known to be put around them
	waiting queue  // where the messages end that have not arrived
	arrived bool   // any message has
	trusts  bool   // the kernel: what it took has arrived
	asked   bool   // for what arrived, since the last Take
}

func newDelivery(w io.Writer) delivery { return delivery{stopper: newStopper(), w: w} }

// ready fails where nothing more is to be written.
func (s *delivery) ready() error {
	if s.broken != nil {
		return s.broken
	}
	if s.over() {
		return ErrStopped
	}
	if s.heard != nil && s.heard.failed() != nil {
		return s.fail(s.heard.failed())
	}
	return nil
}

// fail notes why nothing more can be written.
func (s *delivery) fail(err error) error {
	s.broken = fmt.Errorf("feed: write: %w", err)
	return s.broken
}

// Close is Sink.Close.
func (s *delivery) Close() error {
	if s.wire != nil && s.heard == nil {
		s.wire.discard()
	}
	err := closeStream(s.w)
	if s.wire != nil && !s.trusts {
		return nil // what arrived is known
	}
	return err
}

// took notes that a message was written, which ends at position end.
func (s *delivery) took(end uint64) {
	if s.wire != nil && !s.trusts {
		s.waiting.push(end)
	} else {
		s.arrived = true
	}
}

// trust is settler.trust.
func (s *delivery) trust() { s.trusts = true }

// any tells whether any message has arrived.
func (s *delivery) any() bool { return s.arrived }

// settle is settler.settle. What TLS makes of the messages, or the memory that a Unix socket counts, is
// more than the bytes that are reckoned with here, never less: so a message may be
// told late, but not too early.
func (s *delivery) settle() (waiting int, broken bool, err error) {
	s.asked = true
	if s.wire == nil || s.waiting.len() == 0 {
		return 0, false, nil
	}
	if s.heard != nil {
		err = s.heard.failed() // known before the look, which sees all that came with it
	}
	if s.heard == nil || s.heard.accepted() {
		to, werr := s.wire.arrived(s.total, s.broken)
		s.arrived = s.waiting.pop(to) || s.arrived
		if err == nil {
			err = werr
		}
	}
	if err != nil && s.broken == nil {
		_ = s.fail(err) // told below
	}
	if s.waiting.len() == 0 {
		return 0, false, nil // whatever it is, the next write tells
	}
	return s.waiting.len(), false, s.broken
}

// pass is settler.pass.
func (s *delivery) pass() {
	if s.wire != nil && s.waiting.len() > 0 {
		s.waiting.push(s.waiting.last())
	}
}

// ending is settler.ending: the peer's TCP acknowledges at once what it sees the end of. A
// Unix peer needs no hint, and may close before it has read one: that would be a reset.
func (s *streamSink) ending() {
	if s.wire == nil || !s.wire.hinted() {
		return
	}
	// Their errors are a connection's that broke: settle finds that.
	var c any = s.w
	if s.heard != nil {
		c = s.heard.Conn
	}
	if s.tls != nil {
		if s.tls.CloseWrite() == nil && s.version >= tls.VersionTLS13 {
			s.total += notifyBytes
		}
		c = s.tls.NetConn()
	}
	if c, ok := c.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		s.total += finBytes
	}
}

// What TLS 1.3 puts into a stream, at least, beside what is written, and TCP counts beside that.
const (
	recordBytes   = 16 << 10          // at most in a record
	tlsRecordHead = 5 + 1 + 16        // of each record: header, type and tag
	notifyBytes   = 2 + tlsRecordHead // close_notify
	finBytes      = 1
)

// around is what TLS has put around n bytes that were written, at least.
func (s *streamSink) around(n int) uint64 {
	if s.tls == nil || n == 0 {
		return 0
	}
	if s.version == 0 {
		s.version = s.tls.ConnectionState().Version
	}
	if s.version < tls.VersionTLS13 {
		return 0
	}
	return uint64((n + recordBytes - 1) / recordBytes * tlsRecordHead)
}

// queue is where messages end that have not arrived, in order.
type queue struct {
	ends []uint64
	head int
}

func (q *queue) len() int     { return len(q.ends) - q.head }
func (q *queue) last() uint64 { return q.ends[len(q.ends)-1] }

func (q *queue) push(end uint64) {
	if q.head > len(q.ends)/2 {
		q.ends = q.ends[:copy(q.ends, q.ends[q.head:])]
		q.head = 0
	}
	q.ends = append(q.ends, end)
}

// pop takes off what ends up to position to, and tells whether that is any.
func (q *queue) pop(to uint64) bool {
	from := q.head
	for q.head < len(q.ends) && q.ends[q.head] <= to {
		q.head++
	}
	any := q.head > from
	if q.head == len(q.ends) {
		q.ends, q.head = q.ends[:0], 0
	}
	return any
}
