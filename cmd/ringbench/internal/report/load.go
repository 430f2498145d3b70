package report

// Load is what a Result of kind "load" has beside: of a ring as a whole, or of a group of
// producers or consumers. Counts of what went wrong are of the whole run, all others of
// the measured window.
type Load struct {
	Role     string `json:"role"`               // "ring", "producers" or "consumers"
	Attached int    `json:"attached"`           // processes that have attached in the whole run
	Kills    int    `json:"kills,omitempty"`    // of them by SIGKILL
	Leaves   int    `json:"leaves,omitempty"`   // in order, before the end
	Sent     uint64 `json:"sent,omitempty"`     // messages
	Received uint64 `json:"received,omitempty"` // messages; of a broadcast ring by all consumers together
	Dropped  uint64 `json:"dropped,omitempty"`  // by a broadcast ring, for want of room
	Overrun  uint64 `json:"overrun,omitempty"`  // lost by slow consumers, as the ring said
	Again    uint64 `json:"redelivered,omitempty"`

	HeldSeconds float64  `json:"held_seconds,omitempty"` // producers: waiting for room, all together
	Holds       uint64   `json:"holds,omitempty"`        // sends that did
	Late        *Latency `json:"late_ns,omitempty"`      // producers: how long after it was due a send began

	Occupancy *Occupancy `json:"occupancy,omitempty"` // of a ring

	// What a kill may take by the ring's contract.
	CutOff     uint64 `json:"cut_off,omitempty"`      // sends that a kill cut off and that did not take effect
	LostInHand uint64 `json:"lost_in_hand,omitempty"` // in the hands of consumers that were killed

	// What must not be.
	Lost       uint64 `json:"lost"`
	Doubled    uint64 `json:"doubled"`
	Disordered uint64 `json:"disordered"`
	Torn       uint64 `json:"torn"`
}

// Wrong is how much went wrong.
func (l *Load) Wrong() uint64 { return l.Lost + l.Doubled + l.Disordered + l.Torn }

// Occupancy is how full a ring was, from 0 to 1, when it was looked at.
type Occupancy struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
	Looks  int     `json:"looks"`
}

// Series is a further figure of a Result in each repetition, for comparisons.
type Series struct {
	Metric string    `json:"metric"`
	Unit   string    `json:"unit"`   // "ns", "/s", "" for a share
	Better string    `json:"better"` // "lower" or "higher"
	Runs   []float64 `json:"runs"`
}

// foldLoads is Median for what loads have: medians of counts and times of the window, sums
// of what counts for the whole run.
func foldLoads(runs []Result) (*Load, []Series) {
	if !all(runs, func(r Result) bool { return r.Load != nil }) {
		return nil, nil
	}
	out := *runs[0].Load
	number := func(get func(*Load) uint64) uint64 {
		return column(runs, func(r Result) uint64 { return get(r.Load) })
	}
	out.Sent = number(func(l *Load) uint64 { return l.Sent })
	out.Received = number(func(l *Load) uint64 { return l.Received })
	out.Dropped = number(func(l *Load) uint64 { return l.Dropped })
	out.Overrun = number(func(l *Load) uint64 { return l.Overrun })
	out.Again = number(func(l *Load) uint64 { return l.Again })
	out.Holds = number(func(l *Load) uint64 { return l.Holds })
	out.HeldSeconds = column(runs, func(r Result) float64 { return r.Load.HeldSeconds })
	out.Late = foldLatencies(runs, func(r Result) *Latency { return r.Load.Late })
	if all(runs, func(r Result) bool { return r.Load.Occupancy != nil }) {
		share := func(get func(*Occupancy) float64) float64 {
			return column(runs, func(r Result) float64 { return get(r.Load.Occupancy) })
		}
		out.Occupancy = &Occupancy{
			Min: share(func(o *Occupancy) float64 { return o.Min }), Median: share(func(o *Occupancy) float64 { return o.Median }),
			Max: share(func(o *Occupancy) float64 { return o.Max }), Looks: runs[0].Load.Occupancy.Looks,
		}
	}
	for _, r := range runs[1:] {
		l := r.Load
		out.Attached, out.Kills, out.Leaves = out.Attached+l.Attached, out.Kills+l.Kills, out.Leaves+l.Leaves
		out.CutOff, out.LostInHand = out.CutOff+l.CutOff, out.LostInHand+l.LostInHand
		out.Lost, out.Doubled, out.Disordered, out.Torn = out.Lost+l.Lost, out.Doubled+l.Doubled, out.Disordered+l.Disordered, out.Torn+l.Torn
	}
	return &out, foldSeries(runs)
}

// foldSeries joins the series of the same metric that every repetition has.
func foldSeries(runs []Result) (out []Series) {
	for _, s := range runs[0].Series {
		joined := s
		joined.Runs = nil
		for _, r := range runs {
			for _, t := range r.Series {
				if t.Metric == s.Metric {
					joined.Runs = append(joined.Runs, t.Runs...)
				}
			}
		}
		if len(joined.Runs) == len(runs) {
			out = append(out, joined)
		}
	}
	return out
}
