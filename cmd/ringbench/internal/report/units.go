package report

import (
	"fmt"
	"strings"
)

var prefixes = []struct {
	factor float64
	name   string
}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}

// SI prints a value with three significant digits and a decimal prefix:
// SI(12345678, "/s") is "12.3 M/s", SI(12, "") is "12.0".
func SI(value float64, unit string) string {
	for _, p := range prefixes {
		// 999.5 would print as 1000: it belongs to the next prefix.
		if value >= p.factor*0.9995 {
			return strings.TrimRight(digits(value/p.factor)+" "+p.name+unit, " ")
		}
	}
	return strings.TrimRight(digits(value)+" "+unit, " ")
}

// Nanos prints a duration in nanoseconds: "150 ns", "14.2 us", "1.20 ms", "3.00 s".
func Nanos(ns int64) string {
	v := float64(ns)
	switch {
	case v < 999.5:
		return fmt.Sprintf("%d ns", ns)
	case v < 999.5e3:
		return digits(v/1e3) + " us"
	case v < 999.5e6:
		return digits(v/1e6) + " ms"
	}
	return digits(v/1e9) + " s"
}

func digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
