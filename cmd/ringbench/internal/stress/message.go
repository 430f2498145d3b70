package stress

import "encoding/binary"

// A message is its number, a checksum of the rest, and bytes that follow from the
// number, as many as it says.
const (
	messageHead = 16
	messageMax  = 64
)

// An id numbers a message: the producer's place, the incarnation there, and how
// many it has sent before.
type id uint64

func makeID(place, incarnation int, seq uint64) id {
	return id(uint64(place)<<56 | uint64(incarnation)<<32 | seq)
}

func (i id) source() uint64 { return uint64(i) >> 32 }
func (i id) seq() uint64    { return uint64(i) & (1<<32 - 1) }

// maxSeq is where a producer stops by itself.
const maxSeq = 1<<32 - 1024

func (i id) size(most int) int {
	return messageHead + int(uint64(i)*0x9E3779B97F4A7C15>>40)%(most-messageHead+1)
}

// encode writes message i to b, which has i.size bytes.
func (i id) encode(b []byte) {
	binary.LittleEndian.PutUint64(b, uint64(i))
	sum, x := uint64(i), uint64(i)|1
	for n := messageHead; n < len(b); n++ {
		x = x*6364136223846793005 + 1442695040888963407
		b[n] = byte(x >> 56)
		sum = (sum ^ uint64(b[n])) * 0x100000001b3
	}
	binary.LittleEndian.PutUint64(b[8:], sum^uint64(len(b)))
}

// decode returns whose message b is, and whether it is whole.
func decode(b []byte) (id, bool) {
	if len(b) < messageHead {
		return 0, false
	}
	i := id(binary.LittleEndian.Uint64(b))
	sum := uint64(i)
	for _, c := range b[messageHead:] {
		sum = (sum ^ uint64(c)) * 0x100000001b3
	}
	return i, sum^uint64(len(b)) == binary.LittleEndian.Uint64(b[8:])
}
