package metrics

import (
	"errors"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annulus/ring"
)

// ringSource is a ring in a Collector, which sees to it that one goroutine at a time uses it.
type ringSource struct {
	ring *ring.Ring
	told map[series]uint64 // what counters have said last
	seen map[member]uint64 // what consumers had lost when last looked at
	lost uint64
}

// series is one counter of a ring.
type series struct {
	desc *prometheus.Desc
	side string
}

// member is one consumer for as long as it is attached.
type member struct {
	index, pid int
	since      time.Time
}

func newRingSource(r *ring.Ring) *ringSource {
	return &ringSource{ring: r, told: map[series]uint64{}, seen: map[member]uint64{}}
}

func (s *ringSource) check() error {
	_, _, err := s.ring.Gates()
	return err
}

func (s *ringSource) collect(name string, out chan<- prometheus.Metric) error {
	st, err := s.ring.Stats()
	if errors.Is(err, os.ErrClosed) {
		return err
	}
	if err != nil {
		ringUp.send(out, 0, name)
		return err
	}
	c := s.ring.Config()
	ringUp.send(out, 1, name)
	ringInfo.send(out, 1, name, c.Topology.Name(), c.Kind.String(), s.ring.Region().Backing().String())
	s.side(out, name, "producer", st.Producer)
	s.side(out, name, "consumer", st.Consumer)
	s.members(out, name, c, st)
	ringRatio.send(out, float64(st.Occupied)/float64(max(st.Capacity, 1)), name)
	occupied, capacity := ringOccBytes, ringCapBytes
	if c.Kind == ring.Slots {
		occupied, capacity = ringOccSlots, ringCapSlots
	}
	occupied.send(out, float64(st.Occupied), name)
	capacity.send(out, float64(st.Capacity), name)
	switch c.Topology {
	case ring.Broadcast:
		s.count(out, ringDropped, name, "", st.Dropped)
		s.count(out, ringLost, name, "", s.losses(st.Members))
		return nil
	case ring.MPMC:
		s.count(out, ringHanded, name, "", st.Consumer.Handed)
	}
	ringWaiting.send(out, max(0, float64(int64(st.Producer.Messages-st.Consumer.Messages))), name)
	return nil
}

func (s *ringSource) side(out chan<- prometheus.Metric, name, side string, st ring.SideStats) {
	s.count(out, ringMessages, name, side, st.Messages)
	s.count(out, ringBytes, name, side, st.Bytes)
	s.count(out, ringWakes, name, side, st.Wakes)
	s.count(out, ringParks, name, side, st.Parks)
	s.count(out, ringSessions, name, side, uint64(st.Sessions))
	s.count(out, ringRepaired, name, side, st.Repaired)
	asleep := 0.0
	if st.Asleep && st.Attached {
		asleep = 1
	}
	ringAsleep.send(out, asleep, name, side)
}

// members counts who is there, by state.
func (s *ringSource) members(out chan<- prometheus.Metric, name string, c ring.Config, st ring.Stats) {
	for side, producer := range map[string]bool{"producer": true, "consumer": false} {
		count := map[string]int{"attached": 0, "stopped": 0, "dead": 0}
		for _, m := range st.Endpoints(c.Topology, producer) {
			switch state := m.State(); state {
			case "leaving":
				count["attached"]++
			default:
				count[state]++
			}
		}
		for state, n := range count {
			ringMembers.send(out, float64(n), name, side, state)
		}
	}
}

// count tells a counter, which never goes back: words are read one by one while the ring
// is used, so sums may be a little less than before, and that would look like a restart.
func (s *ringSource) count(out chan<- prometheus.Metric, m metric, name, side string, v uint64) {
	k := series{m.desc, side}
	v = max(v, s.told[k])
	s.told[k] = v
	labels := []string{name}
	if side != "" {
		labels = append(labels, side)
	}
	m.send(out, float64(v), labels...)
}

// losses adds up what consumers have lost, those included that have left since.
func (s *ringSource) losses(members []ring.MemberStats) uint64 {
	seen := map[member]uint64{}
	for _, m := range members {
		k := member{m.Index, m.PID, m.Since}
		if before := s.seen[k]; m.Lost > before {
			s.lost += m.Lost - before
		}
		seen[k] = max(m.Lost, s.seen[k])
	}
	s.seen = seen
	return s.lost
}
