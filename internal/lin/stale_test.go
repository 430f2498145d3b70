package lin

import (
	"sync"
	"sync/atomic"
	"testing"

	"annulus/ring"
)

// litmusRounds is how often TestFullAndEmptyAreWeak tries.
const litmusRounds = 100000

// Full and Empty of two clients that do not fence between their calls contradict each
// other now and then. In a ring of two slots with one message a in it,
//
//	producer: send b: ok    send c: Full         before a was received
//	consumer: recv: a       recv:   Empty        before b was sent
//
// has no order. It happens since the store by which a call takes effect may wait in its
// processor's buffer when the next call loads. With a fence between the calls it never
// does. How often it happens without depends on the machine, and is logged.
func TestFullAndEmptyAreWeak(t *testing.T) {
	for _, k := range kinds() {
		if k.config.Capacity != 2 { // the MPMC ring and those of slots
			continue
		}
		for _, fenced := range []bool{false, true} {
			n, both := litmus(t, k, fenced)
			t.Logf("%s, fenced %v: %d of %d rounds have no order, %d had Full or Empty", k.name, fenced, both, litmusRounds, n)
			if fenced && both > 0 {
				t.Errorf("%s: with a fence between the calls %d rounds have no order", k.name, both)
			}
			if n == 0 {
				t.Errorf("%s: no Full and no Empty in %d rounds", k.name, litmusRounds)
			}
		}
	}
}

// litmus counts the rounds in which at least one, and in which both calls failed.
func litmus(t *testing.T, k kind, fenced bool) (some, both int) {
	t.Helper()
	k.config.Capacity = 2
	r, err := ring.New(k.config)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	var ready, sent, received atomic.Int64
	var fences [2]struct {
		word atomic.Int64
		_    [120]byte
	}
	var full atomic.Bool
	message := func(v byte) []byte { return []byte{v, v, v, v, v, v, v, v} }
	msgs := [][]byte{message('a'), message('b'), message('c')}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for i := range int64(litmusRounds) {
			err := p.TrySend(msgs[0])
			ready.Store(i + 1)
			err1 := p.TrySend(msgs[1])
			if fenced {
				fences[0].word.Add(1)
			}
			err2 := p.TrySend(msgs[2])
			if err != nil || err1 != nil || err2 != nil && err2 != ring.ErrFull {
				t.Error(err, err1, err2)
			}
			full.Store(err2 == ring.ErrFull)
			sent.Store(i + 1)
			await(&received, i+1)
		}
	})
	var dst [24]byte
	for i := range int64(litmusRounds) {
		await(&ready, i+1)
		got, err1 := c.TryRecv(dst[:0])
		if fenced {
			fences[1].word.Add(1)
		}
		got, err2 := c.TryRecv(got)
		if err1 != nil || err2 != nil && err2 != ring.ErrEmpty {
			t.Error(err1, err2)
		}
		await(&sent, i+1)
		for err := error(nil); err == nil; {
			got, err = c.TryRecv(got)
		}
		want := "aaaaaaaabbbbbbbbcccccccc"
		if full.Load() {
			want = want[:16]
		}
		if string(got) != want {
			t.Errorf("received %q, want %q", got, want)
		}
		if empty := err2 == ring.ErrEmpty; empty && full.Load() {
			both++
		} else if empty || full.Load() {
			some++
		}
		received.Store(i + 1)
	}
	return some + both, both
}
