package futex

import (
	"runtime"
	"time"

	"annulus/internal/mem"
)

// spinChunk is how many looks a Pause may take before it lets its caller see to
// cancellation; some 10 us.
const spinChunk = 1000

// Idler is one side's waiting on a Gate. The caller alternates a try with
// Pause until the try succeeds, then calls Done. One goroutine at a time.
type Idler struct {
	Gate     *Gate
	Strategy Strategy
	Also     []Watch // further words whose change ends a spin

	budget   int // spins granted by adaptation
	spun     int // looks in this wait
	yielded  int
	parked   bool // slept in this wait
	prepared bool
	epoch    uint32
	slice    time.Duration
}

// Watch is a word and what it was when it was looked at.
type Watch struct {
	Word *uint64
	Old  uint64
}

// Spin looks at *word, and those of Also, for one chunk of this wait's spins, at most, with step
// pause instructions between two looks, and tells whether it differs from old.
// It is the short way out of short waits: cheaper than Pause,
// and Done need not be called after it.
func (w *Idler) Spin(word *uint64, old uint64, step uint32) bool {
	n := min(w.spinLimit()-w.spun, spinChunk)
	for left := n; left > 0; left -= int(step) {
		if mem.Load(word) != old || len(w.Also) > 0 && w.alsoChanged() {
			w.spun = 0
			if w.budget != 0 {
				w.budget = min(2*w.budget, w.Strategy.Spins) // it paid
			}
			return true
		}
		mem.Pause(step)
	}
	w.spun += max(n, 0)
	return false
}

func (w *Idler) alsoChanged() bool {
	for i := range w.Also {
		if a := &w.Also[i]; mem.Load(a.Word) != a.Old {
			return true
		}
	}
	return false
}

// Pause waits a little, or sleeps, until *word may differ from old, where word
// is what the caller's failed try saw. It returns after at most one slice, one
// chunk of spins or at the deadline (zero: none), and often for nothing: the
// caller tries again. slept tells whether it went to sleep; the only errors are
// those of Gate.Sleep.
func (w *Idler) Pause(word *uint64, old uint64, deadline time.Time) (slept bool, err error) {
	s := &w.Strategy
	if w.spun < w.spinLimit() {
		if !w.Spin(word, old, 1) && s.Park == ParkNever {
			// A spinning goroutine must not starve its own process.
			runtime.Gosched()
			if s.Yields == 0 {
				w.spun = 0
			}
		}
		return false, nil
	}
	if w.yielded < s.Yields {
		w.yielded++
		runtime.Gosched()
		osYield()
		if s.Park == ParkNever {
			w.yielded = 0
		}
		return false, nil
	}
	if s.Park == ParkNever {
		w.spun, w.yielded = 0, 0
		return false, nil
	}
	if !w.prepared {
		w.epoch = w.Gate.Prepare(s.Park)
		w.prepared = true
		return false, nil // the caller looks once more, now that wakers are told
	}
	w.prepared = false
	w.parked = true
	end := time.Now().Add(w.nextSlice())
	if !deadline.IsZero() && deadline.Before(end) {
		end = deadline
	}
	err = w.Gate.Sleep(s.Park, w.epoch, s.Hold, end)
	if err == nil && w.Gate.Seq.Load() == w.epoch && mem.Load(word) == old && !w.alsoChanged() && !time.Now().Before(end) {
		w.Gate.sleptInVain()
	}
	if f := w.Gate.Foreign; f != nil && mem.Load(word) == old && time.Now().Before(end) {
		f.vain++
	}
	return true, err
}

// Parking tells whether the next Pause may go to sleep.
func (w *Idler) Parking() bool {
	return w.Strategy.Park != ParkNever && w.spun >= w.spinLimit() && w.yielded >= w.Strategy.Yields
}

// Done ends a wait, whether it succeeded or not.
func (w *Idler) Done() {
	if w.prepared {
		w.Gate.Cancel()
		w.prepared = false
	}
	if w.Strategy.Adapt {
		w.adapt()
	}
	if f := w.Gate.Foreign; f != nil {
		f.vain = 0
	}
	w.spun, w.yielded, w.slice, w.parked = 0, 0, 0, false
}

func (w *Idler) spinLimit() int {
	if w.Strategy.Adapt && w.budget != 0 {
		return w.budget
	}
	return w.Strategy.Spins
}

// adapt halves the budget after a wait whose spins were wasted; Spin doubles it
// when it pays. So a mostly idle ring costs little, and a busy one is never put
// to sleep.
func (w *Idler) adapt() {
	full := w.Strategy.Spins
	if w.budget == 0 {
		w.budget = full
	}
	if w.parked {
		w.budget = max(w.budget/2, full/64, 1)
	}
}

// nextSlice grows from a millisecond, so that what a wake does not announce (a
// little space, see ring) is found soon, to the bound.
func (w *Idler) nextSlice() time.Duration {
	first, bound := w.Strategy.FirstSlice, w.Strategy.Slice
	if first <= 0 {
		first = time.Millisecond
	}
	if bound <= 0 {
		bound = DefaultSlice
	}
	switch {
	case w.slice == 0:
		w.slice = min(first, bound)
	case w.slice > bound/2:
		w.slice = bound
	default:
		w.slice *= 2
	}
	return w.slice
}
