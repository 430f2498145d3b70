package feed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"annulus/ring"
)

// ErrFrame, of sources: the stream holds what the framing does not allow, or ends within
// a message.
var ErrFrame = errors.New("bad frame")

// A Framing says where messages end in a stream of bytes. One value serves any number
// of streams at once.
type Framing interface {
	// Cut finds the first message in b, where the stream goes on after b unless end
	// is set. The first seen bytes of b are known from an earlier call that found
	// too few. An error wraps ErrFrame.
	Cut(b []byte, seen int, end bool) (Cut, error)
	// AppendHead appends to dst what stands before a message of n bytes; ring.ErrSize or
	// ring.ErrTooLarge, wrapped, if the framing cannot carry it.
	AppendHead(dst []byte, n int) ([]byte, error)
	// AppendTail appends to dst what stands behind a message.
	AppendTail(dst []byte) []byte
	// String is what ParseFraming takes.
	String() string
}

// A Cut is one message in a stream: the bytes from Start to End of those that were looked
// at; the next begins at Size. Size 0: more bytes are needed to tell. Size beyond the
// bytes looked at: so many are needed, and Start and End hold already.
type Cut struct{ Start, End, Size int }

// Lines returns the framing of text: messages end with a newline, which is not part of
// them. A last line does not need one. A message that holds a newline is written as it is, and is
// two to who reads it: for such, use Length.
func Lines() Framing { return lines{} }

type lines struct{}

func (lines) String() string                               { return "lines" }
func (lines) AppendHead(dst []byte, n int) ([]byte, error) { return dst, nil }
func (lines) AppendTail(dst []byte) []byte                 { return append(dst, '\n') }

func (lines) Cut(b []byte, seen int, end bool) (Cut, error) {
	if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
		return Cut{0, seen + i, seen + i + 1}, nil
	}
	if end {
		return Cut{0, len(b), len(b)}, nil
	}
	return Cut{}, nil
}

// Length returns the framing in which each message follows its length in bytes, a
// number of 4 bytes, little-endian.
func Length() Framing { return length{} }

type length struct{}

const lengthBytes = 4

func (length) String() string               { return "length" }
func (length) AppendTail(dst []byte) []byte { return dst }

func (length) AppendHead(dst []byte, n int) ([]byte, error) {
	if uint64(n) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: %d bytes, a length of 4 bytes says at most %d", ring.ErrTooLarge, n, uint32(math.MaxUint32))
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(n)), nil
}

func (length) Cut(b []byte, _ int, end bool) (Cut, error) {
	if len(b) < lengthBytes {
		return Cut{}, cutOff(b, end, "in the length of a message: expected 4 bytes, found %d", len(b))
	}
	u := binary.LittleEndian.Uint32(b)
	if uint64(u) > math.MaxInt-lengthBytes {
		return Cut{}, fmt.Errorf("%w: a message of %d bytes, more than this machine addresses", ErrFrame, u)
	}
	n := int(u)
	c := Cut{lengthBytes, lengthBytes + n, lengthBytes + n}
	return c, cutOff(b, end && c.Size > len(b), "in a message: expected %d bytes, found %d", n, len(b)-lengthBytes)
}

// Varint returns the framing in which each message follows its length in bytes as an
// unsigned LEB128 number: that of encoding/binary and of Protocol Buffers' delimited streams.
func Varint() Framing { return varint{} }

type varint struct{}

// maxVarint is the greatest length that Varint believes: with itself before it, it is an int everywhere.
const maxVarint = math.MaxInt32 - binary.MaxVarintLen32

func (varint) String() string               { return "varint" }
func (varint) AppendTail(dst []byte) []byte { return dst }
func (varint) AppendHead(dst []byte, n int) ([]byte, error) {
	if n > maxVarint {
		return dst, fmt.Errorf("%w: %d bytes, a varint says at most %d", ring.ErrTooLarge, n, maxVarint)
	}
	return binary.AppendUvarint(dst, uint64(n)), nil
}

func (varint) Cut(b []byte, _ int, end bool) (Cut, error) {
	n, k := binary.Uvarint(b)
	switch {
	case k == 0 && len(b) < binary.MaxVarintLen32:
		return Cut{}, cutOff(b, end, "in the length of a message: expected more behind %d bytes", len(b))
	case k <= 0 || n > maxVarint:
		return Cut{}, fmt.Errorf("%w: expected the length of a message as a varint up to %d, found % x", ErrFrame, maxVarint, b[:min(len(b), binary.MaxVarintLen32)])
	}
	c := Cut{k, k + int(n), k + int(n)}
	return c, cutOff(b, end && c.Size > len(b), "in a message: expected %d bytes, found %d", n, len(b)-k)
}

// Fixed returns the framing of messages of n bytes each, nothing between them. n is at
// least 1.
func Fixed(n int) Framing { return fixed(n) }

type fixed int

func (f fixed) String() string             { return fmt.Sprintf("fixed:%d", int(f)) }
func (fixed) AppendTail(dst []byte) []byte { return dst }

func (f fixed) AppendHead(dst []byte, n int) ([]byte, error) {
	if n != int(f) {
		return dst, fmt.Errorf("%w: %d bytes, the framing %v carries only messages of %d", ring.ErrSize, n, f, int(f))
	}
	return dst, nil
}

func (f fixed) Cut(b []byte, _ int, end bool) (Cut, error) {
	return Cut{0, int(f), int(f)}, cutOff(b, end && len(b) < int(f), "in a message: expected %d bytes, found %d", int(f), len(b))
}

// Raw returns the framing without any: a message is what one read returns, at most max
// bytes of it and as many as the ring takes, cut anywhere; max 0: 64 KiB. Written out,
// messages stand one behind the other. It is for copies of streams.
func Raw(max int) Framing {
	if max <= 0 {
		max = 64 << 10
	}
	return raw(max)
}

type raw int

func (r raw) String() string                             { return "raw" }
func (raw) AppendHead(dst []byte, _ int) ([]byte, error) { return dst, nil }
func (raw) AppendTail(dst []byte) []byte                 { return dst }

func (r raw) Cut(b []byte, _ int, _ bool) (Cut, error) {
	n := min(len(b), int(r))
	return Cut{0, n, n}, nil
}

// cutOff is the error for a stream that ends within b; nil if it does not.
func cutOff(b []byte, end bool, format string, args ...any) error {
	if !end || len(b) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the stream ends %s: %w", ErrFrame, fmt.Sprintf(format, args...), io.ErrUnexpectedEOF)
}
