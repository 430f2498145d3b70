package main

import (
	"encoding/binary"
	"io"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
)

// shmTransport is the bounded buffer of the textbooks: slots in POSIX shared memory, a
// semaphore that counts those that are free and one for those that are full, the latter the sem_t of C.
func shmTransport() *rig.Transport {
	return &rig.Transport{
		Name: "shm", Topology: "spsc", Sleeps: "semaphore", Family: "memory",
		Setup: func(p *rig.Params) (*rig.Wiring, error) {
			return sharedFile(posixShm, 2*boundedBytes(p), func(b []byte) error { return makeBounded(b, p) })
		},
		Open: func(job *rig.Job) (rig.Link, error) {
			p := &job.Params
			s, err := rig.MapShared(job.Files[0])
			if err != nil {
				return nil, err
			}
			b := s.Bytes()
			there, err := boundedAt(b[:boundedBytes(p)], p)
			if err != nil {
				return nil, err
			}
			back, err := boundedAt(b[boundedBytes(p):], p)
			if err != nil {
				return nil, err
			}
			if job.Role == rig.Receive {
				there, back = back, there
			}
			return newPackets(&boundeds{s, there, back}, p), nil
		},
	}
}

// posixShm is where shm_open(3) keeps its files.
const posixShm = "/dev/shm"

// slotHead is before each message: its length, 0 for the end.
const slotHead = 8

func boundedSlots(p *rig.Params) int {
	return min(max(p.Capacity/wholeLines(slotHead+p.Size), 1), 4096)
}
func boundedBytes(p *rig.Params) int { return 2*line + boundedSlots(p)*wholeLines(slotHead+p.Size) }

// bounded is a buffer with one side's place in it.
type bounded struct {
	free, full *futex.Semaphore
	slots      []byte
	stride, at int
}

// makeBounded makes the semaphores of the two buffers in b.
func makeBounded(b []byte, p *rig.Params) error {
	for n := boundedBytes(p); len(b) > 0; b = b[n:] {
		if _, err := futex.InitSemaphore(b, uint32(boundedSlots(p))); err != nil {
			return err
		}
		if _, err := futex.InitSemaphore(b[line:], 0); err != nil {
			return err
		}
	}
	return nil
}

func boundedAt(b []byte, p *rig.Params) (d bounded, err error) {
	d.slots, d.stride = b[2*line:], wholeLines(slotHead+p.Size)
	if d.free, err = futex.SemaphoreAt(b); err != nil {
		return d, err
	}
	d.full, err = futex.SemaphoreAt(b[line:])
	return d, err
}

func (d *bounded) next() []byte {
	slot := d.slots[d.at:][:d.stride]
	if d.at += d.stride; d.at == len(d.slots) {
		d.at = 0
	}
	return slot
}

func (d *bounded) send(msg []byte) error {
	if err := d.free.AcquireUntil(time.Time{}); err != nil {
		return err
	}
	slot := d.next()
	binary.LittleEndian.PutUint64(slot, uint64(len(msg)))
	copy(slot[slotHead:], msg)
	return d.full.Release()
}

func (d *bounded) receive(buf []byte) ([]byte, error) {
	if err := d.full.AcquireUntil(time.Time{}); err != nil {
		return nil, err
	}
	slot := d.next()
	n := binary.LittleEndian.Uint64(slot)
	if n == 0 {
		return nil, io.EOF
	}
	n = uint64(copy(buf, slot[slotHead:][:min(n, uint64(len(slot)-slotHead))]))
	return buf[:n], d.free.Release()
}

// boundeds are a buffer for each direction.
type boundeds struct {
	*rig.Shared
	out, in bounded
}

func (b *boundeds) send(msg []byte) error              { return b.out.send(msg) }
func (b *boundeds) receive(buf []byte) ([]byte, error) { return b.in.receive(buf) }
func (b *boundeds) end() error                         { return b.out.send(nil) }
