package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/cmd/ringbench/internal/typeset"
)

// method is a contender with the wait that it is compared in.
type method struct {
	*contender
	label   string
	wait    string // of Params; "" where there is no choice
	chosen  bool   // where nothing is asked for
	spinner bool   // it only spins
}

// allMethods lists what can be compared. The rivals among them are built with b, which may be nil where
// none is.
func allMethods(b *rival.Builder) []method {
	var list []method
	for _, t := range allTransports() {
		c := ofTransport(t)
		if t.Waits == nil {
			list = append(list, method{contender: c, label: c.name, chosen: true})
		}
		for _, w := range t.Waits {
			list = append(list, method{contender: c, label: c.name + "-" + w, wait: w, chosen: c.name == "ring" && w != "yield", spinner: w == "spin"})
		}
	}
	for _, r := range rival.All {
		list = append(list, method{contender: ofRival(r, b), label: r.Name, chosen: true, spinner: r.Wait == "spin"})
	}
	return list
}

func methodNames() (names []string) {
	for _, m := range allMethods(nil) {
		names = append(names, m.label)
	}
	return names
}

// methodWords are all that chooseMethods takes.
func methodWords() []string {
	words := methodNames()
	for _, m := range allMethods(nil) {
		for _, word := range []string{m.name, m.family} {
			if !slices.Contains(words, word) && !strings.Contains(word, " ") {
				words = append(words, word)
			}
		}
	}
	return words
}

// chooseMethods returns the methods that the words name, in the order of the list.
func chooseMethods(words []string, b *rival.Builder) ([]method, error) {
	all := allMethods(b)
	if words == nil {
		return slices.DeleteFunc(all, func(m method) bool { return !m.chosen }), nil
	}
	wanted := make([]bool, len(all))
	for _, word := range words {
		found := false
		isName := slices.ContainsFunc(all, func(m method) bool { return m.name == word })
		for i, m := range all {
			if m.label == word || m.wait != "yield" && (m.name == word || !isName && m.family == word) {
				wanted[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("expected names out of %s, found %q", strings.Join(methodNames(), ","), word)
		}
	}
	var list []method
	for i, m := range all {
		if wanted[i] {
			list = append(list, m)
		}
	}
	return list, nil
}

// comparing is the plan of a comparison, and what of it could not be measured.
type comparing struct {
	methods []method
	steps   []measurement
	failed  []failure
}

// failure is what became of one method at one size.
type failure struct {
	label string
	size  int
	report.Missing
}

func newComparing(o *comparison, methods []method, cpus []int) *comparing {
	c := &comparing{methods: methods}
	c.plan(o.sizes, o.sealedParams(1, cpus))
	p := o.sealedParams(len(c.steps)*o.pairs, cpus)
	for i := range c.steps {
		c.steps[i].p.Duration, c.steps[i].p.WarmUp, c.steps[i].longer = p.Duration, p.WarmUp, 3
	}
	return c
}

// plan lines up the sizes, of each the kinds, of each the methods.
func (c *comparing) plan(sizes []int, base rig.Params) {
	seen := map[string]bool{}
	for _, size := range sizes {
		refused := map[string]error{}
		taken := map[string]bool{}
		for _, kind := range []rig.Kind{rig.Throughput, rig.RoundTrip} {
			for _, m := range c.methods {
				p := base
				p.Kind, p.Size, p.Wait = kind, size, m.wait
				if m.spinner && p.OneCPU {
					refused[m.label] = &rig.Unable{Why: "expected two CPUs for two sides that spin, found one"}
					continue
				}
				if err := m.check(&p); err != nil {
					refused[m.label] = err
					continue
				}
				taken[m.label] = true
				// A rival of one size stands once, whatever the sizes.
				if name := resultName(m.contender, &p); !seen[name] {
					seen[name] = true
					c.steps = append(c.steps, measurement{c: m.contender, p: p})
				}
			}
		}
		// A method of one kind only is none that is missing.
		for _, m := range c.methods {
			if err := refused[m.label]; err != nil && !taken[m.label] {
				c.fail(m, size, err)
			}
		}
	}
}

// lost notes what could not be measured; the others go on.
func (c *comparing) lost(m measurement, err error) bool {
	for _, known := range c.methods {
		if known.contender == m.c && known.wait == m.p.Wait {
			c.fail(known, m.p.Size, err)
			return true
		}
	}
	return false
}

func (c *comparing) fail(m method, size int, err error) {
	f := failure{label: m.label, size: size}
	f.Transport, f.Wait, f.Size = m.name, m.wait, size
	f.Why, f.Do = whyNot(m.name, err)
	c.failed = append(c.failed, f)
}

// whyNot takes an error apart: what is wrong, and the command that helps.
func whyNot(name string, err error) (why, do string) {
	var unable *rig.Unable
	if errors.As(err, &unable) {
		return unable.Why, unable.Do
	}
	var missing *rival.Missing
	if errors.As(err, &missing) {
		return missing.Why, missing.Do
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		dir, name := filepath.Split(file.Path)
		if dir = filepath.Clean(dir); file.Path == posixShm { // a file without a name in it
			dir, name = posixShm, "ringbench-"
		}
		// Its name is made up each time and tells nobody anything: one reason stands once.
		if strings.HasPrefix(name, "ringbench-") && dir == posixShm {
			return fmt.Sprintf("%s in %s: %v", file.Op, dir, file.Err), "ringbench doctor"
		}
	}
	why = typeset.OneLine(err)
	if strings.HasSuffix(why, "signal: "+syscall.SIGBUS.String()) { // no room for what it has mapped
		do = "ringbench doctor"
	}
	return strings.TrimPrefix(why, name+": "), do
}

// missing is a line for each method and reason: without a size where no size works.
func (c *comparing) missing() (list []report.Missing) {
	works := map[string]bool{}
	failed := map[string]map[int]bool{}
	for _, f := range c.failed {
		if failed[f.label] == nil {
			failed[f.label] = map[int]bool{}
		}
		failed[f.label][f.size] = true
	}
	for _, s := range c.steps {
		for _, m := range c.methods {
			if m.contender == s.c && m.wait == s.p.Wait && !failed[m.label][s.p.Size] {
				works[m.label] = true
			}
		}
	}
	for _, f := range c.failed {
		m := f.Missing
		if !works[f.label] {
			m.Size = 0
		}
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}
