package rig

import (
	"encoding/binary"
	"fmt"
)

// Payload is what messages of one run carry. Plain ones begin with their stamp, eight
// bytes, little-endian. Sealed ones have a checksum over all their bytes, and each further
// 64 bytes have the number in them, so that a message that was lost, doubled, reordered, torn or that
// holds a stale line is found:
//
//   - Of 8 to 15 bytes: one word, its low half the number's, its high half a hash of that; the
//     rest is zero.
//   - Of 16 and more: the number, the checksum, and a body of words that are the same in each
//     message, but for every eighth word of the message, which is the number and its index. The
//     checksum is the sum of the body's words, mixed with the number. A last word that is cut counts
//     as if zeros followed.
//
// It is safe for concurrent use.
type Payload struct {
	size   int
	sealed bool

	// Of the body's sum: of the words that stay, and what comes to the number once for each that is
	// stamped; a last one that is cut counts by itself.
	same  uint64
	lines uint64
	cut   int // where it begins, 0 for none
}

// Constants of the format, which the rivals have too.
const (
	sealGolden   = 0x9e3779b97f4a7c15
	sealMix      = 0xbf58476d1ce4e5b9
	sealTemplate = 0x5851f42d4c957f2d

	sealHead = 16 // bytes before the body
	sealLine = 64 // bytes from one stamped word to the next
)

// NewPayload is what messages of p carry.
func NewPayload(p *Params) Payload {
	y := Payload{size: p.Size, sealed: p.Sealed && p.Kind != OneWay}
	if !y.sealed || y.size < sealHead {
		return y
	}
	y.same = sum(y.Messages(1)[sealHead:]) // the stamped words hold their indexes as yet
	whole := y.size &^ 7
	for at := sealLine; at < whole; at += sealLine {
		y.lines++
	}
	if whole < y.size && whole%sealLine == 0 && whole > 0 {
		y.cut = whole
		y.same -= y.cutWord(0)
	}
	return y
}

// Messages returns room for n messages, one behind the other, which wait to be stamped.
func (y *Payload) Messages(n int) []byte {
	b := make([]byte, n*y.size)
	if !y.sealed || y.size < sealHead {
		return b
	}
	for m := b; len(m) > 0; m = m[y.size:] {
		for i := sealHead / 8; i*8 < y.size; i++ {
			word := uint64(i)*sealGolden ^ sealTemplate
			if i%8 == 0 {
				word = uint64(i)
			}
			var bytes [8]byte
			binary.LittleEndian.PutUint64(bytes[:], word)
			copy(m[i*8:y.size], bytes[:])
		}
	}
	return b
}

// Stamp makes msg, out of Messages, the message with that number. Where messages are paced
// (see Sender.Paced) it is a time.
func (y *Payload) Stamp(msg []byte, number uint64) {
	if !y.sealed {
		binary.LittleEndian.PutUint64(msg, number)
		return
	}
	y.seal(msg, number)
}

func (y *Payload) seal(msg []byte, number uint64) {
	if y.size < sealHead {
		binary.LittleEndian.PutUint64(msg, shortSeal(number))
		return
	}
	msg = msg[:y.size]
	for at := sealLine; at+8 <= len(msg); at += sealLine {
		binary.LittleEndian.PutUint64(msg[at:], number+uint64(at/8))
	}
	body := y.same + y.lines*number
	if y.cut > 0 {
		word := y.cutWord(number)
		body += word
		for i := range msg[y.cut:] {
			msg[y.cut+i] = byte(word >> (8 * i))
		}
	}
	binary.LittleEndian.PutUint64(msg, number)
	binary.LittleEndian.PutUint64(msg[8:], body^number*sealGolden)
}

// cutWord is the stamped word that is cut by the end.
func (y *Payload) cutWord(number uint64) uint64 {
	return (number + uint64(y.cut/8)) & (1<<(8*(y.size-y.cut)) - 1)
}

// Holds tells whether msg is the message with that number, of the right size and whole. The error says what is wrong.
func (y *Payload) Holds(msg []byte, number uint64) error {
	if len(msg) != y.size {
		return fmt.Errorf("expected message %d of %d bytes, found %d bytes", number, y.size, len(msg))
	}
	found := binary.LittleEndian.Uint64(msg)
	switch {
	case !y.sealed && found == number:
		return nil
	case !y.sealed:
		return outOfSequence(number, found)
	case y.size < sealHead:
		return holdsShort(msg, number, found)
	case found != number:
		return outOfSequence(number, found)
	case binary.LittleEndian.Uint64(msg[8:]) != sum(msg[sealHead:])^number*sealGolden:
		return damaged(number)
	}
	return nil
}

func holdsShort(msg []byte, number, found uint64) error {
	switch {
	case found == shortSeal(number):
	case found == shortSeal(found):
		return outOfSequence(number&(1<<32-1), found&(1<<32-1))
	default:
		return damaged(number)
	}
	for _, b := range msg[8:] {
		if b != 0 {
			return damaged(number)
		}
	}
	return nil
}

// shortSeal is the one word of a short message.
func shortSeal(number uint64) uint64 {
	low := number & (1<<32 - 1)
	return low | (low+sealGolden)*sealMix&^uint64(1<<32-1)
}

// sum adds the words of b, the last one with zeros behind it.
func sum(b []byte) uint64 {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= sealLine; b = b[sealLine:] {
		p := (*[sealLine]byte)(b) // one check of bounds
		s0 += binary.LittleEndian.Uint64(p[:8])
		s1 += binary.LittleEndian.Uint64(p[8:16])
		s2 += binary.LittleEndian.Uint64(p[16:24])
		s3 += binary.LittleEndian.Uint64(p[24:32])
		s0 += binary.LittleEndian.Uint64(p[32:40])
		s1 += binary.LittleEndian.Uint64(p[40:48])
		s2 += binary.LittleEndian.Uint64(p[48:56])
		s3 += binary.LittleEndian.Uint64(p[56:])
	}
	for ; len(b) >= 8; b = b[8:] {
		s0 += binary.LittleEndian.Uint64(b)
	}
	for i, c := range b {
		s1 += uint64(c) << (8 * i)
	}
	return s0 + s1 + s2 + s3
}

// outOfSequence is the error for a message that carries another number than
// the receiver counted.
func outOfSequence(want, found uint64) error {
	return fmt.Errorf("expected message %d, found %d: lost, doubled or out of order", want, found)
}

// damaged is the error for a message whose checksum is wrong.
func damaged(number uint64) error {
	return fmt.Errorf("message %d: the checksum does not fit: torn, stale in parts or changed", number)
}
