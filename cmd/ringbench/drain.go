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
	ends   []end  // of each of its messages
	refuse bool   // one that does not belong there was peeked behind them

	waiting time.Time // since when nobody has been seen to produce; zero: somebody was
	told    bool      // that nobody does
	gone    uint32    // the session whose producer was reported dead

	messages, bytes uint64 // released
}

// end is where a message ends in the batch, and how long it is in the ring.
type end struct{ at, size int }

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
	if rerr := d.release(whole); rerr != nil {
		return errors.Join(err, rerr)
	}
	found := fmt.Sprintf("%d messages were written and released, the rest stays in the ring", d.messages)
	if part > 0 {
		found += fmt.Sprintf("; %d bytes of the next one were written too", part)
	}
	if errors.Is(err, syscall.EPIPE) {
		return because(err, "stdout was closed by its reader: %s", found)
	}
	return fmt.Errorf("%w: %s", err, found)
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

// lookForProducer reports, once for each, a producer that died without closing.
func (d *drain) lookForProducer() error {
	if err := d.c.SetDeadline(time.Now().Add(drainSlice)); err != nil {
		return err
	}
	s, err := d.ring.Stats()
	if err != nil {
		return err
	}
	if !dead(s.Producer) {
		return d.lonely(s.Producer)
	}
	if s.Producer.Sessions == d.gone {
		return nil
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

// lonelyAfter is how long a drain waits before it says that nobody produces.
var lonelyAfter = time.Second

// lonely says once that nobody produces, after some time.
func (d *drain) lonely(p ring.SideStats) error {
	switch {
	case p.Attached:
		d.waiting = time.Time{}
		return nil
	case d.waiting.IsZero():
		d.waiting = time.Now()
	}
	if d.told || time.Since(d.waiting) < lonelyAfter {
		return nil
	}
	d.told = true
	why := "no producer has come yet"
	switch {
	case p.Sessions > 0:
		why = "its last producer has closed, and nothing is left of what it sent"
	case d.ring.Info().CreatorPID == os.Getpid():
		why = "it was not there and has been created; no producer has come yet"
	}
	_, err := fmt.Fprintf(d.notices, "ring %q: %s; waiting for one; Ctrl-C to stop\n", d.ring.Name(), why)
	return err
}

// dead tells whether a side was held and never closed, and nobody holds it now.
func dead(s ring.SideStats) bool { return s.Sessions > 0 && !s.Attached && !s.Closed }
