package feed

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Framings are the names that ParseFraming takes.
const Framings = "lines, length, varint, fixed:N or raw"

// ParseFraming returns the framing of a name: lines, length, varint, fixed:N or raw.
func ParseFraming(name string) (Framing, error) {
	switch name {
	case "lines":
		return Lines(), nil
	case "length":
		return Length(), nil
	case "varint":
		return Varint(), nil
	case "raw":
		return Raw(0), nil
	}
	if digits, ok := strings.CutPrefix(name, "fixed:"); ok {
		if n, err := strconv.ParseUint(digits, 10, 31); err == nil && n > 0 {
			return Fixed(int(n)), nil
		}
		return nil, fmt.Errorf("expected fixed:N with N from 1 to %d bytes, found %q", math.MaxInt32, name)
	}
	return nil, fmt.Errorf("expected %s, found %q", Framings, name)
}

// Split returns a framing of your own: split finds messages as for a bufio.Scanner, head
// and tail append what stands before a message of n bytes and behind one; nil: nothing.
// A token must be a part of the data that split was given, as a plain slice of it; bufio.ErrFinalToken
// is taken for an error.
func Split(name string, split bufio.SplitFunc, head func(dst []byte, n int) []byte, tail func(dst []byte) []byte) Framing {
	return &custom{name, split, head, tail}
}

type custom struct {
	name  string
	split bufio.SplitFunc
	head  func([]byte, int) []byte
	tail  func([]byte) []byte
}

func (c *custom) String() string { return c.name }

func (c *custom) AppendHead(dst []byte, n int) ([]byte, error) {
	if c.head != nil {
		dst = c.head(dst, n)
	}
	return dst, nil
}

func (c *custom) AppendTail(dst []byte) []byte {
	if c.tail != nil {
		dst = c.tail(dst)
	}
	return dst
}

func (c *custom) Cut(b []byte, _ int, end bool) (Cut, error) {
	for skipped := 0; ; {
		n, token, err := c.split(b[skipped:], end)
		switch {
		case err != nil:
			return Cut{}, fmt.Errorf("%w: %w", ErrFrame, err)
		case n < 0 || n > len(b)-skipped:
			return Cut{}, fmt.Errorf("%w: split advances by %d in %d bytes", ErrFrame, n, len(b)-skipped)
		case token != nil:
			// What is left behind a token tells where it lies.
			start := cap(b) - cap(token)
			if len(token) > 0 && (start < skipped || start+len(token) > len(b) || &b[start] != &token[0]) {
				return Cut{}, fmt.Errorf("%w: split returned a token that is not a part of its data", ErrFrame)
			}
			return Cut{start, start + len(token), skipped + n}, nil
		case n == 0:
			return Cut{}, cutOff(b[skipped:], end, "in a message: found %d bytes of it", len(b)-skipped)
		}
		skipped += n
	}
}
