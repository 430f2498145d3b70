package load

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"annulus/ring"
)

// bench is a checker beside no ring, whose verdict is asked for.
func bench(t *testing.T, c ring.Config) (*live, *place, *checker) {
	t.Helper()
	r, err := ring.New(c)
	if err != nil {
		t.Fatal(err)
	}
	table, err := newArrivals(r.Config(), 2)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{Ring: Ring{Name: "r", Config: r.Config()}, ring: r, arrivals: table}
	for i, producer := range []bool{true, false} {
		page, err := newPage()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { page.Close() })
		l.places = append(l.places, &place{group: &Group{Producer: producer}, ring: l, number: i, page: page})
	}
	t.Cleanup(func() { r.Close(); table.Close() })
	from, to := l.places[0], l.places[1]
	to.page.AtEnd = 1
	return l, from, &checker{page: to.page.page, arrivals: table, cast: c.Topology == ring.Broadcast, last: map[int]uint64{}, fresh: map[int]bool{}}
}

var kindsOf = map[string]ring.Config{
	"spsc": {}, "broadcast": {Topology: ring.Broadcast}, "mpmc": {Topology: ring.MPMC, SlotSize: 64, Capacity: 4, Kind: ring.Slots},
}

// What goes wrong is found, in each way to check.
func TestWrong(t *testing.T) {
	for name, c := range kindsOf {
		for _, m := range []struct {
			what                      string
			come                      []uint64
			sent                      uint64
			lost, doubled, disordered uint64
		}{
			{"all", []uint64{0, 1, 2, 3}, 4, 0, 0, 0},
			{"a hole", []uint64{0, 1, 3}, 4, 1, 0, 0},
			{"many holes", []uint64{0, 9, 12, 30, 60}, 61, 56, 0, 0},
			{"the end", []uint64{0, 1}, 5, 3, 0, 0},
			{"twice", []uint64{0, 1, 1, 2}, 3, 0, 1, 0},
		} {
			l, from, k := bench(t, c)
			for _, seq := range m.come {
				k.message(head{0, seq, 0}, false)
			}
			from.page.Next, from.page.Intent = m.sent, m.sent
			v, err := l.verdict()
			if err != nil || v.Lost != m.lost || v.Doubled != m.doubled || v.Disordered != m.disordered || v.CutOff != 0 {
				t.Errorf("%s, %s: %v, %+v", name, m.what, err, v)
			}
		}
	}
	l, from, k := bench(t, kindsOf["mpmc"])
	for _, seq := range []uint64{1, 0, 2} {
		k.message(head{0, seq, 0}, false)
	}
	from.page.Next = 3
	if v, err := l.verdict(); err != nil || v.Disordered != 1 || v.Lost != 0 {
		t.Errorf("%v, %+v", err, v)
	}
}

// What a kill has cut off may be missing, and nothing else.
func TestCutOff(t *testing.T) {
	for name, c := range kindsOf {
		l, from, k := bench(t, c)
		l.uncertain = []gap{{Place: 0, From: 2, N: 3}}
		for _, seq := range []uint64{0, 1, 3, 7} { // of 2, 3, 4 one came; 5 and 6 are lost
			k.message(head{0, seq, 0}, false)
		}
		from.page.Next, from.page.Intent = 8, 8
		if v, err := l.verdict(); err != nil || v.Lost != 2 || v.CutOff != 2 || v.Wrong() != 2 {
			t.Errorf("%s: %v, %+v", name, err, v)
		}
	}
}

// A consumer that was killed leaves what comes again; one that left leaves nothing.
func TestAgain(t *testing.T) {
	l, from, k := bench(t, ring.Config{})
	for seq := range uint64(4) {
		k.message(head{0, seq, 0}, false)
	}
	k.again = true
	for _, seq := range []uint64{2, 3, 4, 3} {
		k.message(head{0, seq, 0}, false)
	}
	from.page.Next = 5
	if v, err := l.verdict(); err != nil || v.Lost != 0 || v.Doubled != 1 || k.Again != 2 {
		t.Errorf("%v, %+v, %d again", err, v, k.Again)
	}
}

// A broadcast consumer's losses are those that the ring has owned up to.
func TestCredit(t *testing.T) {
	l, from, k := bench(t, kindsOf["broadcast"])
	k.message(head{0, 10, 0}, false) // it starts in the middle
	k.credit = 5
	k.message(head{0, 17, 0}, false) // 6 are missing
	from.page.Next = 18
	if v, err := l.verdict(); err != nil || v.Lost != 1 {
		t.Errorf("%v, %+v", err, v)
	}
}

