package ring

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
)

// Stats of a ring in use may miss what happens meanwhile, but tell of no message that was never sent: a
// counter that is made of them would stay ahead of the truth.
func TestStatsAreNeverAhead(t *testing.T) {
	for _, topology := range []Topology{SPSC, MPSC} {
		for _, kind := range []Kind{Bytes, Slots} {
			c := Config{Topology: topology, Kind: kind}
			if kind == Slots {
				c.SlotSize, c.Capacity = 16, 1024
			}
			r, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.Producer()
			if err != nil {
				t.Fatal(err)
			}
			q, err := r.Consumer()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var begun atomic.Uint64
			done := make(chan struct{}, 2)
			go func() {
				msg := make([]byte, 16)
				for n := begun.Add(1); ; n = begun.Add(1) {
					binary.LittleEndian.PutUint32(msg, uint32(n)) // nothing that looks like a header
					if p.Send(ctx, msg) != nil {
						break
					}
				}
				done <- struct{}{}
			}()
			go func() {
				buf := make([]byte, 16)
				for {
					if _, err := q.Recv(ctx, buf); err != nil {
						break
					}
				}
				done <- struct{}{}
			}()
			for range 500 {
				s, err := r.Stats()
				if err != nil {
					t.Fatal(err)
				}
				if sent := begun.Load(); s.Producer.Messages > sent || s.Consumer.Messages > sent || s.Consumer.Messages > s.Producer.Messages {
					t.Errorf("%v of %v: %d sent at the most, Stats tell of %d sent, %d received", topology, kind, sent, s.Producer.Messages, s.Consumer.Messages)
					break
				}
			}
			cancel()
			<-done
			<-done
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
