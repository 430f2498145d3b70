package main

import (
	"flag"
	"fmt"
	"regexp"
	"strings"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/stress"
)

// flatProfile is a profile of one ring with a group on each side, by flags.
type flatProfile struct {
	given int // flags
	lines map[string]string
}

// flags declares them; what each says is a line of the profile.
func (f *flatProfile) flags(fs *flag.FlagSet) {
	f.lines = map[string]string{}
	for _, l := range []struct {
		name, usage string
		parse       func(string) error
		names       []string // in place of parse
	}{
		{"topology", "`KIND` of ring: " + strings.Join(stress.Names(), ", ") + "; default: spsc", nil, stress.Names()},
		{"capacity", "`BYTES` of the ring; default: 1MiB", func(s string) error { _, err := load.ParseSize(s); return expected(err) }, nil},
		{"overrun", "broadcast: `WHAT` becomes of slow consumers: " + strings.Join(overruns, ", "), nil, overruns},
		{"wait", "`HOW` they wait: " + strings.Join(load.Waits(), ", ") + "; default: adaptive", nil, load.Waits()},
		{"producers", "`N` processes that send; default: 1", between(new(int), 1, 256), nil},
		{"consumers", "`N` processes that receive; default: 1", between(new(int), 1, 256), nil},
		{"size", "`BYTES` of messages, or a range: 64B-1KiB; default: 64B", func(s string) error { _, err := load.ParseSpan(s); return expected(err) }, nil},
		{"rate", "messages per second of each that sends: `R`, such as 50k/s; default: as fast as possible", func(s string) error { _, err := load.ParsePace(s); return expected(err) }, nil},
		{"batch", "publish and release up to `N` messages together", between(new(int), 1, 1024), nil},
		{"work", "a `TIME` that who receives is busy for each message", func(s string) error { _, err := load.ParseTime(s); return expected(err) }, nil},
	} {
		if l.names != nil {
			l.parse = oneOf(new(string), l.names).Set
		}
		set := func(s string) error {
			if err := l.parse(s); err != nil {
				return err
			}
			f.given++
			f.lines[l.name] = s
			return nil
		}
		if l.names != nil {
			fs.Var(among(l.names, set), l.name, l.usage)
		} else {
			fs.Func(l.name, l.usage, set)
		}
	}
}

func expected(err error) error {
	if err != nil {
		return fmt.Errorf("expected %w", err)
	}
	return nil
}

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
