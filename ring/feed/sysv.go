package feed

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"annulus/ring"
)

// SysVQueue is a System V message queue, as of msgget(2), of Linux. The kernel keeps it, and what is in
// it, when all who use it are gone, until Remove or a reboot.
//
// One message of the queue is one message of the ring. What is said of MessageQueue about a kill
// and about full queues and rings holds here too. A queue that is removed while a pump waits ends
// the pump with EIDRM. A wait takes a thread, which Stop wakes by SIGURG: a program must
// not have called signal.Ignore(syscall.SIGURG).
type SysVQueue struct {
	Key    int32       // as of Ftok. 0 (IPC_PRIVATE): the queue ID, or a new one that has no key
	ID     int         // where Key is 0 and Create false: of a queue that is there
	Create bool        // make the queue if there is none
	Perm   fs.FileMode // of a queue that is made; 0: 0600

	// Bytes, of a queue that is made: how many it holds. 0: kernel.msgmnb.
	Bytes int

	// Type, of a source: which messages it takes, as of msgrcv(2): 0 any, n those of type n, -n those
	// of types 1 to n, the lowest first. Of a sink: the type of its messages, at least 1; 0: 1. A Tagged
	// message has its own in front instead, as eight bytes, little-endian; a source then
	// puts it there.
	Type   int
	Tagged bool
}

const sysvTag = 8

var sysvTypes = tag{sysvTag, "type", 1, math.MaxInt64}

// Ftok is ftok(3): the key that is made of a file, which must be there, and of a number, of which C
// uses the low byte.
func Ftok(path string, project byte) (int32, error) { return ftok(path, project) }

// Open opens the queue, or makes it, and returns it with its ID: with Create and no Key
// that is the only way to tell others. The errors of Open, Source and Sink are those of
// msgget(2), which name the limit that is in the way: os.ErrNotExist, os.ErrPermission,
// os.ErrInvalid; elsewhere than on Linux errors.ErrUnsupported.
func (q SysVQueue) Open() (SysVQueue, error) {
	m, err := q.open()
	if err != nil {
		return q, err
	}
	q.Key, q.ID, q.Create = 0, m.id, false
	return q, nil
}

// named fails for a queue that nobody else could find, nor remove.
func (q *SysVQueue) named() error {
	if q.Create && q.Key == 0 {
		return fmt.Errorf("feed: a new System V queue without a key: expected it to be made by Open, which tells its ID: %w", os.ErrInvalid)
	}
	return nil
}

// Source returns a source of the messages in the queue.
func (q SysVQueue) Source() (Source, error) {
	if err := q.named(); err != nil {
		return nil, err
	}
	m, err := q.open()
	if err != nil {
		return nil, err
	}
	s := &sysvSource{sysv: m}
	s.in.from = s
	return s, nil
}

// Sink returns a sink that sends to the queue. A message longer than kernel.msgmax, or than the
// whole queue, is refused with ring.ErrTooLarge.
func (q SysVQueue) Sink() (Sink, error) {
	if q.Type == 0 {
		q.Type = 1
	}
	if q.Type < 0 {
		return nil, fmt.Errorf("feed: %v: type %d: expected at least 1: %w", q, q.Type, os.ErrInvalid)
	}
	if err := q.named(); err != nil {
		return nil, err
	}
	m, err := q.open()
	if err != nil {
		return nil, err
	}
	return &sysvSink{sysv: m}, nil
}

// String is what errors call the queue.
func (q SysVQueue) String() string {
	if q.Key != 0 {
		return fmt.Sprintf("System V queue with key %#x", uint32(q.Key))
	}
	if q.Create {
		return "new System V queue"
	}
	return fmt.Sprintf("System V queue %d", q.ID)
}

// sysvSource is a queue that messages come from.
type sysvSource struct {
	*sysv
	in inbox
}

// Fill is Source.Fill.
func (s *sysvSource) Fill(in *Intake) error {
	limit := min(s.most, in.Max())
	if s.Tagged {
		limit = min(s.most, in.Max()-sysvTag)
	}
	if limit < 0 {
		return fmt.Errorf("feed: %v: %w: ring %q takes messages of %d bytes, a type has %d", s.sysv, ring.ErrTooLarge, in.p.Ring().Name(), in.Max(), sysvTag)
	}
	err := s.in.fill(in, sysvTag+limit) // the kernel writes the type before the text
	if err != errLonger {
		return err
	}
	err = fmt.Errorf("feed: %v: %w: the next message has more than %d bytes and stays there, ring %q takes at most %d",
		s.sysv, ring.ErrTooLarge, limit, in.p.Ring().Name(), in.Max())
	if err = in.Refuse(err); err == nil {
		err = s.passOver(in, limit)
	}
	return err
}

// errLonger is what receive returns for a message that is longer than what it is for.
var errLonger = errors.New("feed: message too long")

// passOver takes a message of more than limit bytes out of the queue. Another receiver may
// have been faster: a shorter one goes into the ring.
func (s *sysvSource) passOver(in *Intake, limit int) error {
	stat, err := s.stat()
	if err != nil {
		return err
	}
	b := make([]byte, sysvTag+max(limit, int(stat.Bytes)))
	switch n, err := s.receive(b, false); {
	case err == errNone || err == errLonger:
		return nil // as it came
	case err != nil:
		return err
	case n <= in.Max():
		return in.Put(b[:n])
	}
	return nil
}

// receive lets the kernel write the type and the text, and takes the type away.
func (s *sysvSource) receive(b []byte, wait bool) (int, error) {
	n, err := s.sysv.receive(b, wait)
	switch {
	case err != nil:
		return 0, err
	case s.Tagged:
		return sysvTag + n, nil
	}
	return copy(b, b[sysvTag:sysvTag+n]), nil
}

// sysvSink is a queue that messages go to.
type sysvSink struct{ *sysv }

// Take is Sink.Take.
func (s *sysvSink) Take(msgs [][]byte) (int, error) { return sendEach(msgs, s.sendOne) }

func (s *sysvSink) sendOne(msg []byte, wait bool) error {
	if s.Tagged {
		if _, err := sysvTypes.of(msg); err != nil {
			return fmt.Errorf("feed: %v: %w", s, err)
		}
	}
	return s.sysv.send(msg, wait)
}
