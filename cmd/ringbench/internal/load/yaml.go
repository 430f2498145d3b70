package load

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader turns the nodes of one file into values. Its methods do not return after a
// mistake: they panic with a mistake, which guard turns into an error.
type reader struct{ file string }

type mistake struct{ error }

// guard is deferred where reading begins.
func guard(err *error) {
	if r := recover(); r != nil {
		m, ok := r.(mistake)
		if !ok {
			panic(r)
		}
		*err = m.error
	}
}

// wrong ends reading: the node is not what was expected.
func (r *reader) wrong(line int, expected, found string) {
	panic(mistake{fmt.Errorf("%s:%d: expected %s, found %s", r.file, line, expected, found)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document returns the one document of a file.
func (r *reader) document(text []byte) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		line, what := 1, err.Error()
		if m := yamlLine.FindStringSubmatch(what); m != nil {
			what = what[len(m[0]):]
			if n, err := strconv.Atoi(m[1]); err == nil {
				line = n
			}
		}
		r.wrong(line, "a profile in YAML", "something else: "+what)
	}
	if len(doc.Content) == 0 {
		r.wrong(1, "a profile in YAML", "nothing")
	}
	return doc.Content[0]
}

// describe says what a node is, for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return describe(n.Alias)
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// field is what is known of a key.
type field func(v *yaml.Node)

// mapping hands each value of n to the field of its key. It returns the lines of the keys.
func (r *reader) mapping(n *yaml.Node, what string, fields map[string]field) map[string]int {
	lines := map[string]int{}
	r.pairs(n, what, func(k, v *yaml.Node) {
		f := fields[k.Value]
		if f == nil {
			r.wrong(k.Line, "a key of "+what+" out of "+strings.Join(keys(fields), ", "), strconv.Quote(k.Value))
		}
		lines[k.Value] = k.Line
		f(v)
	})
	return lines
}

// pairs hands on the keys and values of n, in order.
func (r *reader) pairs(n *yaml.Node, what string, f func(k, v *yaml.Node)) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(n.Line, what+": keys with values", describe(n))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if seen[k.Value] {
			r.wrong(k.Line, what+" with each key once", strconv.Quote(k.Value)+" again")
		}
		seen[k.Value] = true
		f(k, v)
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func keys[T any](m map[string]T) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// text is a scalar.
func (r *reader) text(n *yaml.Node, expected string) string {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		r.wrong(n.Line, expected, describe(n))
	}
	return n.Value
}

// value parses a scalar by one of the Parse functions, whose error says what is expected.
func value[T any](r *reader, n *yaml.Node, parse func(string) (T, error)) T {
	_, err := parse("")
	expected := "a value"
	if err != nil {
		expected = err.Error()
	}
	v, err := parse(r.text(n, expected))
	if err != nil {
		r.wrong(resolve(n).Line, err.Error(), describe(resolve(n)))
	}
	return v
}

// time is a time of at least least.
func (r *reader) time(n *yaml.Node, least time.Duration) time.Duration {
	d := value(r, n, ParseTime)
	if d < least {
		r.wrong(resolve(n).Line, fmt.Sprintf("a time of at least %v", least), describe(resolve(n)))
	}
	return d
}

// count is a whole number.
func (r *reader) count(n *yaml.Node, least, most int) int {
	return value(r, n, func(s string) (int, error) {
		v, err := strconv.Atoi(s)
		if err != nil || v < least || v > most {
			return 0, fmt.Errorf("a whole number from %d to %d", least, most)
		}
		return v, nil
	})
}

// one is a word out of names.
func (r *reader) one(n *yaml.Node, names []string) string {
	return value(r, n, func(s string) (string, error) {
		if !slices.Contains(names, s) {
			return "", errors.New(strings.Join(names, ", "))
		}
		return s, nil
	})
}

func (r *reader) bool(n *yaml.Node) bool { return r.one(n, []string{"true", "false"}) == "true" }

// list hands on the elements of a list that is not empty.
func (r *reader) list(n *yaml.Node, what string, f func(*yaml.Node)) {
	n = resolve(n)
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.wrong(n.Line, what, describe(n))
	}
	for _, e := range n.Content {
		f(e)
	}
}
