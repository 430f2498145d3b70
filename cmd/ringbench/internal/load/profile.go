package load

import (
	"time"

	"annulus/ring"
)

// Profile is a load.
type Profile struct {
	Name     string
	About    string
	Duration time.Duration // that is measured
	WarmUp   time.Duration // before it
	Seed     uint64        // of sizes, times and whom churn takes
	Rings    []*Ring
	Groups   []*Group
}

// Ring is one ring of a profile.
type Ring struct {
	Name    string
	Config  ring.Config
	Wait    string // of groups that say nothing else
	Backing string // "memfd", "shm" or "file"
	At      string // the name or path, "" for one that is made up

	most int // the longest message that it takes
}

// Group is some processes that do the same.
type Group struct {
	Name     string
	Producer bool
	Ring     string
	Count    int
	Wait     string
	Batch    int // messages that are published, or released, together at most
	CPUs     []int
	Churn    *Churn

	// Of producers.
	Size Size
	Pace Pace
	Spin bool // wait for a due time without sleeping

	// Of consumers: what they do for each message.
	Busy  time.Duration
	Sleep time.Duration
}

// Churn says when a process of a group ends and another takes its place. One of the first
// three is set.
type Churn struct {
	Every    time.Duration // one of the group, by chance, each time
	After    time.Duration // each process so long after it has attached
	Messages uint64        // each process after so many
	Kill     bool          // by SIGKILL, else in order
	Pause    time.Duration // until the successor starts
}

// Size says how long messages are; one of the three is set.
type Size struct {
	From, To int // evenly between them, both included
	Weighted []Weight
	Capture  string // as recorded in that file, in this order, over and over
}

// Weight is a size and how often it comes beside the others.
type Weight struct {
	Size   int
	Weight float64
}

// Pace says when messages are due; the zero Pace is as fast as possible.
type Pace struct {
	Phases  []Phase // over and over
	Poisson bool    // with times between them that are random; else even
	Burst   int     // so many at once,
	Every   time.Duration
	Capture string  // as recorded in that file, over and over,
	Speed   float64 // so many times as fast
}

// Phase is a time in which the rate, in messages a second of each process, goes from one to another.
type Phase struct {
	For      time.Duration
	From, To float64
}

// Max tells whether messages are sent as fast as possible.
func (p *Pace) Max() bool { return len(p.Phases) == 0 && p.Burst == 0 && p.Capture == "" }

// ring returns the ring of that name, nil if there is none.
func (p *Profile) ring(name string) *Ring {
	for _, r := range p.Rings {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// users returns how many processes there are on each side of a ring.
func (p *Profile) users(ring string) (producers, consumers int) {
	for _, g := range p.Groups {
		switch {
		case g.Ring != ring:
		case g.Producer:
			producers += g.Count
		default:
			consumers += g.Count
		}
	}
	return producers, consumers
}
