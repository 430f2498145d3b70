package breakdown

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// block is how many messages in a row have all stamps, and then have none but those at the ends.
const block = 32

// Full tells whether message seq has all stamps. The others have Send.Start, Receive.Called and
// Receive.Released only, none of them on the way: by them it is seen what the stamps cost.
func Full(seq uint64) bool { return seq/block%2 == 0 }

// Send is what the producer notes of one message, in ticks; 0 where there was nothing.
type Send struct {
	Start     int64 // before Reserve
	Claimed   int64 // after it
	Copied    int64 // the payload is in the ring
	Committed int64 // after Commit
	WakeBegin int64 // in Commit: around the system call that wakes the consumer
	WakeEnd   int64
}

// Receive is what the consumer notes of one message.
type Receive struct {
	Called   int64 // before Peek
	Woke     int64 // in Peek: the last sleep ended
	Peeked   int64 // after Peek
	Copied   int64 // the payload is out of the ring
	Released int64 // after Release
}

// most is of how many messages at most the times are kept.
const most = 1 << 18

// Rows are the messages from the first on, as many as are kept.
type Rows[T Send | Receive] struct {
	list  []T
	total uint64
	spare T
}

// Next returns the row of the next message, to be filled.
func (r *Rows[T]) Next() *T {
	r.total++
	if len(r.list) == most {
		return &r.spare
	}
	var row T
	r.list = append(r.list, row)
	return &r.list[len(r.list)-1]
}

// Grow makes room, so that nothing is allocated while messages pass.
func (r *Rows[T]) Grow() { r.list = make([]T, 0, most) }

// Encode writes the rows for Decode.
func (r *Rows[T]) Encode() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64(nil, r.total)
	return binary.Append(b, binary.LittleEndian, r.list)
}

// Decode reads what Encode has written: the rows, and the number of all messages.
func Decode[T Send | Receive](b []byte) (list []T, total uint64, err error) {
	if len(b) < 8 {
		return nil, 0, errors.New("a worker has sent no times")
	}
	var row T
	size := binary.Size(row)
	total, b = binary.LittleEndian.Uint64(b), b[8:]
	if len(b)%size != 0 {
		return nil, 0, fmt.Errorf("a worker's times do not decode: %d bytes, rows have %d", len(b), size)
	}
	list = make([]T, len(b)/size)
	_, err = binary.Decode(b, binary.LittleEndian, list)
	return list, total, err
}

// Times are the messages that are looked at.
type Times struct {
	Sends    []Send
	Receives []Receive
	Full     []bool
}

// Add adds the messages of one run, without the first ones, of the warm-up.
func (t *Times) Add(send, receive []byte, measured uint64) error {
	sends, _, err := Decode[Send](send)
	if err != nil {
		return err
	}
	receives, total, err := Decode[Receive](receive)
	if err != nil {
		return err
	}
	for seq := total - min(measured, total); seq < uint64(min(len(sends), len(receives))); seq++ {
		t.Sends, t.Receives, t.Full = append(t.Sends, sends[seq]), append(t.Receives, receives[seq]), append(t.Full, Full(seq))
	}
	return nil
}
