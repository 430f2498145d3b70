//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"annulus/internal/ipc"
	"annulus/ring"

	"golang.org/x/sys/unix"
)

// sysv is a System V message queue in use.
type sysv struct {
	SysVQueue
	id       int
	most     int // bytes of a message
	capacity int // bytes of all
	sleep    sleeper
	buf      []byte // type and text of a message that is sent

	// Of the wait at hand, for the callbacks that are made once.
	b         []byte
	n         int
	get, give func() error
}

func ftok(path string, project byte) (int32, error) {
	var st unix.Stat_t
	if err := again(func() error { return unix.Stat(path, &st) }); err != nil {
		return 0, fmt.Errorf("feed: ftok %q: %w", path, err)
	}
	return int32(uint32(project)<<24 | uint32(st.Dev&0xff)<<16 | uint32(st.Ino&0xffff)), nil
}

// Remove removes the queue, and the messages in it, and ends all waits for it.
func (q SysVQueue) Remove() error {
	id := q.ID
	var err error
	if q.Key != 0 {
		id, err = ipc.MsgGet(q.Key, 0, 0)
	}
	if err == nil {
		err = ipc.MsgControl(id, ipc.Rmid, nil)
	}
	if err != nil {
		err = fmt.Errorf("feed: remove %v: %w", q, err)
	}
	return err
}

func (q SysVQueue) open() (*sysv, error) {
	if q.Bytes < 0 || int64(q.Bytes) > math.MaxInt32 {
		return nil, fmt.Errorf("feed: %v: %d bytes: expected 0 to %d: %w", q, q.Bytes, math.MaxInt32, os.ErrInvalid)
	}
	if err := wakeable(q); err != nil {
		return nil, err
	}
	id, made, err := q.get()
	if err != nil {
		return nil, fmt.Errorf("feed: open %v: %w%s", q, err, atLimit(err, "kernel.msgmni")+uncreated(err))
	}
	m := &sysv{SysVQueue: q, id: id}
	if err := m.adopt(made); err != nil {
		if made {
			err = errors.Join(err, ipc.MsgControl(id, ipc.Rmid, nil))
		}
		return nil, err
	}
	m.get = func() (err error) {
		m.n, err = ipc.MsgReceive(m.id, m.b, m.Type, 0)
		return err
	}
	m.give = func() error { return ipc.MsgSend(m.id, m.b, 0) }
	return m, nil
}

// get returns the queue's ID, and whether it was made.
func (q *SysVQueue) get() (id int, made bool, err error) {
	if q.Key == 0 && !q.Create {
		return q.ID, false, nil
	}
	return openOrMake(q.Key != 0, q.Create, ipc.Creat|ipc.Excl, func(flags int) (int, error) { return ipc.MsgGet(q.Key, flags, permOf(q.Perm)) })
}

// adopt makes m ready.
func (m *sysv) adopt(made bool) error {
	stat, err := m.stat()
	if err != nil {
		return err
	}
	if made && m.Bytes > 0 {
		stat.Limit = uint64(m.Bytes)
		if err := ipc.MsgControl(m.id, ipc.Set, &stat); err != nil {
			return fmt.Errorf("feed: %v of %d bytes: %w%s", m.SysVQueue, m.Bytes, err, tooLow("kernel.msgmnb", m.Bytes))
		}
	} else if m.Bytes > int(stat.Limit) {
		return tooSmall(m, fmt.Sprintf("%d bytes", stat.Limit), fmt.Sprint(m.Bytes))
	}
	m.capacity = int(stat.Limit)
	most, ok := ipc.Sysctl("kernel.msgmax")
	if !ok {
		most = 8192 // what it is everywhere, unless somebody has set it
	}
	m.most = min(most, m.capacity)
	return nil
}

func (m *sysv) stat() (stat ipc.MsgStat, err error) {
	if err = ipc.MsgControl(m.id, ipc.Stat, &stat); err != nil {
		err = fmt.Errorf("feed: %v: %w", m.SysVQueue, err)
	}
	return stat, err
}

// String is what errors call the queue.
func (m *sysv) String() string { return m.SysVQueue.String() }

func (m *sysv) receive(b []byte, wait bool) (n int, err error) {
	if m.sleep.stopped.Load() {
		return 0, ErrStopped
	}
	n, err = ipc.MsgReceive(m.id, b, m.Type, ipc.NoWait)
	if err == unix.ENOMSG && wait {
		m.b = b
		err = m.sleep.call(m.get)
		n, m.b = m.n, nil
	}
	switch err {
	case nil, ErrStopped:
		return n, err
	case unix.ENOMSG, unix.EINTR:
		return 0, errNone
	case unix.E2BIG:
		return 0, errLonger
	}
	return 0, fmt.Errorf("feed: receive from %v: %w%s", m, err, removed(err))
}

func (m *sysv) send(msg []byte, wait bool) error {
	if m.sleep.stopped.Load() {
		return ErrStopped
	}
	typed := msg
	if !m.Tagged {
		m.buf = append(binary.NativeEndian.AppendUint64(m.buf[:0], uint64(m.Type)), msg...)
		typed = m.buf
	}
	if n := len(typed) - sysvTag; n > m.most {
		limit := tooLow("kernel.msgmax", n)
		if n > m.capacity {
			limit += fmt.Sprintf(": the queue holds %d bytes; make it with more Bytes", m.capacity) + tooLow("kernel.msgmnb", n)
		}
		return fmt.Errorf("feed: %v: %w: %d bytes, at most %d%s", m, ring.ErrTooLarge, n, m.most, limit)
	}
	err := ipc.MsgSend(m.id, typed, ipc.NoWait)
	if err == unix.EAGAIN && wait {
		m.b = typed
		err = m.sleep.call(m.give)
		m.b = nil
	}
	switch err {
	case nil, ErrStopped:
		return err
	case unix.EAGAIN, unix.EINTR:
		return errNone
	}
	return fmt.Errorf("feed: send to %v: %w%s", m, err, removed(err))
}

// removed says what the kernel means by err.
func removed(err error) string {
	switch err {
	case unix.EIDRM:
		return ": it was removed"
	case unix.EINVAL:
		return ": there is none, or it was removed"
	}
	return ""
}

// Stop is Source.Stop and Sink.Stop.
func (m *sysv) Stop() { m.sleep.stop() }

// Close is Source.Close and Sink.Close. The queue stays.
func (m *sysv) Close() error { return nil }
