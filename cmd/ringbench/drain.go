package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
	"time"

	"annulus/ring"
)

// drain writes what a ring holds to a stream, a batch at a time: it peeks
// messages, writes them, and only then releases them.
type drain struct {
	ring    *ring.Ring
	c       *ring.Consumer
	out     io.Writer
	notices io.Writer
	framing framing
	left    uint64 // messages to go

	batch  []byte // what is to be written
	room   int    // bytes of the ring that a batch may hold up
	held   int    // bytes of the ring that this one does
	peeked uint64 // messages in it
	filled uint64 // their bytes

	gone uint32 // the session whose producer was reported dead

	messages, bytes uint64 // released
}

// drainSlice is how often a waiting drain looks whether the producer lives.
const drainSlice = 250 * time.Millisecond

// batchBytes bounds what is written at once.
const batchBytes = 64 << 10

func newDrain(r *ring.Ring, c *ring.Consumer, io *stdio, f framing, count uint64) *drain {
	d := &drain{ring: r, c: c, out: io.out, notices: io.err, framing: f, left: count, room: math.MaxInt}
	if cfg := r.Config(); cfg.Kind == ring.Bytes {
		d.room = cfg.Capacity / 4 // let the producer go on meanwhile
	}
	return d
}

// run ends with nil when the producer has closed and all is drained, or when
// enough was received.
func (d *drain) run() error {
	if err := d.c.SetDeadline(time.Now().Add(drainSlice)); err != nil {
		return err
	}
	for d.left > 0 {
		err := d.collect()
		if ferr := d.flush(); ferr != nil {
			return ferr
		}
		if err == ring.ErrEmpty {
			err = d.wait()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return d.flush()
}

// collect fills a batch; ring.ErrEmpty or io.EOF if no message is left for it.
func (d *drain) collect() error {
	for d.left > 0 && len(d.batch) < batchBytes && d.held < d.room {
		b, err := d.c.TryPeek()
		if err != nil {
			return err
		}
		d.add(b)
	}
	return nil
}

// wait waits for a message and puts it into the batch.
func (d *drain) wait() error {
	for {
		b, err := d.c.Peek(context.Background())
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err := d.lookForProducer(); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			d.add(b)
		}
		return err
	}
}

// add puts a message into the batch.
func (d *drain) add(b []byte) {
	switch d.framing.kind {
	case byLines:
		d.batch = append(append(d.batch, b...), '\n')
	case byLength:
		d.batch = binary.LittleEndian.AppendUint32(d.batch, uint32(len(b)))
		d.batch = append(d.batch, b...)
	default:
		d.batch = append(d.batch, b...)
	}
	d.left--
	d.peeked++
	d.filled += uint64(len(b))
	d.held += len(b) + 16 // a header and padding
}

// flush writes the batch and releases its messages.
func (d *drain) flush() error {
	if d.peeked == 0 {
		return nil
	}
	if d.ring.Region().Faulted() {
		return fmt.Errorf("ring %q: %w", d.ring.Name(), ring.ErrTruncated) // these are zeros
	}
	if _, err := d.out.Write(d.batch); err != nil {
		if errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("stdout was closed by its reader: %d messages were written, what was not stays in the ring (%w)", d.messages, syscall.EPIPE)
		}
		return fmt.Errorf("%d messages were written, what was not stays in the ring: %w", d.messages, err)
	}
	if err := d.c.Release(); err != nil {
		return err
	}
	d.messages += d.peeked
	d.bytes += d.filled
	d.batch, d.held, d.peeked, d.filled = d.batch[:0], 0, 0, 0
	return nil
}

// lookForProducer reports, once for each, a producer that died without closing.
func (d *drain) lookForProducer() error {
	if err := d.c.SetDeadline(time.Now().Add(drainSlice)); err != nil {
		return err
	}
	s, err := d.ring.Stats()
	if err != nil || !dead(s.Producer) || s.Producer.Sessions == d.gone {
		return err
	}
	// It may have closed between two loads: the second look is later than its
	// detaching.
	if s, err = d.ring.Stats(); err != nil || !dead(s.Producer) {
		return err
	}
	d.gone = s.Producer.Sessions
	_, err = fmt.Fprintf(d.notices, "producer (pid %d) is gone without closing; waiting for another; Ctrl-C to stop\n", s.Producer.PID)
	return err
}

// dead tells whether a side was held and never closed, and nobody holds it now.
func dead(s ring.SideStats) bool { return s.Sessions > 0 && !s.Attached && !s.Closed }
