package top

import (
	"fmt"
	"time"

	"annulus/ring"
)

// Level is how much something matters.
type Level int

const (
	Fine Level = iota
	Quiet
	Warning
	Bad
)

// Condition is the state of a ring in a word or two: the worst that there is to say.
type Condition struct {
	Level Level
	Word  string
	Since *stuck // for how long, where that is known
}

// String is the word, and for how long it has been so.
func (c Condition) String() string {
	if c.Since == nil {
		return c.Word
	}
	return c.Word + " " + c.Since.String()
}

// stallAfter is how long a ring that is not empty may stand still until that is worth a
// word.
const stallAfter = time.Second

func conditionOf(r *Row) Condition {
	producer, consumer := "prod", "cons"
	if r.Cell != nil {
		producer = "writer"
	}
	stall := new(r.Stall)
	stalled := stall.For >= stallAfter
	switch {
	case r.Err != "":
		return Condition{Level: Bad, Word: "error"}
	case len(r.Producers.Dead) > 0 && len(r.Consumers.Dead) > 0:
		return Condition{Level: Bad, Word: "both dead"}
	case len(r.Consumers.Dead) > 0:
		return Condition{Level: Bad, Word: consumer + " dead"}
	case len(r.Producers.Dead) > 0:
		return Condition{Level: Bad, Word: producer + " dead"}
	case len(r.Consumers.Stopped) > 0:
		return Condition{Level: Warning, Word: consumer + " stopped"}
	case len(r.Producers.Stopped) > 0:
		return Condition{Level: Warning, Word: producer + " stopped"}
	case stalled && len(r.Consumers.Running) == 0 && r.Config.Topology != ring.Broadcast:
		return Condition{Warning, "unread", stall}
	case stalled && r.Full:
		return Condition{Warning, "full", stall}
	case stalled:
		return Condition{Warning, "stalled", stall}
	case r.Lost > 0 && r.Rates.Lost > 0:
		return Condition{Level: Warning, Word: "losing"}
	case r.Dropped > 0:
		return Condition{Level: Warning, Word: "dropping"}
	}
	for _, s := range r.Stuck {
		if s.For >= stallAfter {
			return Condition{Level: Warning, Word: "member stuck"}
		}
	}
	switch {
	case r.Removed:
		return Condition{Level: Quiet, Word: "removed"}
	case r.In > 0 || r.Out > 0:
		return Condition{Level: Fine, Word: "flowing"}
	case !r.Known:
		return Condition{Level: Quiet, Word: "-"}
	}
	return Condition{Level: Quiet, Word: "idle"}
}

// String is for how long, with > in front where it may be longer.
func (s stuck) String() string {
	more := ""
	if s.AtLeast {
		more = ">"
	}
	return more + lasting(s.For)
}

// lasting prints a time in at most four places.
func lasting(d time.Duration) string {
	switch s := int(d.Seconds()); {
	case s < 100:
		return fmt.Sprintf("%ds", s)
	case s < 100*60:
		return fmt.Sprintf("%dm", s/60)
	case s < 100*3600:
		return fmt.Sprintf("%dh", s/3600)
	default:
		return fmt.Sprintf("%dd", s/86400)
	}
}
