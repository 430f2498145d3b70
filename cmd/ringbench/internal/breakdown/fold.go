package breakdown

import "slices"

// Stage is one part of a message's way, in nanoseconds.
type Stage struct {
	Name  string  `json:"name"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Mean  float64 `json:"mean"`  // of all messages but the slowest tenth
	Share float64 `json:"share"` // of the mean of the whole way
}

// Whole is the way from before Reserve to after Release.
type Whole struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Mean float64 `json:"mean"` // of all messages but the slowest tenth
}

// Result says where the time goes. The stages follow each other: what they sum up to, message by
// message, is the way with all stamps less what the stamps cost. Messages that did not find
// the consumer waiting are left out: their time went into what was before them.
type Result struct {
	Messages int     `json:"messages"` // with all stamps
	Plain    int     `json:"plain"`    // with stamps at the ends alone
	Woken    int     `json:"woken"`    // of Messages, those for which the producer made a system call
	Slept    int     `json:"slept"`    // and those whose consumer came out of a sleep
	Busy     int     `json:"busy"`     // those left out
	Stages   []Stage `json:"stages"`

	// WakeCall is the producer's system call, of the messages that had one: while the
	// sleeper is being woken, so that it is no stage. null for none.
	WakeCall *Stage `json:"wake_call"`

	SumP50   float64 `json:"sum_p50"`  // of the stages
	SumMean  float64 `json:"sum_mean"` // likewise
	Stamped  Whole   `json:"stamped"`  // with all stamps
	Measured Whole   `json:"measured"` // with stamps at the ends alone

	// UnexplainedP50 is Measured less the sum, UnexplainedMean likewise: what stamps change
	// beside their own cost, and of the p50 that medians do not add up.
	UnexplainedP50  float64 `json:"unexplained_p50"`
	UnexplainedMean float64 `json:"unexplained_mean"`
}

// The stages in order.
var stageNames = [...]string{"claim", "copy in", "publish", "wake", "read", "copy out", "release"}

type stages [len(stageNames)]float64

// split splits the way of one message. tick is in ns, cost what a stamp adds to a stage within
// one process, in ns.
//
// What is visible is so from the end of Commit, or from where Commit begins to wake; the consumer,
// which was waiting, goes on from there or from where it woke.
func split(s *Send, r *Receive, tick, cost float64) (out stages, slept bool) {
	visible := s.Committed
	if s.WakeBegin != 0 {
		visible = s.WakeBegin
	}
	read, readCost := visible, 0.0
	if slept = r.Woke > visible; slept {
		read, readCost = r.Woke, cost // both of its stamps are the consumer's
	}
	ns := func(from, to int64) float64 { return float64(to-from) * tick }
	return stages{
		ns(s.Start, s.Claimed) - cost, ns(s.Claimed, s.Copied) - cost, ns(s.Copied, visible) - cost,
		ns(visible, read), ns(read, r.Peeked) - readCost,
		ns(r.Peeked, r.Copied) - cost, ns(r.Copied, r.Released) - cost,
	}, slept
}

// Fold makes stages of the times, with the length of a tick and the cost of a stamp in ns.
func Fold(t *Times, tick, cost float64) Result {
	var res Result
	var parts []stages
	var stamped, measured, calls []float64
	for i := range t.Sends {
		s, r := &t.Sends[i], &t.Receives[i]
		if r.Called > s.Start {
			res.Busy++
			continue
		}
		whole := float64(r.Released-s.Start) * tick
		if !t.Full[i] {
			measured = append(measured, whole)
			continue
		}
		p, slept := split(s, r, tick, cost)
		parts, stamped = append(parts, p), append(stamped, whole)
		if s.WakeBegin != 0 {
			res.Woken++
			calls = append(calls, float64(s.WakeEnd-s.WakeBegin)*tick-cost)
		}
		if slept {
			res.Slept++
		}
	}
	res.Messages, res.Plain = len(parts), len(measured)
	res.Stamped, res.Measured = wholeOf(stamped), wholeOf(measured)
	most := quantile(slices.Sorted(slices.Values(stamped)), usual)
	within := func(i int) bool { return stamped[i] <= most }
	for k, name := range stageNames {
		column := make([]float64, len(parts))
		for i := range parts {
			column[i] = parts[i][k]
		}
		res.Stages = append(res.Stages, stage(name, column, within))
	}
	for _, s := range res.Stages {
		res.SumP50 += s.P50
		res.SumMean += s.Mean
	}
	for i := range res.Stages {
		if res.SumMean > 0 {
			res.Stages[i].Share = res.Stages[i].Mean / res.SumMean
		}
	}
	if len(calls) > 0 {
		limit := quantile(slices.Sorted(slices.Values(calls)), usual)
		s := stage("wake call", calls, func(i int) bool { return calls[i] <= limit })
		res.WakeCall = &s
	}
	res.UnexplainedP50 = res.Measured.P50 - res.SumP50
	res.UnexplainedMean = res.Measured.Mean - res.SumMean
	return res
}

// usual is the share of messages that means are of: the slowest are stalls of the machine, which
// say nothing about the ring and would hide all the rest.
const usual = 0.9

func wholeOf(values []float64) Whole {
	s := slices.Sorted(slices.Values(values))
	limit := quantile(s, usual)
	m := stage("", values, func(i int) bool { return values[i] <= limit })
	return Whole{m.P50, m.P99, m.Mean}
}

// stage takes the mean of what is within.
func stage(name string, values []float64, within func(i int) bool) Stage {
	sum, n := 0.0, 0
	for i, v := range values {
		if within(i) {
			sum += v
			n++
		}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Stage{Name: name, P50: quantile(sorted, 0.5), P99: quantile(sorted, 0.99), Mean: sum / float64(max(n, 1))}
}

// quantile of sorted values; 0 of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
