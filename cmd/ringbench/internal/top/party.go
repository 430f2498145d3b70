package top

import (
	"fmt"
	"time"

	"annulus/ring"
)

// Party is who is on one side of a ring.
type Party struct {
	Running []int // PIDs, in their own namespaces
	Stopped []int
	Dead    []int
	State   string // of the side: none, attached, stopped, closing, closed or dead
}

func partyOf(s *Sample, producer bool) Party {
	p := Party{State: s.Stats.Consumer.State()}
	if producer {
		p.State = s.Stats.Producer.State()
	}
	for _, m := range s.Stats.Endpoints(s.Config.Topology, producer) {
		switch {
		case !m.Attached:
			p.Dead = append(p.Dead, m.PID)
		case m.Stopped:
			p.Stopped = append(p.Stopped, m.PID)
		default:
			p.Running = append(p.Running, m.PID)
		}
	}
	return p
}

// String is short: a PID, or how many there are; who is stopped or dead is marked.
func (p Party) String() string {
	all := len(p.Running) + len(p.Stopped)
	switch {
	case all == 1 && len(p.Dead) == 0 && len(p.Stopped) == 0:
		return fmt.Sprint(p.Running[0])
	case all == 1 && len(p.Dead) == 0:
		return fmt.Sprintf("%d stopped", p.Stopped[0])
	case all == 0 && len(p.Dead) == 1:
		return fmt.Sprintf("%d dead", p.Dead[0])
	case all == 0 && len(p.Dead) == 0:
		return p.State
	}
	text := fmt.Sprint(all)
	if n := len(p.Stopped); n > 0 {
		text += fmt.Sprintf(", %d stopped", n)
	}
	if n := len(p.Dead); n > 0 {
		text += fmt.Sprintf(", %d dead", n)
	}
	return text
}

// stuck is how long a member has made no progress although it has something to do: a
// message in its hands, or of a broadcast ring one before it. 0: it has.
type stuck struct {
	For     time.Duration
	AtLeast bool // it was so when first seen
}

// memberKey is one endpoint for as long as it is attached.
type memberKey struct {
	index, pid int
	since      time.Time
}

func keyOf(m ring.MemberStats) memberKey { return memberKey{m.Index, m.PID, m.Since} }
