package stress

import (
	"fmt"

	"annulus/ring"
)

func describeStats(s ring.Stats) string {
	return fmt.Sprintf("head %d, tail %d, %d settled for producers, %d for consumers, %d handed on;",
		s.Head, s.Tail, s.Producer.Repaired, s.Consumer.Repaired, s.Consumer.Handed)
}

func describe(m ring.MemberStats) string {
	role, life := "consumer", "dead"
	if m.Producer {
		role = "producer"
	}
	if m.Attached {
		life = "alive"
	}
	return fmt.Sprintf(" %s %d %s, pid %d, %d claims from %d;", role, m.Index, life, m.PID, m.Claims, m.Claim)
}
