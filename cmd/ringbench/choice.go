package main

import (
	"fmt"
	"slices"
	"strings"
)

// choice is a flag.Value out of names that are known: completion offers them.
type choice struct {
	names []string
	list  bool // several, separated by commas
	set   func(string) error
}

func (c *choice) String() string     { return "" }
func (c *choice) Set(s string) error { return c.set(s) }

// oneOf takes one of the names and refuses all others.
func oneOf(to *string, names []string) *choice {
	return among(names, func(s string) error {
		if !slices.Contains(names, s) {
			return fmt.Errorf("expected %s", strings.Join(names, ", "))
		}
		*to = s
		return nil
	})
}

// among offers names, and leaves it to set what else is right.
func among(names []string, set func(string) error) *choice { return &choice{names: names, set: set} }

// someOf is among for lists.
func someOf(names []string, set func(string) error) *choice {
	return &choice{names: names, list: true, set: set}
}

// listOf takes some of the names, separated by commas, and refuses all others.
func listOf(to *[]string, names []string) *choice {
	return someOf(names, func(s string) error {
		list := strings.Split(s, ",")
		for _, name := range list {
			if !slices.Contains(names, name) {
				return fmt.Errorf("expected some of %s", strings.Join(names, ", "))
			}
		}
		*to = list
		return nil
	})
}
