package rig

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

func sealed(size int) Payload {
	return NewPayload(&Params{Kind: Throughput, Size: size, Sealed: true})
}

// spelled is a sealed message word by word, without the arithmetic.
func spelled(size int, number uint64) []byte {
	b := make([]byte, (size+7)&^7)
	if size < 16 {
		low := number & 0xffffffff
		high := (low + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 >> 32
		binary.LittleEndian.PutUint64(b, high<<32|low)
		return b[:size]
	}
	for i := 2; i*8 < size; i++ {
		word := uint64(i)*0x9e3779b97f4a7c15 ^ 0x5851f42d4c957f2d
		if i%8 == 0 {
			word = number + uint64(i)
		}
		binary.LittleEndian.PutUint64(b[i*8:], word)
	}
	clear(b[size:])
	total := uint64(0)
	for i := 16; i < size; i += 8 {
		total += binary.LittleEndian.Uint64(b[i:])
	}
	binary.LittleEndian.PutUint64(b, number)
	binary.LittleEndian.PutUint64(b[8:], total^number*0x9e3779b97f4a7c15)
	return b[:size]
}

// Every size, with and without cut words, and numbers that carry.
func TestSealedIsWhatTheFormatSays(t *testing.T) {
	for _, size := range []int{8, 9, 15, 16, 17, 24, 63, 64, 65, 71, 72, 100, 128, 129, 135, 136, 1000, 1024, 64 << 10} {
		y := sealed(size)
		msgs := y.Messages(2)
		for _, number := range []uint64{0, 1, 255, 256, 0xfffffff8, 1<<32 - 1, 1 << 32, 1<<63 + 5, 1<<64 - 1} {
			for _, msg := range [][]byte{msgs[:size], msgs[size:]} {
				y.Stamp(msg, number)
				if want := spelled(size, number); !bytes.Equal(msg, want) {
					t.Fatalf("%d bytes, message %d:\n%x, want\n%x", size, number, msg, want)
				}
				if err := y.Holds(msg, number); err != nil {
					t.Fatalf("%d bytes: %v", size, err)
				}
			}
		}
	}
}

// The bytes as programs in other languages make them.
func TestSealedVectors(t *testing.T) {
	for _, c := range []struct {
		size   int
		number uint64
		want   string
	}{
		{8, 7, "07000000c005de11"},
		{24, 3, "030000000000000038f3decf736a99be078701b25f073f64"},
	} {
		y := sealed(c.size)
		msg := y.Messages(1)
		y.Stamp(msg, c.number)
		if got := hex.EncodeToString(msg); got != c.want {
			t.Errorf("%d bytes, message %d: %s, want %s", c.size, c.number, got, c.want)
		}
	}
}

// Any byte that is changed is found, and messages that are not the next one.
func TestSealedFindsWhatIsWrong(t *testing.T) {
	for _, size := range []int{8, 12, 16, 40, 64, 65, 70, 200, 1024} {
		y := sealed(size)
		msg, other := y.Messages(1), y.Messages(1)
		y.Stamp(msg, 1000)
		for at := range msg {
			for _, flip := range []byte{1, 0x80, byte(1 + rand.IntN(255))} {
				msg[at] ^= flip
				if y.Holds(msg, 1000) == nil {
					t.Fatalf("%d bytes: byte %d changed by %#x is not found", size, at, flip)
				}
				msg[at] ^= flip
			}
		}
		for what, number := range map[string]uint64{"dropped": 999, "doubled": 1001} {
			if err := y.Holds(msg, number); err == nil || !strings.Contains(err.Error(), "lost, doubled or out of order") {
				t.Errorf("%d bytes, %s: %v", size, what, err)
			}
		}
		for line := 64; line < size; line += 64 {
			y.Stamp(other, 936) // what lay there a lap before
			end := min(line+64, size)
			stale := append([]byte(nil), msg...)
			copy(stale[line:end], other[line:end])
			if err := y.Holds(stale, 1000); err == nil || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%d bytes: the stale line at %d: %v", size, line, err)
			}
		}
		if size > 8 && y.Holds(msg[:size-1], 1000) == nil {
			t.Errorf("%d bytes: a cut message is not found", size)
		}
	}
}

// What is not sealed carries its number and nothing else.
func TestPlainPayload(t *testing.T) {
	y := NewPayload(&Params{Kind: OneWay, Size: 64, Sealed: true}) // paced messages are never sealed
	msg := y.Messages(1)
	y.Stamp(msg, 77)
	if want := append([]byte{77}, make([]byte, 63)...); !bytes.Equal(msg, want) {
		t.Errorf("%x", msg)
	}
	if y.Holds(msg, 77) != nil || y.Holds(msg, 78) == nil {
		t.Error("the number is not checked")
	}
}

func BenchmarkSealed(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
	}{{"8", 8}, {"64", 64}, {"1024", 1024}, {"65536", 65536}} {
		y := sealed(c.size)
		msg := y.Messages(1)
		b.Run("stamp/"+c.name, func(b *testing.B) {
			for i := range b.N {
				y.Stamp(msg, uint64(i))
			}
		})
		b.Run("check/"+c.name, func(b *testing.B) {
			y.Stamp(msg, 1)
			for range b.N {
				if err := y.Holds(msg, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
