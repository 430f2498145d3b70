package feed

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"annulus/ring"
)

// Signal is what sources of signals make messages of, SignalSize bytes each.
type Signal struct {
	Number syscall.Signal
	Code   int32  // si_code: -1 (SI_QUEUE) for one of sigqueue(3), 0 (SI_USER) for one of kill(2)
	PID    uint32 // of the sender
	UID    uint32
	Value  uint64 // of sigqueue(3): sival_ptr, the low half of which is sival_int
}

// SignalSize is the size of a Signal as a message: number, code, PID and UID, four bytes each, and
// value, eight, all little-endian.
const SignalSize = 24

// AppendTo appends the signal as a message.
func (s Signal) AppendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Number))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Code))
	b = binary.LittleEndian.AppendUint32(b, s.PID)
	b = binary.LittleEndian.AppendUint32(b, s.UID)
	return binary.LittleEndian.AppendUint64(b, s.Value)
}

// ParseSignal is the reverse. ring.ErrSize: the message has another size.
func ParseSignal(msg []byte) (Signal, error) {
	if len(msg) != SignalSize {
		return Signal{}, fmt.Errorf("feed: %w: a signal has %d bytes, found %d", ring.ErrSize, SignalSize, len(msg))
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(msg[4*i:]) }
	return Signal{syscall.Signal(word(0)), int32(word(1)), word(2), word(3), binary.LittleEndian.Uint64(msg[16:])}, nil
}

// Notified returns a source of the signals that os/signal delivers, of which it knows the number alone. One
// message may stand for several of them: the Go runtime merges those that come while one of
// the same number waits for it, so that of 2,000 queued ones some ten may be seen. Signals has them all.
func Notified(sigs ...os.Signal) Source {
	n := &notified{c: make(chan os.Signal, batchMessages), stopper: newStopper()}
	signal.Notify(n.c, sigs...)
	return n
}

type notified struct {
	stopper
	c chan os.Signal
}

// Fill is Source.Fill.
func (n *notified) Fill(in *Intake) error {
	if n.over() {
		return ErrStopped
	}
	select {
	case s := <-n.c:
		return n.put(in, s)
	case <-n.stopped:
		return ErrStopped
	}
}

func (n *notified) put(in *Intake, s os.Signal) error {
	number, _ := s.(syscall.Signal)
	return in.Put(Signal{Number: number}.AppendTo(nil))
}

// Close is Source.Close.
func (n *notified) Close() error {
	signal.Stop(n.c)
	return nil
}
