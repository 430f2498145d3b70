package load

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// size is bytes, a range, a list of weights, or a capture.
func (x *parser) size(n *yaml.Node) Size {
	n = resolve(n)
	switch n.Kind {
	case yaml.ScalarNode:
		return value(&x.reader, n, ParseSpan)
	case yaml.SequenceNode:
		var s Size
		x.list(n, "a list of sizes", func(n *yaml.Node) {
			w := Weight{Weight: 1}
			x.mapping(n, "a size", map[string]field{
				"size":   func(v *yaml.Node) { w.Size = x.bytes(v) },
				"weight": func(v *yaml.Node) { w.Weight = x.number(v, "a weight greater than 0") },
			})
			if w.Size == 0 {
				x.wrong(n.Line, "a size with the key size", "none")
			}
			s.Weighted = append(s.Weighted, w)
		})
		return s
	}
	var s Size
	x.mapping(n, "size", map[string]field{
		"from":    func(v *yaml.Node) { s.From = x.bytes(v) },
		"to":      func(v *yaml.Node) { s.To = x.bytes(v) },
		"capture": func(v *yaml.Node) { s.Capture = x.path(v) },
	})
	if ranges := s.From > 0 && s.To > 0; ranges == (s.Capture != "") || (s.From > 0) != (s.To > 0) {
		x.wrong(n.Line, "a size with from and to, or with capture", "something else")
	}
	if s.To < s.From {
		x.wrong(n.Line, "from that is not greater than to", fmt.Sprintf("from %dB to %dB", s.From, s.To))
	}
	return s
}

// bytes is the size of a message.
func (x *parser) bytes(n *yaml.Node) int {
	return value(&x.reader, n, func(s string) (int, error) {
		size, err := ParseSpan(s)
		if err == nil && size.From != size.To {
			err = fmt.Errorf("one size, not a range")
		}
		return size.From, err
	})
}

func (x *parser) number(n *yaml.Node, expected string) float64 {
	return value(&x.reader, n, func(s string) (float64, error) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%s", expected)
		}
		return v, nil
	})
}

// pace is max, a rate, or keys.
func (x *parser) pace(n *yaml.Node) Pace {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode {
		return value(&x.reader, n, ParsePace)
	}
	var p Pace
	var rate float64
	lines := x.mapping(n, "pace", map[string]field{
		"rate":     func(v *yaml.Node) { rate = x.rate(v) },
		"arrivals": func(v *yaml.Node) { p.Poisson = x.one(v, []string{"even", "poisson"}) == "poisson" },
		"burst":    func(v *yaml.Node) { p.Burst = x.count(v, 1, 1<<30) },
		"every":    func(v *yaml.Node) { p.Every = x.time(v, time.Microsecond) },
		"phases": func(v *yaml.Node) {
			x.list(v, "a list of phases", func(v *yaml.Node) { p.Phases = append(p.Phases, x.phase(v)) })
		},
		"capture": func(v *yaml.Node) { p.Capture = x.path(v) },
		"speed":   func(v *yaml.Node) { p.Speed = x.number(v, "how many times as fast, greater than 0") },
	})
	kinds := 0
	for _, k := range []string{"rate", "burst", "phases", "capture"} {
		if lines[k] > 0 {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		x.wrong(n.Line, "a pace with one of rate, burst, phases and capture", strconv.Itoa(kinds)+" of them")
	case (lines["burst"] > 0) != (lines["every"] > 0):
		x.wrong(n.Line, "burst and every together", "one of them")
	case lines["arrivals"] > 0 && lines["rate"]+lines["phases"] == 0:
		x.wrong(lines["arrivals"], "arrivals only with rate or phases", "it without")
	case lines["speed"] > 0 && p.Capture == "":
		x.wrong(lines["speed"], "speed only with capture", "it without")
	case p.Capture != "" && p.Speed == 0:
		p.Speed = 1
	case lines["rate"] > 0:
		if rate == 0 {
			x.wrong(lines["rate"], "a rate greater than 0/s", "0/s")
		}
		p.Phases = steady(rate)
	case len(p.Phases) > 0 && silent(p.Phases):
		x.wrong(lines["phases"], "a phase with a rate greater than 0/s", "none")
	}
	return p
}

// steady is a constant rate.
func steady(rate float64) []Phase { return []Phase{{time.Second, rate, rate}} }

func silent(phases []Phase) bool {
	for _, p := range phases {
		if p.From > 0 || p.To > 0 {
			return false
		}
	}
	return true
}

// ParsePace parses max or a rate.
func ParsePace(s string) (Pace, error) {
	if s == "max" {
		return Pace{}, nil
	}
	rate, err := parseRate(s)
	if err != nil || rate == 0 {
		return Pace{}, fmt.Errorf("max, or a rate up to 1e9/s, such as 500/s, 50k/s or 1e6/s")
	}
	return Pace{Phases: steady(rate)}, nil
}

func (x *parser) rate(n *yaml.Node) float64 { return value(&x.reader, n, parseRate) }

func (x *parser) phase(n *yaml.Node) Phase {
	var p Phase
	lines := x.mapping(n, "a phase", map[string]field{
		"for":  func(v *yaml.Node) { p.For = x.time(v, time.Millisecond) },
		"rate": func(v *yaml.Node) { p.From = x.rate(v); p.To = p.From },
		"from": func(v *yaml.Node) { p.From = x.rate(v) },
		"to":   func(v *yaml.Node) { p.To = x.rate(v) },
	})
	ramp := lines["from"] > 0 && lines["to"] > 0
	switch {
	case p.For == 0:
		x.wrong(n.Line, "a phase with the key for", "none")
	case ramp == (lines["rate"] > 0) || !ramp && lines["from"]+lines["to"] > 0:
		x.wrong(n.Line, "a phase with rate, or with from and to", "something else")
	}
	return p
}
