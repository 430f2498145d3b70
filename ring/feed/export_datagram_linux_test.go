package feed

import (
	"context"

	"annulus/ring"
)

// FillTimes fills the ring from s until n messages have come.
func FillTimes(p *ring.Producer, s Source, n uint64) error {
	var total counters
	in := newIntake(p, &total, options{})
	in.ctx = context.Background()
	for total.messages.Load() < n {
		if err := s.Fill(in); err != nil {
			return err
		}
		if err := in.flush(); err != nil {
			return err
		}
	}
	return nil
}