// More gaps than the log has room for are still counted.
func TestManyGaps(t *testing.T) {
	l, from, k := bench(t, ring.Config{})
	for seq := uint64(1); seq < 2000; seq += 2 {
		k.message(head{0, seq, 0}, false)
	}
	from.page.Next = 2000
	if v, err := l.verdict(); err != nil || v.Lost != 1000 {
		t.Errorf("%v, %+v", err, v)
	}
}

func TestSeal(t *testing.T) {
	for size := headBytes; size < 300; size++ {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i * 7)
		}
		h := head{3, 1<<40 + uint64(size), int64(size) << 20}
		seal(b, h)
		if got, whole := unseal(b); got != h || !whole {
			t.Fatalf("%d bytes: %+v, %v", size, got, whole)
		}
		for i := range b {
			b[i] ^= 0x10
			if got, whole := unseal(b); whole {
				t.Errorf("byte %d of %d changed: %+v is taken for whole", i, size, got)
			}
			b[i] ^= 0x10
		}
		if _, whole := unseal(b[:size-1]); whole {
			t.Errorf("%d bytes of %d are taken for whole", size-1, size)
		}
	}
	const start = 1<<dueBits - 10
	if d := (head{due: start}).delay(1<<dueBits + 5); d != 15 {
		t.Errorf("a delay of 15 across the clock's turn is %d", d)
	}
}

func TestHistogram(t *testing.T) {
	for _, ns := range []uint64{0, 1, 255, 256, 257, 511, 512, 1000, 123456, 5e9, 1 << 39} {
		if m := middle(bucket(ns)); math.Abs(float64(m)-float64(ns)) > float64(ns)/128+0.5 {
			t.Errorf("%d is counted as %d", ns, m)
		}
	}
	var h histogram
	for ns := range int64(1000) {
		h.record(ns * 1000)
	}
	h.record(math.MaxInt64)
	l, d := h.read()
	if l.P50 < 495e3 || l.P50 > 505e3 || l.P99 < 980e3 || l.P99 > 1000e3 || l.Max < 1e12 || len(d) == 0 {
		t.Errorf("%+v", l)
	}
}

func TestPaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	due := func(p Pace, start, now int64, n int) (list []int64) {
		next, err := p.pacer(start, now, rng)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			list = append(list, next())
		}
		return list
	}
	near := func(what string, got, want int64) {
		if math.Abs(float64(got-want)) > 2 {
			t.Errorf("%s: due at %d, want %d", what, got, want)
		}
	}
	second := int64(time.Second)
	even := due(Pace{Phases: steady(1000)}, 0, 5*second, 3001)
	near("rate", even[0], 5*second)
	near("rate", even[1], 5*second+1e6)
	near("rate", even[3000], 8*second)
	burst := due(Pace{Burst: 3, Every: time.Millisecond}, 0, 10_500_000, 7)
	near("burst", burst[0], 11e6)
	near("burst", burst[2], 11e6)
	near("burst", burst[3], 12e6)
	near("burst", burst[6], 13e6)
	// 1 s of nothing, then from 0 to 200/s in a second: 100 messages, half of them in the last 0.29 s.
	ramp := due(Pace{Phases: []Phase{{For: time.Second}, {time.Second, 0, 200}}}, 0, 0, 201)
	near("ramp", ramp[100], 2*second)
	near("ramp", ramp[50], second+int64(math.Sqrt(0.5)*1e9))
	near("ramp, again", ramp[200], 4*second)
	poisson := due(Pace{Phases: steady(1000), Poisson: true}, 0, 0, 20001)
	var sum, squares float64
	for i := range poisson[1:] {
		d := float64(poisson[i+1]-poisson[i]) / 1e6
		sum, squares = sum+d, squares+d*d
	}
	if mean, square := sum/20000, squares/20000; math.Abs(mean-1) > 0.05 || math.Abs(square-2) > 0.2 {
		t.Errorf("poisson: mean %.3f, of squares %.3f, want 1 and 2", mean, square)
	}
	r := &recording{times: []time.Duration{0, 10, 30}, whole: 40}
	replay := (&Pace{Speed: 2}).replay(r, 100)
	for _, want := range []int64{100, 105, 115, 120, 125, 135} {
		near("capture", replay(), want)
	}
}

func TestSizes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	count := map[int]int{}
	weighted := Size{Weighted: []Weight{{100, 1}, {200, 3}}}
	pick, err := weighted.picker(rng)
	if err != nil {
		t.Fatal(err)
	}
	for range 4000 {
		count[pick()]++
	}
	if count[100] < 850 || count[100] > 1150 || count[100]+count[200] != 4000 {
		t.Errorf("%v", count)
	}
	uniform := Size{From: 16, To: 18}
	pick, _ = uniform.picker(rng)
	clear(count)
	for range 3000 {
		count[pick()]++
	}
	if count[16] < 850 || count[17] < 850 || count[18] < 850 {
		t.Errorf("%v", count)
	}
}
