package feed

import (
	"encoding/binary"
	"errors"
	"fmt"

	"annulus/ring"
)

// errNone is what a receiver that is not to wait returns if there is no message, and a
// sender if there is no room.
var errNone = errors.New("feed: nothing there")

// receiver is an object of the kernel that gives one whole message at a time.
type receiver interface {
	// receive takes a message of at most len(b) bytes into b; if there is none it
	// returns errNone, or waits.
	receive(b []byte, wait bool) (n int, err error)
}

// inbox moves messages from a receiver into a ring: straight where a source may wait
// with room in its hands, else by way of a buffer.
type inbox struct {
	from receiver
	buf  []byte
}

// fill takes those messages that are there, but waits for the first. No message is
// longer than size bytes.
func (x *inbox) fill(in *Intake, size int) error {
	straight := in.Direct() && (size == in.Max() || size < in.Max() && in.p.Config().Kind == ring.Bytes)
	for n := range batchMessages {
		var err error
		if straight {
			err = x.straight(in, size, n == 0)
		} else {
			err = x.copied(in, size, n == 0)
		}
		if err == errNone {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *inbox) straight(in *Intake, size int, wait bool) error {
	b, err := in.Room(size)
	if err != nil {
		return err
	}
	n, err := x.from.receive(b, wait)
	if err != nil {
		in.Drop()
		return err
	}
	if err = in.Stage(n); refused(err) {
		in.Drop()
		err = in.Refuse(err)
	}
	return err
}

func (x *inbox) copied(in *Intake, size int, wait bool) error {
	if size > len(x.buf) {
		x.buf = make([]byte, size)
	}
	n, err := x.from.receive(x.buf[:size], wait)
	if err != nil {
		return err
	}
	return in.Put(x.buf[:n])
}

// fits fails if a message of size bytes may come that the ring cannot take, and nobody
// has said what to do with it: it would be neither here nor there.
func (in *Intake) fits(size int, what string) error {
	if size <= in.Max() || in.options.skip != nil {
		return nil
	}
	return fmt.Errorf("feed: %w: %s has messages of up to %d bytes, ring %q at most %d; give the ring longer messages or the pump WithSkip",
		ring.ErrTooLarge, what, size, in.p.Ring().Name(), in.Max())
}

// tag is the number in front of a Tagged message: of so many bytes, little-endian.
type tag struct {
	bytes       int
	name        string
	least, most int64
}

// of returns the tag of msg.
func (t tag) of(msg []byte) (n int64, err error) {
	if len(msg) < t.bytes {
		return 0, fmt.Errorf("%w: expected %d bytes of %s, found %d", ring.ErrSize, t.bytes, t.name, len(msg))
	}
	var b [8]byte
	copy(b[:], msg[:t.bytes])
	if n = int64(binary.LittleEndian.Uint64(b[:])); n < t.least || n > t.most {
		return 0, fmt.Errorf("%w: %s %d, expected %d to %d", ring.ErrSize, t.name, n, t.least, t.most)
	}
	return n, nil
}

// sendEach hands messages to send, one after the other, and returns how many it took. Only
// the first waits: those before a wait are given back to the ring first.
func sendEach(msgs [][]byte, send func(msg []byte, wait bool) error) (int, error) {
	for i, m := range msgs {
		if err := send(m, i == 0); err != nil {
			if err == errNone {
				err = nil
			}
			return i, err
		}
	}
	return len(msgs), nil
}
