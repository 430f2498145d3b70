package ring

import (
	"errors"
	"fmt"

	"annulus/futex"
)

// EndpointOption is a choice of one endpoint.
type EndpointOption func(*endpointOptions)

type endpointOptions struct {
	strategy futex.Strategy
	tag      uint64
	backlog  bool
	trace    *futex.Trace
	refused  []int // entries of the endpoint table that will not do
}

// WithTag names a producer of a ring of many, with any number but 0, for its successor:
// one that takes the same tag after its death learns from Committed how much of what it
// sent took effect; in an MPSC ring it gets the same lane. ErrAttached while a live
// endpoint has the tag, errors.ErrUnsupported for consumers and in SPSC and Broadcast rings. It is
// given up by Close.
func WithTag(tag uint64) EndpointOption {
	return func(o *endpointOptions) { o.tag = tag }
}

// WithStrategy chooses how blocking calls wait. Default: futex.Adaptive.
func WithStrategy(s futex.Strategy) EndpointOption {
	return func(o *endpointOptions) { o.strategy = s }
}

// WithTrace has t note when this endpoint's wakes of its peer, and its own sleeps, begin and
// end. The endpoint's owner may read and change t between calls; one t serves one endpoint.
func WithTrace(t *futex.Trace) EndpointOption {
	return func(o *endpointOptions) { o.trace = t }
}

func (r *Ring) endpointOptions(opts []EndpointOption) (endpointOptions, error) {
	o := endpointOptions{strategy: futex.Adaptive()}
	for _, f := range opts {
		f(&o)
	}
	if o.strategy.IsZero() {
		o.strategy = futex.Adaptive()
	}
	switch o.strategy.Park {
	case futex.ParkSemaphore, futex.ParkEventfd:
		if r.table {
			return o, fmt.Errorf("ring %s: many sleepers share a gate: use futexes: %w", r.name(), errors.ErrUnsupported)
		}
	}
	switch o.strategy.Park {
	case futex.ParkSemaphore:
		if r.apart != nil {
			return o, fmt.Errorf("ring %s: its peer shares no semaphore with it, since both would write it; use futexes: %w", r.name(), errors.ErrUnsupported)
		}
		if r.semData == nil {
			return o, fmt.Errorf("ring %s: semaphores need 64-bit Linux: %w", r.name(), errors.ErrUnsupported)
		}
	case futex.ParkEventfd:
		if r.options.efdData == nil || r.options.efdSpace == nil {
			return o, fmt.Errorf("ring %s: %w: to sleep on eventfds, create and open it with WithEventfds", r.name(), ErrFeature)
		}
	}
	return o, nil
}
