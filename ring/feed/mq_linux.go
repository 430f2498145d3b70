package feed

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// mq is an open message queue. Its descriptor is one that epoll(7) takes, so waits are the
// poller's.
type mq struct {
	MessageQueue
	stopper
	file *os.File
	raw  syscall.RawConn
	size int // of a message, at most

	// Of the call at hand, for the callbacks that are made once.
	b         []byte
	n         int
	priority  uint32
	err       error
	wait      bool
	get, give func(fd uintptr) bool
}

// Remove unlinks the queue: it goes when the last who has it open is gone. A process
// that waits for it is not woken.
func (q MessageQueue) Remove() error {
	base, err := q.base()
	if err == nil {
		if err = ipc.MQUnlink(base); err != nil {
			err = fmt.Errorf("feed: remove %v: %w", q, err)
		}
	}
	return err
}

func (q MessageQueue) open(mode int) (*mq, error) {
	base, err := q.base()
	if err != nil {
		return nil, err
	}
	if q.MaxMessages < 0 || q.MaxSize < 0 {
		return nil, fmt.Errorf("feed: %v: %d messages of %d bytes: expected more than none: %w", q, q.MaxMessages, q.MaxSize, os.ErrInvalid)
	}
	fd, err := q.get(base, mode|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	m := &mq{MessageQueue: q, stopper: newStopper(), file: os.NewFile(uintptr(fd), q.Name)}
	if err := m.adopt(fd); err != nil {
		return nil, errors.Join(err, m.file.Close())
	}
	return m, nil
}

// get returns a descriptor of the queue.
func (q MessageQueue) get(base string, flags int) (int, error) {
	var attr *ipc.MQAttr // of a queue that is made
	if q.MaxMessages > 0 || q.MaxSize > 0 {
		attr = &ipc.MQAttr{MaxMsg: q.MaxMessages, MsgSize: q.MaxSize}
		if attr.MaxMsg == 0 {
			attr.MaxMsg = mqDefault(0)
		}
		if attr.MsgSize == 0 {
			attr.MsgSize = mqDefault(1)
		}
	}
	fd, _, err := openOrMake(true, q.Create, unix.O_CREAT|unix.O_EXCL, func(more int) (int, error) {
		return ipc.MQOpen(base, flags|more, permOf(q.Perm), attr)
	})
	if err != nil {
		help := uncreated(err)
		if q.Create {
			help = mqLimit(err, attr)
		}
		err = fmt.Errorf("feed: open %v: %w%s", q, err, help)
	}
	return fd, err
}

// adopt makes m ready.
func (m *mq) adopt(fd int) error {
	a, err := ipc.MQGetAttr(fd)
	if err != nil {
		return fmt.Errorf("feed: %v: %w", m, err)
	}
	if a.MaxMsg < m.MaxMessages || a.MsgSize < m.MaxSize {
		return tooSmall(m, fmt.Sprintf("%d messages of %d bytes", a.MaxMsg, a.MsgSize), fmt.Sprintf("%d of %d", m.MaxMessages, m.MaxSize))
	}
	m.size = a.MsgSize
	if err := m.file.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("feed: %v cannot be polled: %w", m, err)
	}
	m.get = func(fd uintptr) bool {
		m.err = again(func() (err error) { m.n, m.priority, err = ipc.MQReceive(fd, m.b); return })
		return !m.wait || m.err != unix.EAGAIN
	}
	m.give = func(fd uintptr) bool {
		m.err = again(func() error { return ipc.MQSend(fd, m.b, m.priority) })
		return !m.wait || m.err != unix.EAGAIN
	}
	m.raw, err = m.file.SyscallConn()
	return err
}

func (m *mq) receive(b []byte, wait bool) (n int, priority uint32, err error) {
	m.b, m.wait = b, wait
	err = m.do(m.raw.Read, m.get, "receive from")
	return m.n, m.priority, err
}

func (m *mq) send(b []byte, priority uint32, wait bool) error {
	m.b, m.priority, m.wait = b, priority, wait
	return m.do(m.raw.Write, m.give, "send to")
}

func (m *mq) do(call func(func(uintptr) bool) error, step func(uintptr) bool, what string) error {
	if m.over() {
		return ErrStopped
	}
	err := call(step)
	m.b = nil
	if err == nil {
		err = m.err
	}
	switch {
	case err == nil:
		return nil
	case err == unix.EAGAIN:
		return errNone
	case m.cause(err) == ErrStopped:
		return ErrStopped
	}
	return fmt.Errorf("feed: %s %v: %w", what, m, err)
}

// Stop is Source.Stop and Sink.Stop.
func (m *mq) Stop() {
	m.stopper.Stop()
	_ = m.file.SetDeadline(past) // it has deadlines, see adopt; else it is closed
}

// Close is Source.Close and Sink.Close. The queue stays.
func (m *mq) Close() error {
	if err := m.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// What a queue holds and how long its messages are: the settings, and what they can be set to (HARD_MSGMAX
// and HARD_MSGSIZEMAX of linux/ipc_namespace.h).
var (
	mqMost = [...]string{"fs.mqueue.msg_max", "fs.mqueue.msgsize_max"}
	mqHard = [...]int{65536, 16 << 20}
)

var mqDefaults = [...]string{"fs.mqueue.msg_default", "fs.mqueue.msgsize_default"}

// mqDefault is what the kernel gives a queue whose maker does not say: the setting, but not more than
// what is allowed.
func mqDefault(i int) int {
	n, ok := ipc.Sysctl(mqDefaults[i])
	if !ok {
		n = [...]int{10, 8192}[i] // what it is where nobody has set it
	}
	if most, ok := ipc.Sysctl(mqMost[i]); ok {
		n = min(n, most)
	}
	return n
}

// mqLimit says which limit a queue of a goes beyond; a nil: of the default size.
func mqLimit(err error, a *ipc.MQAttr) string {
	if a == nil {
		a = new(ipc.MQAttr)
		a.MaxMsg, a.MsgSize = mqDefault(0), mqDefault(1)
	}
	switch err {
	case unix.EINVAL:
		for i, want := range []int{a.MaxMsg, a.MsgSize} {
			if want > mqHard[i] {
				return fmt.Sprintf(": wanted %s %d, the kernel allows %d at most, whatever is set", mqMost[i], want, mqHard[i])
			}
		}
		return tooLow(mqMost[0], a.MaxMsg) + tooLow(mqMost[1], a.MsgSize)
	case unix.ENOSPC:
		return atLimit(err, "fs.mqueue.queues_max")
	case unix.EMFILE:
		// The kernel says the same when descriptors have run out. Its own price of a
		// message beside its bytes: see mq_overview(7) and getrlimit(2).
		var lim unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_MSGQUEUE, &lim) == nil && !outOfDescriptors() {
			return fmt.Sprintf(": the limit RLIMIT_MSGQUEUE is %d bytes for all queues of a user, this one wants about %d; see ulimit -q", lim.Cur, a.MaxMsg*(a.MsgSize+2*mqOverhead))
		}
	}
	return ""
}

// mqOverhead is about what the kernel counts for a message, and for a node of the tree of
// priorities, on 64 bits.
const mqOverhead = 48

func outOfDescriptors() bool {
	fd, err := unix.Dup(0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err == unix.EMFILE
}
