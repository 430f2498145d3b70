package aead_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
	"time"

	"annulus/ring"
)

// BenchmarkSealed seals, sends, receives and opens messages in one goroutine, and in turn with that
// seals and opens as many by crypto/cipher alone: what is left of its speed.
//
//	go test -run '^$' -bench BenchmarkSealed -count 7 ./ring/aead
func BenchmarkSealed(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			_, s, r := pair(b, ring.Config{})
			block, err := aes.NewCipher(newKey())
			must(b, err)
			gcm, err := cipher.NewGCM(block)
			must(b, err)
			const turn = 32
			var nonce [12]byte
			var sealed []byte
			msg, out := make([]byte, size), make([]byte, 0, size)
			var through, alone time.Duration
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				for range turn {
					if err := s.TrySend(msg); err != nil {
						b.Fatal(err)
					}
					if out, err = r.TryRecv(out[:0]); err != nil {
						b.Fatal(err)
					}
				}
				half := time.Now()
				for range turn {
					nonce[0]++
					sealed = gcm.Seal(sealed[:0], nonce[:], msg, nil)
					if out, err = gcm.Open(out[:0], nonce[:], sealed, nil); err != nil {
						b.Fatal(err)
					}
				}
				through += half.Sub(began)
				alone += time.Since(half)
				n += turn * size
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(n)/through.Seconds()/1e6, "ring-MB/s")
			b.ReportMetric(float64(n)/alone.Seconds()/1e6, "cipher-MB/s")
			b.ReportMetric(alone.Seconds()/through.Seconds(), "ratio")
		})
	}
}
