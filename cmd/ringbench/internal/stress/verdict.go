package stress

import "fmt"

// source is one producer process: what it has sent, and what of it has arrived.
type source struct {
	base    uint64   // all before have arrived
	arrived []uint64 // bits, from base on, a multiple of 64
	intent  uint64
	done    uint64
}

// has tells whether message seq has arrived.
func (s *source) has(seq uint64) bool {
	if seq < s.base {
		return true
	}
	i := seq - s.base
	return i/64 < uint64(len(s.arrived)) && s.arrived[i/64]>>(i%64)&1 != 0
}

func (s *source) add(seq uint64) {
	i := seq - s.base
	for i/64 >= uint64(len(s.arrived)) {
		s.arrived = append(s.arrived, 0)
	}
	s.arrived[i/64] |= 1 << (i % 64)
	n := 0
	for n < len(s.arrived) && s.arrived[n] == ^uint64(0) {
		n++
	}
	if n > 16 || n > 0 && n == len(s.arrived) {
		s.arrived = append(s.arrived[:0], s.arrived[n:]...)
		s.base += 64 * uint64(n)
	}
}

// verdict gathers what the ledgers say. It belongs to one goroutine.
type verdict struct {
	sources map[uint64]*source
	last    map[uint64]map[uint64]uint64 // by consumer process, then source: sequence number + 1

	// inHand holds messages that may come again because the consumer that took
	// them was killed before their release, and the ring does not say so itself.
	inHand map[id]bool

	// early holds messages of which the redelivery was read, and not the first
	// delivery: it may stand in the ledger of the dead that is read later.
	early map[id]bool

	cast *castVerdict // of broadcast rings, which it judges

	received, redelivered, duplicated, reordered, phantom, misjudged uint64
	missed, silent                                                   uint64 // broadcast: did not come; not reported either
	examples                                                         []string
}

func newVerdict() *verdict {
	return &verdict{sources: map[uint64]*source{}, last: map[uint64]map[uint64]uint64{}, inHand: map[id]bool{}, early: map[id]bool{}}
}

func (v *verdict) source(key uint64) *source {
	s := v.sources[key]
	if s == nil {
		s = &source{}
		v.sources[key] = s
	}
	return s
}

// sent notes a producer's own words.
func (v *verdict) sent(key, intent, done uint64) {
	s := v.source(key)
	s.intent, s.done = max(s.intent, intent), max(s.done, done)
}

// exactly notes how many messages of a producer that is gone took effect, as its
// successor found out.
func (v *verdict) exactly(key, n uint64) {
	s := v.source(key)
	if n < s.done || n > s.intent {
		v.misjudged++
		v.example("the successor of %#x found that %d messages were sent, it had begun %d and ended %d", key, n, s.intent, s.done)
	}
	s.intent, s.done = n, n
}

// receive notes a log entry of a consumer process.
func (v *verdict) receive(consumer, entry uint64) {
	if v.cast != nil {
		v.cast.receive(v, consumer, entry)
		return
	}
	m, again := id(entry&^flagRedelivered), entry&flagRedelivered != 0
	s := v.source(m.source())
	seq := m.seq()
	again = again || v.inHand[m]
	switch {
	case s.has(seq) && again:
		v.redelivered++
		return
	case s.has(seq) && v.early[m]:
		delete(v.early, m)
		v.redelivered++
		return
	case s.has(seq):
		v.duplicated++
		v.example("message %d of %#x came twice", seq, m.source())
		return
	}
	v.received++
	s.add(seq)
	if again {
		v.redelivered++
		v.early[m] = true
		return
	}
	last := v.last[consumer]
	if last == nil {
		last = map[uint64]uint64{}
		v.last[consumer] = last
	}
	if seq < last[m.source()] {
		v.reordered++
		v.example("message %d of %#x after %d", seq, m.source(), last[m.source()]-1)
	}
	last[m.source()] = seq + 1
}

// forget drops what is known of a consumer process that is gone.
func (v *verdict) forget(consumer uint64) {
	delete(v.last, consumer)
	if v.cast != nil {
		delete(v.cast.readers, consumer)
	}
}

// count returns, at the end, how many messages were sent for certain and how many
// of these never came.
func (v *verdict) count() (committed, lost uint64) {
	for key, s := range v.sources {
		committed += s.done
		for seq := s.base; seq < s.done; seq++ {
			if !s.has(seq) {
				lost++
				v.example("message %d of %#x never came", seq, key)
			}
		}
		for i := range uint64(len(s.arrived)) * 64 {
			if seq := s.base + i; seq >= s.intent && s.has(seq) {
				v.phantom++
				v.example("message %d of %#x came, which began only %d", seq, key, s.intent)
			}
		}
	}
	return committed, lost
}

func (v *verdict) example(format string, args ...any) {
	if len(v.examples) < 5 {
		v.examples = append(v.examples, fmt.Sprintf(format, args...))
	}
}
