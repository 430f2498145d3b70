package load

import (
	"errors"
	"fmt"
	"time"

	"annulus/ring/feed"
)

// recording is what a capture says of a load.
type recording struct {
	sizes []int           // at least headBytes: shorter messages become so long
	times []time.Duration // since the first; what lies between two sessions is left out
	whole time.Duration   // how long until it begins anew
}

// readCapture reads the sizes and times of the messages in a capture, which must have some.
// What a recorder that was killed left torn at the end is left out.
func readCapture(path string) (*recording, error) {
	r := &recording{}
	var last, offset time.Duration
	for m, err := range feed.CaptureRecords(path) {
		if errors.Is(err, feed.ErrTorn) && len(r.sizes) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(r.sizes) == 0 || m.Session || m.Mono < last {
			offset = r.whole - m.Mono
		}
		last = m.Mono
		r.sizes = append(r.sizes, max(len(m.Payload), headBytes))
		r.times = append(r.times, m.Mono+offset)
		r.whole = m.Mono + offset
	}
	n := len(r.sizes)
	if n == 0 {
		return nil, fmt.Errorf("capture %q has no messages", path)
	}
	// One more step of its usual length lies before the next round.
	r.whole += max(r.whole/time.Duration(max(n-1, 1)), time.Microsecond)
	return r, nil
}
