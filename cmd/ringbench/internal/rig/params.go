package rig

import "time"

// Kind says what is measured.
type Kind string

// The three kinds of measurement.
const (
	Throughput Kind = "throughput" // one direction, as fast as it goes
	RoundTrip  Kind = "round-trip" // one message there and back, one at a time
	OneWay     Kind = "one-way"    // one direction at a steady pace
)

// Role is the side of the transport that a worker plays.
type Role string

// The roles. In a round trip the sender pings and the receiver answers. Both
// is the single worker of a transport that lives inside one process.
const (
	Send    Role = "send"
	Receive Role = "receive"
	Both    Role = "both"
)

// Params is one measurement, the same for the parent and its workers.
type Params struct {
	Kind     Kind          `json:"kind"`
	Topology string        `json:"topology"` // "spsc"
	Size     int           `json:"size"`     // bytes per message, at least 8
	Batch    int           `json:"batch"`    // messages per write, at least 1
	Capacity int           `json:"capacity"` // bytes the transport may buffer, where it can be chosen
	Wait     string        `json:"wait"`     // how an idle side waits, where it can be chosen
	Sealed   bool          `json:"sealed"`   // messages carry a checksum of themselves; not OneWay
	Rate     int           `json:"rate"`     // messages per second, OneWay only
	Count    uint64        `json:"count"`    // messages to measure; 0: Duration decides
	WarmUp   time.Duration `json:"warm_up"`  // before the window, when Duration decides
	Duration time.Duration `json:"duration"` // the window
	CPUs     []int         `json:"cpus"`     // sender's, receiver's; empty: not pinned
	OneCPU   bool          `json:"one_cpu"`  // both sides run on one CPU: never spin for time to pass

	// Where a ring keeps its bytes: "memfd", "shm" or "path", and its name.
	Backing     string `json:"backing"`
	BackingName string `json:"backing_name"`
}

// warmCount is how many messages run ahead of a window of Count messages.
func (p *Params) warmCount() uint64 {
	if p.Count == 0 {
		return 0
	}
	return min(p.Count/10, 10_000)
}

// quantum is how many messages pass between two looks at the shared page:
// enough for the look to cost nothing, few enough to stop at once.
func (p *Params) quantum() int {
	if p.Kind != Throughput {
		return 1
	}
	n := min(max(64<<10/p.Size, 1), 1024)
	return (n + p.Batch - 1) / p.Batch * p.Batch
}
