package peers_test

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// stream is a sequence of messages that a receiver can check; c/peer_payload.h
// says how they are made.
type stream struct {
	seed     uint64
	min, max int
}

const payloadRest = 12 // sequence and checksum

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s stream) length(seq uint64) int {
	return s.min + int(mix(s.seed+seq)%uint64(s.max-s.min+1))
}

func checksum(rest []byte) uint32 {
	h := uint64(0xcbf29ce484222325)
	for ; len(rest) >= 8; rest = rest[8:] {
		h = (h ^ binary.LittleEndian.Uint64(rest)) * 0x100000001b3
	}
	if len(rest) > 0 {
		var w [8]byte
		copy(w[:], rest)
		h = (h ^ binary.LittleEndian.Uint64(w[:])) * 0x100000001b3
	}
	return uint32(h ^ h>>32)
}

func head(seq uint64, rest []byte) (b [payloadRest]byte) {
	binary.LittleEndian.PutUint64(b[:], seq)
	binary.LittleEndian.PutUint32(b[8:], checksum(rest))
	return b
}

// fill writes message seq to b, which has its length.
func (s stream) fill(seq uint64, b []byte) {
	var rest []byte
	if len(b) > payloadRest {
		rest = b[payloadRest:]
	}
	x := mix(s.seed+seq) | 1
	next := func() uint64 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return x
	}
	tail := rest
	for ; len(tail) >= 8; tail = tail[8:] {
		binary.LittleEndian.PutUint64(tail, next())
	}
	if len(tail) > 0 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], next())
		copy(tail, w[:])
	}
	h := head(seq, rest)
	copy(b, h[:])
}

// message returns message seq in buf, which must have room for max.
func (s stream) message(seq uint64, buf []byte) []byte {
	b := buf[:s.length(seq)]
	s.fill(seq, b)
	return b
}

// check says what is wrong with b as message seq.
func (s stream) check(seq uint64, b []byte) error {
	if len(b) != s.length(seq) {
		return fmt.Errorf("message %d has %d bytes, want %d", seq, len(b), s.length(seq))
	}
	var rest []byte
	if len(b) > payloadRest {
		rest = b[payloadRest:]
	}
	h := head(seq, rest)
	if n := min(len(b), payloadRest); string(b[:n]) != string(h[:n]) {
		return fmt.Errorf("message %d of %d bytes begins with % x, want % x", seq, len(b), b[:n], h[:n])
	}
	return nil
}

// args are the options of the C program for this stream.
func (s stream) args(more ...string) []string {
	return append([]string{"--seed", strconv.FormatUint(s.seed, 10), "--size", fmt.Sprintf("%d:%d", s.min, s.max)}, more...)
}
