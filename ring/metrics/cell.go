package metrics

import (
	"errors"
	"os"

	"github.com/prometheus/client_golang/prometheus"
)

// cellSource is a cell or block in a Collector.
type cellSource struct{ cell Cell }

func (s *cellSource) check() error {
	_, err := s.cell.Stats()
	return err
}

func (s *cellSource) collect(name string, out chan<- prometheus.Metric) error {
	st, err := s.cell.Stats()
	if errors.Is(err, os.ErrClosed) {
		return err
	}
	if err != nil {
		cellUp.send(out, 0, name)
		return err
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	cellUp.send(out, 1, name)
	cellVersions.send(out, float64(st.Version), name)
	cellBytes.send(out, float64(st.Length), name)
	cellAttached.send(out, is(st.Attached), name)
	cellDead.send(out, is(st.Sessions > 0 && !st.Attached && !st.Closed), name)
	cellSessions.send(out, float64(st.Sessions), name)
	cellParks.send(out, float64(st.Waits), name)
	cellWakes.send(out, float64(st.Wakes), name)
	return nil
}
