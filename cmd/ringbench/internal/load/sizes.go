package load

import (
	"math/rand/v2"
	"sort"
)

// bounds are the least and the greatest size.
func (s *Size) bounds() (from, to int) {
	sizes := []int{s.From, s.To}
	if len(s.Weighted) > 0 {
		sizes = nil
	}
	for _, w := range s.Weighted {
		sizes = append(sizes, w.Size)
	}
	if s.Capture != "" {
		r, err := readCapture(s.Capture)
		if err != nil {
			return 0, 0 // whoever picks from it says so
		}
		sizes = r.sizes
	}
	from, to = sizes[0], sizes[0]
	for _, n := range sizes {
		from, to = min(from, n), max(to, n)
	}
	return from, to
}

// picker returns a function that picks the size of the next message.
func (s *Size) picker(rng *rand.Rand) (func() int, error) {
	switch {
	case s.Capture != "":
		r, err := readCapture(s.Capture)
		if err != nil {
			return nil, err
		}
		next := -1
		return func() int { next = (next + 1) % len(r.sizes); return r.sizes[next] }, nil
	case len(s.Weighted) > 0:
		var sum float64
		upTo := make([]float64, len(s.Weighted))
		for i, w := range s.Weighted {
			sum += w.Weight
			upTo[i] = sum
		}
		return func() int {
			i := sort.SearchFloat64s(upTo, rng.Float64()*sum)
			return s.Weighted[min(i, len(upTo)-1)].Size
		}, nil
	case s.From == s.To:
		return func() int { return s.From }, nil
	}
	return func() int { return s.From + rng.IntN(s.To-s.From+1) }, nil
}
