package ring

// State is one word for a side, for people: none (nobody has come yet), attached, stopped
// (and attached), closing, closed, or dead (the last one left without closing).
func (s SideStats) State() string {
	switch {
	case s.Attached && s.Stopped:
		return "stopped"
	case s.Attached && (s.Closed || s.Finished):
		return "closing"
	case s.Attached:
		return "attached"
	case s.Sessions == 0:
		return "none"
	case s.Closed:
		return "closed"
	}
	return "dead"
}

// State is one word for a member, for people: attached, stopped (and attached), leaving,
// dead, or gone (closed, and messages of it are still in its lane).
func (m MemberStats) State() string {
	switch {
	case m.Left:
		return "gone"
	case !m.Attached:
		return "dead"
	case m.Stopped:
		return "stopped"
	case m.Leaving:
		return "leaving"
	}
	return "attached"
}

// many tells on which sides there may be several, whom Stats.Members lists.
func (t Topology) many() (producers, consumers bool) {
	switch t {
	case MPSC:
		return true, false
	case Broadcast:
		return false, true
	case MPMC, MPSCOrdered:
		return true, true
	}
	return false, false
}

// Endpoints returns who is on one side of a ring of topology t, as far as these Stats tell:
// those attached, and dead ones in whose place nobody is yet. Where one is there at a
// time, it is made of what SideStats says of it.
func (s *Stats) Endpoints(t Topology, producer bool) (list []MemberStats) {
	side := s.Consumer
	producers, many := t.many()
	if producer {
		side, many = s.Producer, producers
	}
	if many {
		for _, m := range s.Members {
			if m.Producer == producer && !m.Left {
				list = append(list, m)
			}
		}
		return list
	}
	if dead := side.State() == "dead"; !side.Attached && !dead {
		return nil
	}
	return []MemberStats{{
		Producer: producer, Attached: side.Attached, Stopped: side.Stopped, Leaving: side.Attached && (side.Closed || side.Finished),
		PID: side.PID, Since: side.Since, Messages: side.Messages, Bytes: side.Bytes, Wakes: side.Wakes, Parks: side.Parks,
	}}
}
