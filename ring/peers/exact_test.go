package peers_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"annulus/futex"
	"annulus/internal/testutil"
	"annulus/ring"
)

func init() {
	// resume NAME STREAM...: goes on under deadTag where its predecessor was, until it is
	// killed.
	roles["resume"] = func(args []string) error {
		r, s, err := openForRole(args)
		if err != nil {
			return err
		}
		p, err := r.Producer(ring.WithStrategy(futex.Futex()), ring.WithTag(deadTag))
		if err != nil {
			return err
		}
		return send(context.Background(), p, s, p.Committed(), endless, 5)
	}
}

// A producer under a tag is killed wherever it is, and its successor, of either language,
// goes on with what it is told was not committed: nothing is missing, nothing comes twice.
func TestCommittedIsExact(t *testing.T) {
	inEach(t, "", func(t *testing.T, l program) {
		for _, k := range []struct {
			speaks string
			config ring.Config
			sizes  stream
		}{{"mpmc", manyRing, manySizes}, {"mpsc-ordered", toOne[2].config, toOne[2].sizes}} {
			if !l.can(k.speaks) {
				continue
			}
			for _, batch := range []int{1, 7} {
				t.Run(fmt.Sprintf("%s/batch-%d", k.speaks, batch), func(t *testing.T) {
					r, name := create(t, k.config)
					c := consumer(t, r)
					w := newCrowd(t, l, r, name, k.sizes, "futex", batch)
					next := uint64(0)
					for round := range l.few(24) {
						var p *testutil.Process
						if round%3 == 2 {
							p = start(t, child(t, "resume", k.sizes.roleArgs(name)...))
						} else {
							p = start(t, l.peer(t, append([]string{"send", name, "--tag", fmt.Sprint(deadTag), "--resume", "--count", fmt.Sprint(endless)}, w.args()...)...))
						}
						for end := next + 100 + 17*round; next < end; next++ {
							b, err := c.Recv(patient(t), nil)
							must(t, err)
							must(t, k.sizes.check(next, b))
						}
						p.Kill()
					}
				})
			}
		}
	})
}

// Three such producers at once, each killed again and again in the middle of the others'
// work: each one's messages come in their order, none is missing, none comes twice.
func TestCommittedIsExactAmongMany(t *testing.T) {
	const senders, kills = 3, 45
	inEach(t, "mpsc-ordered", func(t *testing.T, l program) {
		k := toOne[2]
		r, name := create(t, k.config)
		c := consumer(t, r)
		w := newCrowd(t, l, r, name, k.sizes, "futex", 3)
		begin := func(i uint64) *testutil.Process {
			return start(t, l.peer(t, append([]string{"send", name, "--tag", fmt.Sprint(i + 1), "--resume", "--start", fmt.Sprint(i << 32),
				"--count", fmt.Sprint(endless)}, w.args()...)...))
		}
		var parts [senders]*testutil.Process
		var next [senders]uint64
		for i := range parts {
			parts[i] = begin(uint64(i))
		}
		for kill := range l.few(kills) {
			for range 150 + 13*kill {
				b, err := c.Recv(patient(t), nil)
				must(t, err)
				i := binary.LittleEndian.Uint64(b) >> 32
				if i >= senders {
					t.Fatalf("message % x", b[:8])
				}
				must(t, k.sizes.check(i<<32+next[i], b))
				next[i]++
			}
			i := kill % senders
			parts[i].Kill()
			parts[i] = begin(i)
		}
		for i, n := range next {
			if n == 0 {
				t.Errorf("nothing came from producer %d", i)
			}
		}
	})
}
