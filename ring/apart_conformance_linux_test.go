package ring_test

import (
	"testing"

	"annulus/internal/race"
	"annulus/ring"
	"annulus/ring/ringtest"
)

// A ring between two who do not trust each other is a ring like others.
func TestConformanceApart(t *testing.T) {
	for _, role := range []ring.Role{ring.AsProducer, ring.AsConsumer} {
		for _, name := range []string{"spin", "yield", "futex", "adaptive"} {
			s := strategies[name]
			if race.Enabled || !supported(s) {
				continue // the race detector cannot see mapped memory
			}
			s = unbounded(s) // a wake or an interrupt that is lost hangs
			t.Run(role.String()+"/"+name, func(t *testing.T) {
				ringtest.Test(t, ringtest.Factory{
					Apart:    true,
					Strategy: s,
					Messages: messages(s),
					New: func(t testing.TB, c ring.Config) (p, q *ring.Ring) {
						p, q = strangers(t, role, c)
						if role == ring.AsConsumer {
							p, q = q, p
						}
						return p, q
					},
				})
			})
		}
	}
}
