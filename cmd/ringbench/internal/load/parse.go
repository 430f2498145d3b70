package load

import (
	"path/filepath"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of a profile.
const (
	mostProcesses = 256
	mostBatch     = 1024
)

// Defaults of a profile.
const (
	defaultDuration = 5 * time.Second
	defaultWarmUp   = time.Second
)

// parser reads one profile.
type parser struct {
	reader
	dir   string // paths are relative to it
	p     *Profile
	lines map[any]int            // where a ring or group begins
	given map[any]map[string]int // the lines of its keys
}

// Parse reads the profile in text; file names it in errors, and paths in it are relative to
// where it lies. The error is one line: FILE:LINE: expected ..., found ...
func Parse(file string, text []byte) (p *Profile, err error) {
	defer guard(&err)
	base := filepath.Base(file)
	x := &parser{
		reader: reader{file}, dir: filepath.Dir(file), lines: map[any]int{}, given: map[any]map[string]int{},
		p: &Profile{Name: base[:len(base)-len(filepath.Ext(base))], Duration: defaultDuration, WarmUp: defaultWarmUp, Seed: 1},
	}
	x.profile(x.document(text))
	x.check()
	return x.p, nil
}

func (x *parser) profile(n *yaml.Node) {
	lines := x.mapping(n, "the profile", map[string]field{
		"name":     func(v *yaml.Node) { x.p.Name = x.name(v) },
		"about":    func(v *yaml.Node) { x.p.About = x.text(v, "a text") },
		"duration": func(v *yaml.Node) { x.p.Duration = x.time(v, time.Millisecond) },
		"warm-up":  func(v *yaml.Node) { x.p.WarmUp = x.time(v, 0) },
		"seed":     func(v *yaml.Node) { x.p.Seed = uint64(x.count(v, 0, 1<<31-1)) },
		"rings": func(v *yaml.Node) {
			x.pairs(v, "rings", func(k, v *yaml.Node) { x.ring(k, v) })
		},
		"producers": func(v *yaml.Node) { x.groups(v, true) },
		"consumers": func(v *yaml.Node) { x.groups(v, false) },
	})
	for _, key := range []string{"rings", "producers", "consumers"} {
		if lines[key] == 0 {
			x.wrong(n.Line, "a profile with the keys rings, producers and consumers", "no "+key)
		}
	}
}

// name is a name that can stand in the name of a result.
func (x *parser) name(n *yaml.Node) string {
	const expected = "a name of letters, digits, - _ and ."
	s := x.text(n, expected)
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			x.wrong(n.Line, expected, strconv.Quote(s))
		}
	}
	return s
}

// path is a file's, relative to the profile.
func (x *parser) path(n *yaml.Node) string {
	s := x.text(n, "the path of a file")
	if filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(x.dir, s)
}

func (x *parser) groups(n *yaml.Node, producers bool) {
	x.pairs(n, "groups", func(k, v *yaml.Node) { x.group(k, v, producers) })
}

func (x *parser) group(k, n *yaml.Node, producer bool) {
	g := &Group{Name: x.name(k), Producer: producer, Count: 1, Batch: 1}
	fields := map[string]field{
		"ring":  func(v *yaml.Node) { g.Ring = x.name(v) },
		"count": func(v *yaml.Node) { g.Count = x.count(v, 1, mostProcesses) },
		"wait":  func(v *yaml.Node) { g.Wait = x.one(v, Waits()) },
		"batch": func(v *yaml.Node) { g.Batch = x.count(v, 1, mostBatch) },
		"cpus": func(v *yaml.Node) {
			x.list(v, "a list of CPUs", func(v *yaml.Node) { g.CPUs = append(g.CPUs, x.count(v, 0, 1<<16)) })
		},
		"churn": func(v *yaml.Node) { g.Churn = x.churn(v) },
	}
	what := "a group of consumers"
	if producer {
		what = "a group of producers"
		g.Size = Size{From: 64, To: 64}
		fields["size"] = func(v *yaml.Node) { g.Size = x.size(v) }
		fields["pace"] = func(v *yaml.Node) { g.Pace = x.pace(v) }
		fields["timer"] = func(v *yaml.Node) { g.Spin = x.one(v, []string{"sleep", "spin"}) == "spin" }
	} else {
		fields["work"] = func(v *yaml.Node) { g.Busy, g.Sleep = x.work(v) }
	}
	x.given[g] = x.mapping(n, what, fields)
	x.lines[g] = k.Line
	x.p.Groups = append(x.p.Groups, g)
}

// work is a time to be busy, or keys.
func (x *parser) work(n *yaml.Node) (busy, sleep time.Duration) {
	if resolve(n).Kind == yaml.ScalarNode {
		return x.time(n, 0), 0
	}
	x.mapping(n, "work", map[string]field{
		"busy":  func(v *yaml.Node) { busy = x.time(v, 0) },
		"sleep": func(v *yaml.Node) { sleep = x.time(v, 0) },
	})
	return busy, sleep
}

func (x *parser) churn(n *yaml.Node) *Churn {
	c := &Churn{}
	lines := x.mapping(n, "churn", map[string]field{
		"every":    func(v *yaml.Node) { c.Every = x.time(v, time.Millisecond) },
		"after":    func(v *yaml.Node) { c.After = x.time(v, time.Millisecond) },
		"messages": func(v *yaml.Node) { c.Messages = uint64(x.count(v, 1, 1<<31-1)) },
		"by":       func(v *yaml.Node) { c.Kill = x.one(v, []string{"leave", "kill"}) == "kill" },
		"pause":    func(v *yaml.Node) { c.Pause = x.time(v, 0) },
	})
	when := 0
	for _, k := range []string{"every", "after", "messages"} {
		if lines[k] > 0 {
			when++
		}
	}
	if when != 1 {
		x.wrong(n.Line, "churn with one of every, after and messages", strconv.Itoa(when)+" of them")
	}
	return c
}
