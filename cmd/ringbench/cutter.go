package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"annulus/ring"
)

// cutter cuts an input into messages and sends them.
type cutter struct {
	ring *ring.Ring
	p    *ring.Producer
	in   *input
	br   *bufio.Reader // over in; not for raw
	max  int           // raw: bytes of one read

	line []byte // a message that is not read into the ring at once
	eof  bool   // behind a last line without newline

	shared bool // a reservation holds up other producers: no wait for stdin meanwhile

	messages, bytes uint64
}

// inputBuffer is what is read from stdin at once.
const inputBuffer = 256 << 10

// step returns what sends the next message; io.EOF when there is none.
func (f *cutter) step(by framing) func(context.Context) error {
	t := f.ring.Config().Topology
	f.shared = t == ring.MPMC || t == ring.MPSCOrdered
	if by.kind != raw {
		f.br = bufio.NewReaderSize(f.in, inputBuffer)
	}
	switch by.kind {
	case byLength:
		return f.sendPrefixed
	case bySize:
		return func(ctx context.Context) error { return f.sendFixed(ctx, by.size) }
	case raw:
		return f.sendRead
	}
	return f.sendLine
}

// number names the next message for an error: "line 17".
func (f *cutter) number(what string) string { return fmt.Sprintf("%s %d", what, f.messages+1) }

func (f *cutter) sent(n int, err error) error {
	if err == nil {
		f.messages++
		f.bytes += uint64(n)
	}
	return err
}

func (f *cutter) sendLine(ctx context.Context) error {
	line, err := f.nextLine()
	if err != nil {
		return err
	}
	err = f.p.Send(ctx, line)
	if errors.Is(err, ring.ErrSize) || errors.Is(err, ring.ErrTooLarge) {
		return fits(f.ring, f.number("line"), uint64(len(line)), false)
	}
	return f.sent(len(line), err)
}

// nextLine returns the next line without its newline, valid until the next
// call. What an interrupt or a failure cut off is no line.
func (f *cutter) nextLine() ([]byte, error) {
	if f.eof {
		return nil, io.EOF
	}
	line, err := f.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line, err = f.longLine(line)
	}
	if err == io.EOF {
		f.eof = true
		if len(line) == 0 {
			return nil, io.EOF
		}
		return line, nil
	}
	if err != nil {
		return nil, err
	}
	return line[:len(line)-1], nil
}

// longLine goes on with a line that begins with part.
func (f *cutter) longLine(part []byte) ([]byte, error) {
	f.line = append(f.line[:0], part...)
	for {
		if len(f.line) > f.p.Config().MaxMessage {
			return nil, f.tooLong()
		}
		part, err := f.br.ReadSlice('\n')
		f.line = append(f.line, part...)
		if err != bufio.ErrBufferFull {
			return f.line, err
		}
	}
}

// tooLong reads on to the end of a line that no message can hold, to tell how
// long it is; but not for ever, and not waiting for more to come.
func (f *cutter) tooLong() error {
	n, more := uint64(len(f.line)), true
	f.in.patience = 100 * time.Millisecond
	for n < math.MaxInt32 {
		part, err := f.br.ReadSlice('\n')
		n += uint64(len(part))
		if err == nil {
			n--
		}
		if err == nil || err == io.EOF {
			more = false
		}
		if err != bufio.ErrBufferFull {
			break
		}
	}
	return fits(f.ring, f.number("line"), n, more)
}

func (f *cutter) sendPrefixed(ctx context.Context) error {
	var prefix [lengthPrefix]byte
	n, err := io.ReadFull(f.br, prefix[:])
	if err == io.ErrUnexpectedEOF {
		return fmt.Errorf("stdin ends in the length of %s: expected %d bytes, found %d", f.number("record"), len(prefix), n)
	}
	if err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(prefix[:])
	if err := fits(f.ring, f.number("record"), uint64(size), false); err != nil {
		return because(err, "%v; or stdin is not framed by lengths of 4 bytes, little-endian", err)
	}
	return f.sendRecord(ctx, int(size))
}

func (f *cutter) sendFixed(ctx context.Context, size int) error {
	// The end of stdin must not have to wait for room.
	if _, err := f.br.Peek(1); err != nil {
		return err
	}
	return f.sendRecord(ctx, size)
}

// memory is for a message of size bytes.
func (f *cutter) memory(size int) []byte {
	if cap(f.line) < size {
		f.line = make([]byte, size)
	}
	return f.line[:size]
}

// sendRecord reads size bytes into the ring.
func (f *cutter) sendRecord(ctx context.Context, size int) (err error) {
	b := []byte(nil)
	if f.shared {
		b = f.memory(size)
	} else if b, err = f.p.Reserve(ctx, size); err != nil {
		return err
	}
	n, err := io.ReadFull(f.br, b)
	switch {
	case err == nil && f.shared:
		return f.sent(size, f.p.Send(ctx, b))
	case err != nil && !f.shared:
		f.p.Abort()
	}
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return fmt.Errorf("stdin ends in %s: expected %d bytes, found %d; all before it is sent", f.number("record"), size, n)
		}
		return err
	}
	return f.sent(size, f.p.Commit(size))
}

// sendRead sends what one read returns. While the ring is full it reads into
// memory of its own, to see the end of stdin without waiting for room.
func (f *cutter) sendRead(ctx context.Context) error {
	b, err := []byte(nil), error(ring.ErrFull)
	if !f.shared {
		b, err = f.p.TryReserve(f.max)
	}
	if err == ring.ErrFull {
		b := f.memory(f.max)
		n, err := f.in.Read(b)
		if err != nil {
			return err
		}
		return f.sent(n, f.p.Send(ctx, b[:n]))
	}
	if err != nil {
		return err
	}
	n, err := f.in.Read(b)
	if err != nil {
		f.p.Abort()
		return err
	}
	return f.sent(n, f.p.Commit(n))
}
