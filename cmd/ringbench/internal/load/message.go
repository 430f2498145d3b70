package load

import (
	"encoding/binary"
	"hash/crc32"
)

// A message is a head of two words, little-endian, and a body.
//
//	word 0   16 bits: the place of its producer; 48 bits: its number there
//	word 1   24 bits of a checksum of all the rest; 40 bits: when it was due, in ns
//
// The first word of each 64 bytes of the body is the number again, so that a line that is
// stale shows.
const (
	headBytes = 16
	seqBits   = 48
	dueBits   = 40
	lineBytes = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head says which message it is.
type head struct {
	place int
	seq   uint64
	due   int64 // its low dueBits
}

// delay is the time from when the message was due to now, less than 18 minutes.
func (h head) delay(now int64) int64 {
	d := (now - h.due) & (1<<dueBits - 1)
	if d >= 1<<(dueBits-1) {
		return 0 // it was early by a clock's step
	}
	return d
}

// seal makes b the message h.
func seal(b []byte, h head) {
	binary.LittleEndian.PutUint64(b, uint64(h.place)<<seqBits|h.seq)
	binary.LittleEndian.PutUint64(b[8:], uint64(h.due)&(1<<dueBits-1))
	for at := headBytes; at+8 <= len(b); at += lineBytes {
		binary.LittleEndian.PutUint64(b[at:], h.seq)
	}
	binary.LittleEndian.PutUint64(b[8:], uint64(h.due)&(1<<dueBits-1)|checksum(b)<<dueBits)
}

// unseal returns which message b is, and whether it is whole.
func unseal(b []byte) (h head, whole bool) {
	if len(b) < headBytes {
		return h, false
	}
	first, second := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	h = head{int(first >> seqBits), first & (1<<seqBits - 1), int64(second & (1<<dueBits - 1))}
	return h, checksum(b) == second>>dueBits
}

// checksum is that of b, its length too, without the bits that hold it.
func checksum(b []byte) uint64 {
	sum := crc32.Update(uint32(len(b)), castagnoli, b[:8+dueBits/8])
	return uint64(crc32.Update(sum, castagnoli, b[headBytes:]) >> 8)
}
