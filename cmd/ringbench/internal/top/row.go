package top

import (
	"time"

	"annulus/ring"
)

// Row is a Sample and what can be said by those before it.
type Row struct {
	Sample
	Rates
	Known      bool // there was one before: rates are known
	Used       float64
	Producers  Party
	Consumers  Party
	Stall      stuck // for how long nothing was released although something is there
	Full       bool  // and the producer sleeps for want of room, or there is none
	Stuck      map[memberKey]stuck
	Lost       uint64 // by consumers who are there
	Condition  Condition
	Sleepers   string // producer, consumer, both or -
	SlowFactor int    // looked at only each so many intervals; 0 or 1: each
}

// Rates are per second, since the look before.
type Rates struct {
	In, Out           float64 // messages; In: versions of a cell
	InBytes, OutBytes float64 // payload
	Wakes, Parks      float64 // by both sides
	Dropped, Lost     float64 // messages
}

// History turns rounds into rows. The zero value knows nothing before.
type History struct {
	past map[int]past // by Sample.ID
}

// past is what is remembered of a ring.
type past struct {
	row    Row
	moved  mark
	member map[memberKey]mark
}

// mark is where something was when it moved last, as far as was seen.
type mark struct {
	at    [3]uint64
	since time.Time
	first bool // that was the first look: it may have stood there long before
	busy  bool
}

// still returns the mark after one more look, and how long it has stood: not at all if
// there is nothing to do.
func (m mark) still(at [3]uint64, busy bool, now time.Time, known bool) (mark, stuck) {
	if !known || !busy || !m.busy || m.at != at {
		return mark{at, now, !known, busy}, stuck{}
	}
	return m, stuck{now.Sub(m.since), m.first}
}

// Add returns the rows of one more round, in its order.
func (h *History) Add(r Round, interval time.Duration) []Row {
	next := make(map[int]past, len(r.Samples))
	rows := make([]Row, 0, len(r.Samples))
	for _, s := range r.Samples {
		p, known := h.past[s.ID]
		if !known || p.row.At != s.At || p.row.Err != s.Err {
			p = p.add(s, known && p.row.Err == "", interval)
		}
		p.row.Removed = s.Removed
		next[s.ID] = p
		rows = append(rows, p.row)
	}
	h.past = next
	return rows
}

func (p past) add(s Sample, known bool, interval time.Duration) past {
	before := p.row
	row := Row{Sample: s, Sleepers: "-"}
	out := past{member: map[memberKey]mark{}}
	switch {
	case s.Err != "":
	case s.Cell != nil:
		row.cell(&before, known)
	default:
		row.ring(&before, known)
		busy := s.Stats.Occupied > 0
		out.moved, row.Stall = p.moved.still([3]uint64{s.Stats.Head}, busy, s.At, known)
		row.Full = busy && (s.Stats.Producer.Asleep && s.Stats.Producer.Attached || s.Stats.Occupied == s.Stats.Capacity)
		row.Stuck = map[memberKey]stuck{}
		for _, m := range s.Stats.Members {
			k := keyOf(m)
			old, seen := p.member[k]
			out.member[k], row.Stuck[k] = old.still([3]uint64{m.Claim, m.Messages, m.Position}, m.Claims > 0 || m.Lag > 0, s.At, seen)
			row.Lost += m.Lost
		}
	}
	if known && s.At.After(before.At) && interval > 0 {
		row.SlowFactor = int((s.At.Sub(before.At) + interval/2) / interval)
	}
	row.Condition = conditionOf(&row)
	out.row = row
	return out
}

// ring fills in what the words of a ring say.
func (r *Row) ring(before *Row, known bool) {
	s, b := &r.Stats, &before.Stats
	r.Used = min(1, float64(s.Occupied)/float64(max(s.Capacity, 1)))
	r.Producers, r.Consumers = partyOf(&r.Sample, true), partyOf(&r.Sample, false)
	p, c := s.Producer.Asleep && s.Producer.Attached, s.Consumer.Asleep && s.Consumer.Attached
	switch {
	case p && c:
		r.Sleepers = "both"
	case p:
		r.Sleepers = "prod"
	case c:
		r.Sleepers = "cons"
	}
	if r.Known = known; !known {
		return
	}
	per := perSecond(r.At.Sub(before.At))
	r.Rates = Rates{
		In: per(s.Producer.Messages, b.Producer.Messages), Out: per(s.Consumer.Messages, b.Consumer.Messages),
		InBytes: per(s.Producer.Bytes, b.Producer.Bytes), OutBytes: per(s.Consumer.Bytes, b.Consumer.Bytes),
		Wakes:   per(s.Producer.Wakes+s.Consumer.Wakes, b.Producer.Wakes+b.Consumer.Wakes),
		Parks:   per(s.Producer.Parks+s.Consumer.Parks, b.Producer.Parks+b.Consumer.Parks),
		Dropped: per(s.Dropped, b.Dropped), Lost: per(lostSince(s.Members, b.Members), 0),
	}
}

// cell fills in what the words of a cell say.
func (r *Row) cell(before *Row, known bool) {
	c := r.Cell
	switch r.Producers.State = writerState(c); r.Producers.State {
	case "attached":
		r.Producers.Running = []int{c.PID}
	case "dead":
		r.Producers.Dead = []int{c.PID}
	}
	r.Consumers.State = "-"
	if c.Asleep {
		r.Sleepers = "cons"
	}
	if r.Known = known && before.Cell != nil; !r.Known {
		return
	}
	per := perSecond(r.At.Sub(before.At))
	r.In = per(c.Version, before.Cell.Version)
	r.Wakes, r.Parks = per(c.Wakes, before.Cell.Wakes), per(c.Waits, before.Cell.Waits)
}

// writerState is one word for the writer of a cell.
func writerState(c *CellSample) string {
	switch {
	case c.Attached:
		return "attached"
	case c.Sessions == 0:
		return "none"
	case c.Closed:
		return "closed"
	}
	return "dead"
}

// perSecond returns the rate of a counter. Sums of words that are read one by one may seem
// to go back a little: that is none.
func perSecond(d time.Duration) func(to, from uint64) float64 {
	return func(to, from uint64) float64 {
		if d <= 0 || to <= from {
			return 0
		}
		return float64(to-from) / d.Seconds()
	}
}

// lostSince is what consumers have lost who were there before as well.
func lostSince(members, before []ring.MemberStats) (n uint64) {
	was := make(map[memberKey]uint64, len(before))
	for _, m := range before {
		was[keyOf(m)] = m.Lost
	}
	for _, m := range members {
		if old, ok := was[keyOf(m)]; ok && m.Lost > old {
			n += m.Lost - old
		}
	}
	return n
}
