package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
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
	ends   []end  // of each of its messages
	refuse bool   // one that does not belong there was peeked behind them

	watch watch

	messages, bytes uint64 // released
}

// end is where a message ends in the batch, and how long it is in the ring.
type end struct{ at, size int }

// drainSlice is how often a waiting drain looks whether the producer lives.
const drainSlice = 250 * time.Millisecond

// batchBytes bounds what is written at once.
const batchBytes = 64 << 10

func newDrain(r *ring.Ring, c *ring.Consumer, io *stdio, f framing, count uint64) *drain {
	d := &drain{ring: r, c: c, out: io.out, notices: io.err, framing: f, left: count, room: math.MaxInt, watch: watch{ring: r, notices: io.err}}
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
		if d.refuse {
			return errors.Join(err, d.flush())
		}
		if ferr := d.flush(); ferr != nil {
			return ferr
		}
		if err == ring.ErrEmpty {
			err = d.wait()
		}
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, ring.ErrOverrun) {
			_, err = fmt.Fprintln(d.notices, err)
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
		if err == ring.ErrHeld { // mpmc: others have taken the next ones
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.add(b); err != nil {
			return err
		}
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
		if err != nil {
			return err
		}
		return d.add(b)
	}
}

// add puts a message into the batch; ring.ErrSize if it does not belong there.
func (d *drain) add(b []byte) error {
	switch d.framing.kind {
	case bySize:
		if len(b) != d.framing.size {
			d.refuse = true
			return because(ring.ErrSize, "message %d has %d bytes, --framing %v takes only messages of %d; give both sides the same --framing, files want raw",
				d.messages+uint64(len(d.ends))+1, len(b), d.framing, d.framing.size)
		}
		d.batch = append(d.batch, b...)
	case byLines:
		d.batch = append(append(d.batch, b...), '\n')
	case byLength:
		d.batch = binary.LittleEndian.AppendUint32(d.batch, uint32(len(b)))
		d.batch = append(d.batch, b...)
	default:
		d.batch = append(d.batch, b...)
	}
	d.left--
	d.ends = append(d.ends, end{len(d.batch), len(b)})
	d.held += len(b) + 16 // a header and padding
	return nil
}

// flush writes the batch and releases its messages, or those that were written whole.
func (d *drain) flush() error {
	if len(d.ends) == 0 {
		return nil
	}
	if d.ring.Region().Faulted() {
		return fmt.Errorf("ring %q: %w", d.ring.Name(), ring.ErrTruncated) // these are zeros
	}
	written, err := d.out.Write(d.batch)
	if err == nil {
		return d.release(len(d.ends))
	}
	whole := 0
	for whole < len(d.ends) && d.ends[whole].at <= written {
		whole++
	}
	part := written
	if whole > 0 {
		part -= d.ends[whole-1].at
	}
	left := len(d.ends) - whole
	if rerr := d.release(whole); rerr != nil {
		return errors.Join(err, rerr)
	}
	found := fmt.Sprintf("%d messages were written and released, %s", d.messages, rest(d.ring.Config(), strconv.Itoa(left)))
	if part > 0 {
		found += fmt.Sprintf("; %d bytes of the next one were written too", part)
	}
	if errors.Is(err, syscall.EPIPE) {
		return because(err, "stdout was closed by its reader: %s", found)
	}
	return fmt.Errorf("%w: %s", err, found)
}

// rest is what becomes of the messages that a consumer did not release: so many were in its hands.
func rest(c ring.Config, left string) string {
	switch {
	case c.Topology == ring.Broadcast:
		return "the rest is not received"
	case c.Topology == ring.MPMC && !c.Redeliver:
		return fmt.Sprintf("of the rest %s were in hand and are dropped, for the ring was created without Redeliver", left)
	}
	return "the rest stays in the ring"
}

// release gives the first n messages of the batch back to the ring.
func (d *drain) release(n int) error {
	var err error
	if n == len(d.ends) && !d.refuse {
		err = d.c.Release()
	} else {
		err = d.c.ReleaseFirst(n)
	}
	if err != nil {
		return err
	}
	d.messages += uint64(n)
	for _, e := range d.ends[:n] {
		d.bytes += uint64(e.size)
	}
	d.batch, d.ends, d.held = d.batch[:0], d.ends[:0], 0
	return nil
}

// lookForProducer looks whether the producer lives.
func (d *drain) lookForProducer() error {
	if err := d.c.SetDeadline(time.Now().Add(drainSlice)); err != nil {
		return err
	}
	return d.watch.look()
}
