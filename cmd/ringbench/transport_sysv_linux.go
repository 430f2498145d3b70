//go:build amd64 || arm64 || loong64 || riscv64

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"annulus/cmd/ringbench/internal/guard"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/ipc"
)

// sysvTransport is a System V message queue, in which each direction has a type. Both sides wait in
// msgsnd(2) and msgrcv(2). A guard makes the queue: its removal would end the run, so it cannot be
// removed early, as a name can.
func sysvTransport() *rig.Transport {
	return &rig.Transport{
		Name: "sysv", Topology: "spsc", Sleeps: "msgrcv", Family: "queue",
		Setup: func(p *rig.Params) (*rig.Wiring, error) {
			if err := fitsSysV(p.Size); err != nil {
				return nil, err
			}
			g, err := guard.Start(guardSysV, guards())
			if err != nil {
				return nil, err
			}
			id, err := strconv.Atoi(g.Name)
			return &rig.Wiring{Spec: id, Close: g.Close}, err
		},
		Open: func(job *rig.Job) (rig.Link, error) {
			q := &sysvQueue{out: 1, in: 2, buf: make([]byte, ipc.MsgTag+job.Params.Size)}
			if job.Role == rig.Receive {
				q.out, q.in = q.in, q.out
			}
			return newPackets(q, &job.Params), json.Unmarshal(job.Spec, &q.id)
		},
	}
}

// fitsSysV refuses sizes that no queue takes.
func fitsSysV(size int) error {
	for _, name := range []string{"kernel.msgmax", "kernel.msgmnb"} {
		if most, ok := ipc.Sysctl(name); ok && size > most {
			return &rig.Unable{
				Why: fmt.Sprintf("expected messages of at most %d bytes (%s), found %d", most, name, size),
				Do:  fmt.Sprintf("sysctl -w kernel.msgmax=%d kernel.msgmnb=%d", size, 2*size),
			}
		}
	}
	return nil
}

// sysvQueue is one side of the queue. A message of a byte is the end.
type sysvQueue struct {
	id      int
	out, in int
	buf     []byte // type and text
}

func (q *sysvQueue) send(msg []byte) error {
	binary.NativeEndian.PutUint64(q.buf, uint64(q.out))
	n := copy(q.buf[ipc.MsgTag:], msg)
	return uninterrupted("msgsnd", func() error { return ipc.MsgSend(q.id, q.buf[:ipc.MsgTag+n], 0) })
}

func (q *sysvQueue) receive(buf []byte) ([]byte, error) {
	n := 0
	err := uninterrupted("msgrcv", func() (err error) {
		n, err = ipc.MsgReceive(q.id, q.buf, q.in, 0)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case n == 1:
		return nil, io.EOF
	}
	return buf[:copy(buf, q.buf[ipc.MsgTag:][:n])], nil
}

func (q *sysvQueue) end() error { return q.send([]byte{0}) }

// Close leaves the queue to its guard.
func (q *sysvQueue) Close() error { return nil }
