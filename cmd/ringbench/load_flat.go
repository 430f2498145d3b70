package main

import (
	"fmt"
	"regexp"
	"strings"

	"annulus/cmd/ringbench/internal/load"
)

// profile writes the flags as a profile and reads that: so they mean the same.
func (f *flatProfile) profile() (*load.Profile, error) {
	var b strings.Builder
	section := func(head string, keys ...string) {
		fmt.Fprintf(&b, "%s: {", head)
		sep := ""
		for i := 0; i < len(keys); i += 2 {
			if v, ok := f.lines[keys[i]]; ok {
				fmt.Fprintf(&b, "%s%s: %s", sep, keys[i+1], v)
				sep = ", "
			}
		}
		b.WriteString("}\n")
	}
	b.WriteString("name: flags\nrings:\n  ")
	capacity := "capacity"
	if f.lines["topology"] == "mpmc" {
		if v, ok := f.lines["capacity"]; ok {
			return nil, usagef("expected --capacity only with rings of bytes, found %s with --topology mpmc; a profile can say slots", v)
		}
		if v, ok := f.lines["size"]; ok {
			s, err := load.ParseSpan(v)
			if err != nil {
				return nil, usageError{expected(err)}
			}
			f.lines["slot-size"] = fmt.Sprint(s.To)
		}
		capacity = "slot-size"
	}
	section("ring", "topology", "topology", capacity, capacity, "overrun", "overrun", "wait", "wait")
	b.WriteString("producers:\n  ")
	section("producers", "producers", "count", "size", "size", "rate", "pace", "batch", "batch")
	b.WriteString("consumers:\n  ")
	section("consumers", "consumers", "count", "work", "work", "batch", "batch")
	p, err := load.Parse("flags", []byte(b.String()))
	if err != nil {
		return nil, usageError{because(err, "%s", flagLine.ReplaceAllString(err.Error(), ""))}
	}
	return p, nil
}

// flagLine is a place that nobody has written.
var flagLine = regexp.MustCompile(`^flags:\d+: `)
