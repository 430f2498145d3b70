package ring_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

var laneConfigs = map[string]ring.Config{
	"bytes":       {Topology: ring.MPSC, Capacity: 4096, Members: 8},
	"great bytes": {Topology: ring.MPSC, Members: 8},
	"slots":       {Topology: ring.MPSC, Kind: ring.Slots, Capacity: 4, SlotSize: 40, Members: 8},
	"many slots":  {Topology: ring.MPSC, Kind: ring.Slots, Capacity: 1024, SlotSize: 40, Members: 8},
}

// TestLanes passes messages of many producers to one consumer, in every way to send
// and to receive: each arrives once, those of one producer in their order.
func TestLanes(t *testing.T) {
	for name, s := range map[string]futex.Strategy{"adaptive": futex.Adaptive(), "futex": unbounded(futex.Futex()), "yield": futex.Yield()} {
		for kind, c := range laneConfigs {
			for way := range 3 {
				t.Run(fmt.Sprintf("%s/%s/%d", name, kind, way), func(t *testing.T) { testLanes(t, c, s, way) })
			}
		}
	}
}

func testLanes(t *testing.T, config ring.Config, s futex.Strategy, way int) {
	const producers, each = 5, 3000
	r, err := ring.New(config)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	c, err := r.Consumer(ring.WithStrategy(s))
	must(t, err)
	var ps [producers]*ring.Producer
	for i := range ps {
		ps[i], err = r.Producer(ring.WithStrategy(s))
		must(t, err)
	}
	var sending sync.WaitGroup
	for i, p := range ps {
		sending.Go(func() {
			if err := sendMany(t, p, uint64(i), each, i%mpmcWays, config.Kind == ring.Slots); err != nil {
				t.Errorf("producer %d: %v", i, err)
			}
		})
	}
	var next [producers]uint64
	if err := receiveMany(t, c, way, func(b []byte) {
		from, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if seq != next[from] {
			t.Errorf("message %d of producer %d, want %d", seq, from, next[from])
		}
		if config.Kind != ring.Slots && len(b) != 16+int(seq%25) {
			t.Errorf("message %d has %d bytes", seq, len(b))
		}
		next[from] = seq + 1
	}); err != nil {
		t.Error(err)
	}
	sending.Wait()
	for from, n := range next {
		if n != each {
			t.Errorf("%d messages of producer %d, want %d", n, from, each)
		}
	}
	st, err := r.Stats()
	must(t, err)
	if st.Producer.Messages != producers*each || st.Consumer.Messages != producers*each || st.Occupied != 0 {
		t.Errorf("%d sent, %d received, %d left, want %d, as many and 0", st.Producer.Messages, st.Consumer.Messages, st.Occupied, producers*each)
	}
}
