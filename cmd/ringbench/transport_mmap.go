package main

import (
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// mmapTransport is what is written by hand over a memory-mapped file: a mailbox of one message and a
// flag that both sides poll. Where there is one processor they nap between two looks.
func mmapTransport() *rig.Transport {
	return &rig.Transport{
		Name: "mmap", Topology: "spsc", Sleeps: "spin", Family: "memory",
		Setup: func(p *rig.Params) (*rig.Wiring, error) { return sharedFile(os.TempDir(), 2*mailboxBytes(p), nil) },
		Open: func(job *rig.Job) (rig.Link, error) {
			p := &job.Params
			s, err := rig.MapShared(job.Files[0])
			if err != nil {
				return nil, err
			}
			there, back := mailboxAt(s, 0, p), mailboxAt(s, mailboxBytes(p), p)
			if job.Role == rig.Receive {
				there, back = back, there
			}
			return newPackets(&mailboxes{s, there, back}, p), nil
		},
	}
}

// line is a cache line and its neighbour, which some processors fetch with it.
const line = 128

func mailboxBytes(p *rig.Params) int { return line + wholeLines(p.Size) }

// wholeLines is n bytes, up to the end of a line.
func wholeLines(n int) int { return (n + line - 1) &^ (line - 1) }

// sharedFile is a file without a name, in dir, that both sides have, once prepare has made it ready.
func sharedFile(dir string, bytes int, prepare func(b []byte) error) (*rig.Wiring, error) {
	f, err := rig.UnnamedFile(dir)
	if err != nil {
		return nil, err
	}
	// A hole that finds no memory later would be a SIGBUS, not an error.
	if _, err := f.WriteAt(make([]byte, bytes), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w := new(rig.Wiring)
	if err := inherit(w, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := rig.MapShared(f)
	if err != nil {
		return nil, errors.Join(err, f.Close(), closeAll(w))
	}
	if prepare != nil {
		err = prepare(s.Bytes())
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, errors.Join(err, closeAll(w))
	}
	return w, nil
}

// What a mailbox holds.
const (
	mailboxEmpty = iota
	mailboxFull
	mailboxOver
)

type mailbox struct {
	state *uint64
	room  []byte
	alone bool // on one processor with the other side
}

func mailboxAt(s *rig.Shared, off int, p *rig.Params) mailbox {
	return mailbox{s.Word(uint64(off)), s.Bytes()[off+line:][:p.Size], p.OneCPU}
}

// await polls until the state is another one, and returns that.
func (m *mailbox) await(not uint64) uint64 {
	for n := 1; ; n++ {
		if v := mem.Load(m.state); v != not {
			return v
		}
		switch {
		case m.alone:
			time.Sleep(20 * time.Microsecond)
		case n%1000 == 0:
			runtime.Gosched()
		default:
			mem.Pause(1)
		}
	}
}

func (m *mailbox) set(state uint64) { mem.Atomic64(m.state).Store(state) }

// mailboxes are one for each direction.
type mailboxes struct {
	*rig.Shared
	out, in mailbox
}

func (m *mailboxes) send(msg []byte) error {
	m.out.await(mailboxFull)
	copy(m.out.room, msg)
	m.out.set(mailboxFull)
	return nil
}

func (m *mailboxes) receive(buf []byte) ([]byte, error) {
	if m.in.await(mailboxEmpty) == mailboxOver {
		return nil, io.EOF
	}
	n := copy(buf, m.in.room)
	m.in.set(mailboxEmpty)
	return buf[:n], nil
}

func (m *mailboxes) end() error {
	m.out.await(mailboxFull)
	m.out.set(mailboxOver)
	return nil
}
