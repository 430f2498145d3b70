package feed

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"annulus/ring"
)

// MessageQueue is a POSIX message queue, as of mq_open(3), of Linux. The kernel keeps it, and
// what is in it, when all who use it are gone, until Remove or a reboot.
//
// One message of the queue is one message of the ring. A source takes the highest priority
// first, and the oldest of those. Messages that a source has taken are in no queue any more: those of
// a process that is killed before they are in the ring, one batch at most, are lost; a
// sink that is killed leaves what it had not given back to the ring, so that the next one may send
// up to a batch again. A full queue stops a sink, and a full ring a source; so the ring holds up the
// senders. A message that the ring refuses for its size (ring.ErrSize) is in no queue any more. Sources and sinks wait in the runtime's poller, not in a thread.
type MessageQueue struct {
	Name   string      // as C has it: "/orders"; the slash may be missing
	Create bool        // make the queue if there is none
	Perm   fs.FileMode // of a queue that is made; 0: 0600. The umask applies.

	// MaxMessages and MaxSize are how many messages the queue holds and of how many
	// bytes at most. 0: those of a queue that is there; for one that is made
	// fs.mqueue.msg_default and msgsize_default. A queue that is there must have as
	// much at least.
	MaxMessages, MaxSize int

	// Priority, of a sink's messages: 0, the lowest, to 32767. A Tagged message has
	// its own in front instead, as four bytes, little-endian; a source then puts it there.
	Priority uint32
	Tagged   bool
}

const (
	mqTag         = 4
	mqPriorityMax = 32768 - 1
)

var mqPriorities = tag{mqTag, "priority", 0, mqPriorityMax}

// Source returns a source of the messages in the queue. Its errors are those of mq_open(3), which
// name the limit that is in the way: os.ErrNotExist, os.ErrPermission, os.ErrInvalid;
// elsewhere than on Linux errors.ErrUnsupported.
func (q MessageQueue) Source() (Source, error) {
	m, err := q.open(os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	s := &mqSource{mq: m}
	s.in.from = s
	return s, nil
}

// Sink returns a sink that sends to the queue. A message longer than the queue takes is refused
// with ring.ErrTooLarge. The errors of Sink are those of Source.
func (q MessageQueue) Sink() (Sink, error) {
	if q.Priority > mqPriorityMax {
		return nil, fmt.Errorf("feed: %v: priority %d: expected at most %d: %w", q, q.Priority, mqPriorityMax, os.ErrInvalid)
	}
	m, err := q.open(os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	return &mqSink{mq: m}, nil
}

// String is what errors call the queue.
func (q MessageQueue) String() string { return fmt.Sprintf("message queue %q", q.Name) }

// base is the name as the kernel has it, without the slash.
func (q *MessageQueue) base() (string, error) {
	base := strings.TrimPrefix(q.Name, "/")
	if base == "" || len(base) > 255 || strings.ContainsAny(base, "/\x00") {
		return "", fmt.Errorf("feed: %v: expected a name of 1 to 255 bytes behind one slash: %w", q, os.ErrInvalid)
	}
	return base, nil
}

// mqSource is an mq that messages come from.
type mqSource struct {
	*mq
	in inbox
}

// Fill is Source.Fill.
func (s *mqSource) Fill(in *Intake) error {
	size := s.size + s.tag()
	if err := in.fits(size, s.String()); err != nil {
		return err
	}
	return s.in.fill(in, size)
}

func (s *mqSource) receive(b []byte, wait bool) (int, error) {
	n, priority, err := s.mq.receive(b[s.tag():], wait)
	if s.Tagged && err == nil {
		binary.LittleEndian.PutUint32(b, priority)
		n += mqTag
	}
	return n, err
}

// mqSink is an mq that messages go to.
type mqSink struct{ *mq }

// Take is Sink.Take.
func (s *mqSink) Take(msgs [][]byte) (int, error) { return sendEach(msgs, s.sendOne) }

func (s *mqSink) sendOne(msg []byte, wait bool) error {
	priority := s.Priority
	if s.Tagged {
		n, err := mqPriorities.of(msg)
		if err != nil {
			return fmt.Errorf("feed: %v: %w", s, err)
		}
		priority, msg = uint32(n), msg[mqTag:]
	}
	if len(msg) > s.size {
		return fmt.Errorf("feed: %v: %w: %d bytes, it takes at most %d; remove it, and let it be made with a greater MaxSize", s, ring.ErrTooLarge, len(msg), s.size)
	}
	return s.mq.send(msg, priority, wait)
}

// tag is how many bytes stand before what the queue holds.
func (m *mq) tag() int {
	if m.Tagged {
		return mqTag
	}
	return 0
}
