package stress

import (
	"time"

	"annulus/ring"
)

// Options say what is put under stress, and how.
type Options struct {
	Traits
	Redeliver bool         // MPMC: see ring.Config
	Overrun   ring.Overrun // broadcast
	Capacity  int          // slots or bytes
	Producers int
	Consumers int
	Wait      string // how they wait, as ringbench names it
	CPeers    int    // so many of the processes, on average, run CWorker
	CWorker   string // the program in C, built from ring/peers/c/stress.c

	Kills int    // single processes killed
	Stops int    // processes stopped and continued
	Point string // kill at this named point only; needs a build with kill points
	All   int    // kill all at once after so many kills; 0: never
	Burst int    // processes killed at the same moment, at most
	Aim   int    // percent of the kills that are aimed at a claim in flight
	Seed  uint64
	Limit time.Duration // give up after that; 0: never
}

// Report is what a run found. The counts of the second part must be zero.
type Report struct {
	Topology  string `json:"topology"`
	Redeliver bool   `json:"redeliver"`
	Overrun   string `json:"overrun,omitempty"`
	Wait      string `json:"wait"`
	Producers int    `json:"producers"`
	Consumers int    `json:"consumers"`
	Capacity  int    `json:"capacity"`
	CPeers    int    `json:"c_peers"`
	Point     string `json:"point,omitempty"`
	Seed      uint64 `json:"seed"`

	Seconds     float64 `json:"seconds"`
	Kills       int     `json:"kills"`
	KillsAll    int     `json:"kills_of_all_at_once"`
	KillsC      int     `json:"kills_of_c_processes"`
	AtPoint     int     `json:"kills_at_the_point"`
	Stops       int     `json:"stops"`
	Interrupted bool    `json:"interrupted"`                  // it was asked to end before all kills were done
	InFlight    int     `json:"kills_with_a_claim_in_flight"` // at least: survivors may have been faster than the look
	Committed   uint64  `json:"committed"`
	Received    uint64  `json:"received"`
	Redelivered uint64  `json:"redelivered"` // came again, or late, and said so
	Skipped     uint64  `json:"skipped"`     // claims of dead producers settled
	Dropped     uint64  `json:"dropped"`     // claims of dead consumers settled, as created
	Handed      uint64  `json:"handed"`      // messages taken over from dead consumers
	LostInHand  uint64  `json:"lost_in_hand"`
	Overruns    uint64  `json:"lost_to_overruns"` // broadcast: and reported, to each consumer

	Lost       uint64 `json:"committed_lost"`
	Duplicated uint64 `json:"duplicated"`
	Torn       uint64 `json:"torn"`
	Reordered  uint64 `json:"reordered"`
	Phantom    uint64 `json:"phantom"`   // came without having been sent
	Misjudged  uint64 `json:"misjudged"` // a successor was told something impossible about the last send
	Hung       int    `json:"hung"`
	Leaked     int    `json:"leaked_slots"`
	Failed     int    `json:"failed_workers"`

	ProgressP50 float64  `json:"kill_to_progress_p50_ms"`
	ProgressP99 float64  `json:"kill_to_progress_p99_ms"`
	Longest     float64  `json:"longest_stall_ms"`
	Notes       []string `json:"notes,omitempty"`
}

// Violations is how much is wrong.
func (r *Report) Violations() uint64 {
	return r.Lost + r.Duplicated + r.Torn + r.Reordered + r.Phantom + r.Misjudged + uint64(r.Hung) + uint64(r.Leaked) + uint64(r.Failed)
}

// Validate says why no ring can be made of o.
func (o *Options) Validate() error { return o.config().Validate() }

// config is the ring under stress.
func (o *Options) config() ring.Config {
	c := ring.Config{Topology: o.Topology, Capacity: o.Capacity, Redeliver: o.Redeliver}
	if o.slots {
		c.SlotSize = messageMax
	}
	if o.casts {
		c.Overrun, c.Members = o.Overrun, o.Consumers+2
	}
	if o.table {
		c.Members = o.Producers + o.Consumers + 2
	}
	if o.lanes { // some for successors, until what the dead have left is received
		c.Members = o.Producers + 2
	}
	return c
}
