package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/units"
)

// ParseSize parses bytes, up to 2 GiB where an int can hold that: 64, 64B, 4KiB, 1MiB; K and M are KiB and MiB.
func ParseSize(s string) (int, error) {
	n, ok := units.Bytes(s)
	if !ok || n > min(math.MaxInt32+1, math.MaxInt) {
		return 0, fmt.Errorf("bytes, such as 64B, 4KiB or 1MiB")
	}
	return int(n), nil
}

// ParseRate parses messages a second: 1000/s, 50k/s, 1e6/s, 2M/s.
func ParseRate(s string) (float64, error) {
	digits, ok := strings.CutSuffix(s, "/s")
	factor := 1.0
	switch {
	case strings.HasSuffix(digits, "k"):
		digits, factor = strings.TrimSuffix(digits, "k"), 1e3
	case strings.HasSuffix(digits, "M"):
		digits, factor = strings.TrimSuffix(digits, "M"), 1e6
	}
	v, err := strconv.ParseFloat(digits, 64)
	if v *= factor; err != nil || !ok || !(v >= 0) || v > 1e9 {
		return 0, fmt.Errorf("a rate from 0/s to 1e9/s, such as 500/s, 50k/s or 1e6/s")
	}
	return v, nil
}

// ParseTime parses a time with a unit: 5us, 10ms, 1.5s, 2m.
func ParseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || s == "0" && d == 0 {
		return 0, fmt.Errorf("a time with a unit, such as 5us, 10ms or 2s")
	}
	return d, nil
}

// ParseSpan parses a size or, with a dash, a range of sizes: 64B, 64B-1KiB.
func ParseSpan(s string) (Size, error) {
	from, to, ranges := strings.Cut(s, "-")
	a, err := ParseSize(from)
	b := a
	if err == nil && ranges {
		b, err = ParseSize(to)
	}
	if err != nil || b < a || a < headBytes {
		return Size{}, fmt.Errorf("bytes of at least %d, such as 64B, or a range of them, such as 64B-1KiB", headBytes)
	}
	return Size{From: a, To: b}, nil
}
