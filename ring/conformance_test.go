package ring_test

import (
	"math/bits"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/race"
	"annulus/ring"
	"annulus/ring/ringtest"
)

var backings = map[string]func(testing.TB, ring.Config, ...ring.Option) (a, b *ring.Ring){
	"heap": func(t testing.TB, c ring.Config, o ...ring.Option) (a, b *ring.Ring) {
		a, err := ring.New(c, o...)
		must(t, err)
		closing(t, a)
		return a, a
	},
	"shm": func(t testing.TB, c ring.Config, o ...ring.Option) (a, b *ring.Ring) {
		name := shmName(t)
		a, err := ring.Create(name, c, o...)
		must(t, err)
		t.Cleanup(func() { must(t, ring.Remove(name)) })
		b, err = ring.Open(name, o...)
		must(t, err)
		closing(t, a, b)
		return a, b
	},
	"file": func(t testing.TB, c ring.Config, o ...ring.Option) (a, b *ring.Ring) {
		path := filepath.Join(t.TempDir(), "ring")
		a, err := ring.CreateFile(path, c, o...)
		must(t, err)
		b, err = ring.OpenFile(path, o...)
		must(t, err)
		closing(t, a, b)
		return a, b
	},
	"memfd": func(t testing.TB, c ring.Config, o ...ring.Option) (a, b *ring.Ring) {
		a, err := ring.CreateMemfd("annulus-test", c, o...)
		must(t, err)
		b, err = ring.OpenFD(a.Region().File(), o...)
		must(t, err)
		closing(t, a, b)
		return a, b
	},
}

var strategies = map[string]futex.Strategy{
	"spin": futex.Spin(), "yield": futex.Yield(), "futex": futex.Futex(),
	"semaphore": futex.Sem(), "eventfd": futex.Efd(), "adaptive": futex.Adaptive(),
	"poll": {Park: futex.ParkPoll},
}

func TestConformance(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPSC, ring.MPSCOrdered} {
		t.Run(topology.String(), func(t *testing.T) { conformance(t, topology) })
	}
}

func conformance(t *testing.T, topology ring.Topology) {
	for backing, make := range backings {
		for name, s := range strategies {
			if race.Enabled && backing != "heap" {
				// The race detector cannot see mapped memory.
				continue
			}
			if backing != "heap" && backing != "memfd" && name != "futex" && name != "adaptive" {
				continue // the wait strategies do not know where memory comes from
			}
			if !supported(s) {
				continue
			}
			if topology != ring.SPSC && (s.Park == futex.ParkSemaphore || s.Park == futex.ParkEventfd) {
				continue // for one sleeper on each side
			}
			if backing == "memfd" {
				s = unbounded(s)
			}
			t.Run(backing+"/"+name, func(t *testing.T) {
				ringtest.Test(t, ringtest.Factory{
					Topology: topology,
					Strategy: s,
					Messages: messages(s),
					New: func(t testing.TB, c ring.Config) (a, b *ring.Ring) {
						var o []ring.Option
						if s.Park == futex.ParkEventfd {
							o = append(o, ring.WithEventfds(eventfd(t), eventfd(t)))
						}
						return make(t, c, o...)
					},
				})
			})
		}
	}
}

// The same for broadcast rings with one consumer, as far as it holds for them.
func TestConformanceBroadcast(t *testing.T) {
	for backing, make := range backings {
		for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock} {
			for _, name := range []string{"adaptive", "futex", "yield"} {
				if race.Enabled && backing != "heap" || backing == "file" || backing == "shm" || backing == "memfd" && name == "yield" {
					continue
				}
				s := strategies[name]
				if backing == "memfd" {
					s = unbounded(s)
				}
				t.Run(backing+"/"+o.String()+"/"+name, func(t *testing.T) {
					ringtest.TestBroadcast(t, ringtest.Factory{
						Strategy: s, Messages: messages(s) / 8,
						New: func(t testing.TB, c ring.Config) (a, b *ring.Ring) { return make(t, c) },
					}, o)
				})
			}
		}
	}
}

// unbounded lets every sleep of s last for an hour, so that a lost wake hangs its
// test. Where there is no membarrier one may be lost: then s stays as it is.
func unbounded(s futex.Strategy) futex.Strategy {
	if s.Park != futex.ParkNever && futex.Barrier() {
		s.Slice, s.FirstSlice = time.Hour, time.Hour
	}
	return s
}

func eventfd(t testing.TB) *futex.Eventfd {
	e, err := futex.NewEventfd()
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	return e
}

// supported tells whether this system has what s sleeps on.
func supported(s futex.Strategy) bool {
	switch s.Park {
	case futex.ParkSemaphore:
		return runtime.GOOS == "linux" && bits.UintSize == 64
	case futex.ParkEventfd:
		return runtime.GOOS == "linux"
	}
	return true
}

// messages keeps the suite short where a wait costs its processor or a nap.
func messages(s futex.Strategy) int {
	if s.Park == futex.ParkNever || s.Park == futex.ParkPoll {
		return 2000
	}
	return 8000
}
