package top

import "time"

// share is the part of one processor that looking may take: the rings that take their part
// at each interval, and those that take more, each.
const share = 0.05

// every says how often to look at what took costs: at each interval, but for what takes so
// long that all together would cost more than share. A look walks over what lies in a ring.
func every(costs []time.Duration, interval time.Duration) []time.Duration {
	out := make([]time.Duration, len(costs))
	var total time.Duration
	for i, c := range costs {
		out[i] = interval
		total += c
	}
	budget := time.Duration(share * float64(interval))
	if total <= budget {
		return out
	}
	fair, heavy := budget/time.Duration(len(costs)), time.Duration(0)
	for _, c := range costs {
		if c > fair {
			heavy++
		}
	}
	for i, c := range costs {
		if c > fair {
			out[i] = max(interval, time.Duration(float64(c*heavy)/share))
		}
	}
	return out
}
