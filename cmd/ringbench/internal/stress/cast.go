package stress

import "annulus/ring"

// castVerdict is what the ledgers say of a broadcast ring, where each consumer
// process receives every message from when it attached: each is judged by itself. There is one
// producer at a time, so numbers of messages grow from one process to its successor.
type castVerdict struct {
	overrun  ring.Overrun
	readers  map[uint64]*castReader
	switches []castSwitch
	most     map[uint64]uint64 // by source: greatest sequence number + 1
	reported uint64            // messages that consumers were told they have lost
}

// castReader is one consumer process.
type castReader struct {
	last id
	has  bool
	lost uint64 // reported since last
}

// castSwitch is where a consumer process went from one producer process to a later one. How
// much lies between is known at the end.
type castSwitch struct {
	from, to id
	lost     uint64
}

func newCastVerdict(o ring.Overrun) *castVerdict {
	return &castVerdict{overrun: o, readers: map[uint64]*castReader{}, most: map[uint64]uint64{}}
}

// flagLost marks a log entry that holds how many messages an overrun took.
const flagLost = 1 << 62

// receive notes a log entry of a consumer process.
func (c *castVerdict) receive(v *verdict, consumer, entry uint64) {
	r := c.readers[consumer]
	if r == nil {
		r = &castReader{}
		c.readers[consumer] = r
	}
	if entry&flagLost != 0 {
		r.lost += entry &^ flagLost
		c.reported += entry &^ flagLost
		return
	}
	m := id(entry)
	v.received++
	c.most[m.source()] = max(c.most[m.source()], m.seq()+1)
	switch {
	case !r.has:
	case m == r.last:
		v.duplicated++
		v.example("message %d of %#x came twice to %#x", m.seq(), m.source(), consumer)
	case m < r.last:
		v.reordered++
		v.example("message %d of %#x came to %#x after %d of %#x", m.seq(), m.source(), consumer, r.last.seq(), r.last.source())
	case m.source() == r.last.source():
		c.between(v, r.last, m, r.lost, m.seq()-r.last.seq()-1, m.seq()-r.last.seq()-1)
	default:
		c.switches = append(c.switches, castSwitch{r.last, m, r.lost})
	}
	r.last, r.has, r.lost = m, true, 0
}

// between judges what a consumer missed between two messages: from least to most were sent
// there, and it was told of lost.
func (c *castVerdict) between(v *verdict, from, to id, lost, least, most uint64) {
	if c.overrun == ring.OverrunDrop {
		v.missed += least // held against what was dropped, at the end
		least = 0
	}
	switch {
	case lost < least:
		v.silent += least - lost
		v.example("%d messages between %d of %#x and %d of %#x never came, %d were reported", least, from.seq(), from.source(), to.seq(), to.source(), lost)
	case lost > most:
		v.phantom += lost - most
		v.example("%d messages between %d of %#x and %d of %#x, but %d were reported lost", most, from.seq(), from.source(), to.seq(), to.source(), lost)
	}
}

// count closes the verdict when all ledgers are read. With OverrunDrop, dropped is what the
// producers say: each message was dropped for every consumer of that time.
func (c *castVerdict) count(v *verdict, consumers int, dropped uint64) (committed, lost uint64) {
	for key, s := range v.sources {
		committed += s.done
		if c.most[key] > s.intent {
			v.phantom += c.most[key] - s.intent
			v.example("message %d of %#x came, which began only %d", c.most[key]-1, key, s.intent)
		}
	}
	for _, w := range c.switches {
		least, most := w.to.seq(), w.to.seq()
		for key := w.from.source(); key < w.to.source(); key++ {
			s := v.source(key)
			first := uint64(0)
			if key == w.from.source() {
				first = w.from.seq() + 1
			}
			least += max(s.done, first) - first
			most += max(s.intent, first) - first
		}
		c.between(v, w.from, w.to, w.lost, least, most)
	}
	if most := dropped * uint64(consumers); c.overrun == ring.OverrunDrop && v.missed > most {
		v.silent += v.missed - most
		v.example("%d messages never came, %d were dropped for %d consumers", v.missed, dropped, consumers)
	}
	return committed, v.silent
}
