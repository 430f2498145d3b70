package ring_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/layout"
	"annulus/ring"
)

// Values that no peer writes, in every word of a ring, with guard pages around it.

// testHostile puts each harmful value into each of the words that names says, of a ring
// with two messages in it: where endpoints are at work, and where they come later.
func testHostile(t *testing.T, names ...string) {
	for _, config := range hostileConfigs {
		r := guarded(t, config)
		g := geometryOf(t, r)
		clean := string(r.Region().Bytes())
		tried, corrupt := 0, 0
		for name, word := range spoilt(r, g) {
			if !named(name, names) {
				continue
			}
			values := hostile(g)
			if plain(name) {
				values = values[:60]
			}
			for i, v := range values {
				for _, live := range []bool{false, true} {
					if some := plain(name) || config.Overrun == ring.OverrunDrop; some && live != (i%2 == 0) {
						continue // one of the two for each value will do
					}
					copy(r.Region().Bytes(), clean)
					p, err := r.Producer()
					must(t, err)
					c, err := r.Consumer()
					must(t, err)
					must(t, p.TrySend([]byte("8 bytes.")))
					must(t, p.TrySend([]byte("8 bytes.")))
					if !live {
						must(t, p.Close())
						must(t, c.Close())
						p, c = nil, nil
					}
					atomic.StoreUint64(word, v)
					tried++
					u := user{t: t, r: r, seed: i}
					if u.use(p, c); u.corrupt {
						corrupt++
					}
					if t.Failed() {
						t.Fatalf("%s: %s = %#x, endpoints at work: %v", hostileName(r.Config()), name, v, live)
					}
				}
			}
		}
		copy(r.Region().Bytes(), clean)
		t.Logf("%s: %d values tried, %d found out", hostileName(r.Config()), tried, corrupt)
		if corrupt == 0 && !blind(r.Config()) {
			t.Errorf("%s: nothing was ever found out", hostileName(r.Config()))
		}
	}
}

// Positions that jump back, ahead, by half the range, or off their alignment.
func TestCase44_HostilePositions(t *testing.T) {
	testHostile(t, "tail", "head", "latest", "raised", "drawn")
}

// Headers, lengths, states, flags, counts and intents of any value.
func TestCase45_HostileWords(t *testing.T) {
	testHostile(t, "first word", "second word", "length", "intent", "sent", "base", "skipped", "holder", "tag",
		"producers session", "consumers session", "producers state", "consumers state", "producers arm", "consumers arm",
		"producers count", "consumers count")
}

// Words that change while they are looked at: what was checked is what is used.
func TestCase46_FlippedWhileChecked(t *testing.T) {
	for _, config := range hostileConfigs {
		r := guarded(t, config)
		p, err := r.Producer()
		must(t, err)
		must(t, p.TrySend([]byte("8 bytes.")))
		must(t, p.TrySend([]byte("8 bytes.")))
		must(t, p.Close())
		begun := string(r.Region().Bytes())
		f := flip(r, geometryOf(t, r))
		corrupt, rounds := 0, 0
		for begin := time.Now(); time.Since(begin) < 300*time.Millisecond || corrupt == 0 && !blind(r.Config()) && rounds < 20000; rounds++ {
			copy(r.Region().Bytes()[layout.HeaderSize:], begun[layout.HeaderSize:])
			if useFlipped(t, r) {
				corrupt++
			}
		}
		t.Logf("%s: %d flips, %d rounds, %d of them found out", hostileName(r.Config()), f.end(), rounds, corrupt)
		if corrupt == 0 && !blind(r.Config()) {
			t.Errorf("%s: no flip was ever seen", hostileName(r.Config()))
		}
	}
}

// flipper changes the words of a ring to something harmful and back.
type flipper struct {
	over  atomic.Bool
	flips int64
	done  sync.WaitGroup
}

// flip begins with it: mostly with what says where messages are and how long, which
// everybody reads.
func flip(r *ring.Ring, g layout.Geometry) *flipper {
	f := new(flipper)
	bad := hostile(g)
	var words, often []*uint64
	for name, w := range spoilt(r, g) {
		if words = append(words, w); named(name, []string{"first word", "second word", "length"}) {
			often = append(often, w)
		}
	}
	good := map[*uint64]uint64{}
	for _, w := range words {
		good[w] = *w
	}
	f.done.Go(func() {
		rng := rand.New(rand.NewPCG(4, 6))
		for !f.over.Load() {
			some := words
			if rng.IntN(4) > 0 {
				some = often
			}
			w, v := some[rng.IntN(len(some))], bad[rng.IntN(len(bad))]
			old := good[w]
			for range 200 {
				atomic.StoreUint64(w, v) // not plain: the compiler would leave one out
				atomic.StoreUint64(w, old)
			}
			f.flips += 400
		}
	})
	return f
}

// end ends it and returns how often it has changed something.
func (f *flipper) end() int64 {
	f.over.Store(true)
	f.done.Wait()
	return f.flips
}

// useFlipped receives and sends while the words change: no call may leave the ring, hang, or
// hand out more than a message can have.
func useFlipped(t *testing.T, r *ring.Ring) (corrupt bool) {
	most := max(r.Config().MaxMessage, r.Config().Capacity)
	sum := byte(0)
	u := user{t: t, r: r}
	var opts []ring.EndpointOption
	if r.Config().Topology == ring.Broadcast {
		opts = append(opts, ring.WithBacklog())
	}
	c, err := r.Consumer(opts...)
	attached := u.note(err)
	p, err := r.Producer()
	if u.note(err) {
		for range 20 {
			u.note(p.TrySend([]byte{sum, 1, 2, 3, 4, 5, 6, 7}))
		}
	}
	if attached {
		for range 200 {
			b, err := c.TryPeek()
			if u.note(err) {
				for _, x := range b {
					sum += x
				}
			}
			if len(b) > most {
				t.Fatalf("a message of %d bytes", len(b))
			}
			u.note(c.Release())
			b, err = c.TryRecv(nil)
			if u.note(err); len(b) > most {
				t.Fatalf("a message of %d bytes", len(b))
			}
		}
		u.note(c.Close())
	}
	if p != nil {
		for range 20 {
			u.note(p.TrySend([]byte{sum, 1, 2, 3, 4, 5, 6, 7}))
		}
		u.note(p.Close())
	}
	return u.corrupt
}
