package feed

import (
	"fmt"
	"net"
)

// settle is settler.settle. What lies beyond the TLS, or in the memory that a Unix socket counts, is
// more than the bytes of the messages, never less: taken for such bytes it tells of a
// message late, or not, but nothing too early.
func (s *streamSink) settle() (waiting int, broken bool, err error) {
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
		s.broken = fmt.Errorf("feed: write: %w", err)
	}
	if s.waiting.len() > 0 {
		err = s.broken
	}
	return s.waiting.len(), false, err
}

// pass is settler.pass.
func (s *streamSink) pass() {
	if s.wire != nil && s.waiting.len() > 0 {
		s.waiting.push(s.waiting.last())
	}
}

// ending is settler.ending: the peer's TCP acknowledges at once what it sees the end of.
func (s *streamSink) ending() {
	if s.wire == nil {
		return
	}
	// Their errors are a connection's that broke: settle finds that.
	var c any = s.w
	if s.heard != nil {
		c = s.heard.Conn
	}
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	if c, ok := c.(interface{ NetConn() net.Conn }); ok {
		if c, ok := c.NetConn().(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}
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
