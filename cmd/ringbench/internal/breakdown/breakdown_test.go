package breakdown

import (
	"math"
	"testing"

	"annulus/ring"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// The stages follow each other: they sum up to the whole way less the stamps within one process.
func TestSplit(t *testing.T) {
	const cost, tick = 2, 0.5
	for _, c := range []struct {
		name string
		s    Send
		r    Receive
		want stages
	}{
		{
			"seen while spinning", Send{Start: 100, Claimed: 120, Copied: 160, Committed: 200},
			Receive{Called: 50, Peeked: 300, Copied: 340, Released: 360},
			stages{8, 18, 18, 0, 50, 18, 8},
		},
		{
			"woken", Send{Start: 100, Claimed: 120, Copied: 160, Committed: 900, WakeBegin: 200, WakeEnd: 800},
			Receive{Called: 50, Woke: 600, Peeked: 700, Copied: 740, Released: 760},
			stages{8, 18, 18, 200, 48, 18, 8},
		},
		{
			"a sleep that had ended before", Send{Start: 100, Claimed: 120, Copied: 160, Committed: 200},
			Receive{Called: 50, Woke: 150, Peeked: 300, Copied: 340, Released: 360},
			stages{8, 18, 18, 0, 50, 18, 8},
		},
	} {
		got, _ := split(&c.s, &c.r, tick, cost)
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		sum, stamps := 0.0, 5.0
		for _, v := range got {
			sum += v
		}
		if got[3] > 0 {
			stamps++ // read lies within the consumer
		}
		if whole := float64(c.r.Released-c.s.Start) * tick; !near(sum+stamps*cost, whole) {
			t.Errorf("%s: %v and %v stamps, of %v", c.name, sum, stamps, whole)
		}
	}
}

func TestFold(t *testing.T) {
	var sends Rows[Send]
	var receives Rows[Receive]
	const n, warm = 500, 100
	for seq := range uint64(n) {
		at := int64(1000 * seq)
		*sends.Next() = Send{Start: at, Claimed: at + 10, Copied: at + 30, Committed: at + 60}
		*receives.Next() = Receive{Called: at - 100, Peeked: at + 100, Copied: at + 150, Released: at + 210}
		switch seq {
		case n - 20: // the slowest is of no weight
			receives.list[seq].Released += 1e6
		case n - 21: // nor is one that had to queue
			receives.list[seq].Called = at + 1
		}
	}
	a, errA := sends.Encode()
	b, errB := receives.Encode()
	var times Times
	if err := times.Add(a, b, n-warm); err != nil || errA != nil || errB != nil {
		t.Fatal(err, errA, errB)
	}
	r := Fold(&times, 1, 0)
	if r.Messages+r.Plain != n-warm-1 || r.Busy != 1 || r.Messages == 0 || r.Plain == 0 || r.Woken != 0 || r.WakeCall != nil {
		t.Errorf("%+v", r)
	}
	shares := 0.0
	for i, want := range []float64{10, 20, 30, 0, 40, 50, 60} {
		s := r.Stages[i]
		if s.P50 != want || s.P99 != want || !near(s.Mean, want) || !near(s.Share, want/210) {
			t.Errorf("%+v, want %v", s, want)
		}
		shares += s.Share
	}
	if !near(shares, 1) || r.SumP50 != 210 || !near(r.SumMean, 210) || r.Measured.P50 != 210 || r.UnexplainedP50 != 0 {
		t.Errorf("shares %v, %+v", shares, r)
	}
	if err := times.Add(a[:7], b, 1); err == nil {
		t.Error("half a row was decoded")
	}
	if err := times.Add(a, b[:len(b)-1], 1); err == nil {
		t.Error("half a row was decoded")
	}
	if empty := Fold(new(Times), 1, 0); empty.Messages != 0 || empty.SumMean != 0 {
		t.Errorf("of nothing: %+v", empty)
	}
}

func TestTransfers(t *testing.T) {
	for _, c := range []struct {
		kind    ring.Kind
		size    int
		woken   float64
		further float64
		gate    float64
	}{
		{ring.Bytes, 8, 0, 0, 0}, // 16 bytes, always in one line
		{ring.Bytes, 16, 0, 0.25, 0},
		{ring.Bytes, 64, 1, 1, 2},
		{ring.Bytes, 1024, 0.5, 16, 1},
		{ring.Slots, 64, 0, 1, 0},
	} {
		capacity := 1 << 20
		if c.kind == ring.Slots {
			capacity = 1 << 12
		}
		got := CountTransfers(ring.Config{Kind: c.kind, Capacity: capacity}, c.size, 64, c.woken)
		if got.Header != 1 || !near(got.Payload, c.further) || got.Gate != c.gate || got.Positions <= 0 || got.Positions > 1.1 {
			t.Errorf("%v of %d B: %+v", c.kind, c.size, got)
		}
	}
}

// What is beyond the rows that are kept is counted, and changes none of them.
func TestRowsAreBounded(t *testing.T) {
	var r Rows[Receive]
	r.Grow()
	for range most + 5 {
		r.Next().Released = 1
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if list, total, err := Decode[Receive](b); err != nil || len(list) != most || total != most+5 {
		t.Errorf("%d rows of %d: %v", len(list), total, err)
	}
}
