package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// completeCommand is the first argument by which the shells' scripts ask what a command line
// may go on with. The words follow, without the program, up to the one at the cursor.
const completeCommand = "__complete"

// candidate is a whole word, and what it is.
type candidate struct{ word, about string }

// completeMain prints the candidates, each as a line of its word, a tab and what it is.
func completeMain(words []string, w io.Writer) int {
	var b strings.Builder
	for _, c := range complete(words) {
		if strings.ContainsFunc(c.word, func(r rune) bool { return !unicode.IsPrint(r) }) {
			continue // it would spoil the terminal
		}
		about, _, _ := strings.Cut(c.about, "\n")
		fmt.Fprintf(&b, "%s\t%s\n", c.word, strings.ReplaceAll(about, "\t", " "))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return 1
	}
	return 0
}

// complete returns what begins as the last of the words does and may stand there.
func complete(words []string) []candidate {
	if len(words) == 0 {
		return nil
	}
	current := words[len(words)-1]
	if len(words) == 1 {
		return matching(current, append(commandCandidates(), candidate{"help", "flags and examples of one command"}))
	}
	if words[0] == "help" {
		if len(words) > 2 {
			return nil
		}
		return matching(current, commandCandidates())
	}
	c := findCommand(words[0])
	if c == nil {
		return nil
	}
	set := newFlagSet(c.name)
	c.setup(set)
	l := scan(set, words[1:len(words)-1])
	switch {
	case l.wanting != nil:
		return matching(current, values(l.wanting, current))
	case strings.HasPrefix(current, "-") && !l.ended:
		return flagWord(set, current)
	}
	kinds := strings.Fields(c.args)
	if l.named { // --path or --shm stands for the ring's name
		kinds = slices.DeleteFunc(kinds, func(k string) bool { return k == "NAME" })
	}
	if n := len(kinds); n > 0 && strings.HasSuffix(kinds[n-1], "...]") { // any number of these
		l.others = min(l.others, n-1)
	}
	if l.others >= len(kinds) {
		return nil
	}
	return matching(current, argument(kinds[l.others], current))
}

// scanned is what the words before the cursor say of the one at it.
type scanned struct {
	wanting *flag.Flag // its value is next
	others  int        // arguments that are no flags
	named   bool       // a flag gave the ring's name
	ended   bool       // by "--": no more flags
}

func scan(set *flag.FlagSet, words []string) (l scanned) {
	for _, w := range words {
		name, _, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(w, "-"), "-"), "=")
		switch {
		case l.wanting != nil:
			l.wanting = nil
		case l.ended || len(w) < 2 || w[0] != '-':
			l.others++
		case w == "--":
			l.ended = true
		default:
			f := set.Lookup(name)
			l.named = l.named || name == "path" || name == "shm"
			if f != nil && !given && !isBool(f) {
				l.wanting = f
			}
		}
	}
	return l
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// flagWord completes --name and --name=value.
func flagWord(set *flag.FlagSet, current string) (list []candidate) {
	dashed, value, given := strings.Cut(current, "=")
	if given {
		f := set.Lookup(strings.TrimLeft(dashed, "-"))
		if f == nil {
			return nil
		}
		for _, c := range matching(value, values(f, value)) {
			list = append(list, candidate{dashed + "=" + c.word, c.about})
		}
		return list
	}
	set.VisitAll(func(f *flag.Flag) {
		_, about := flag.UnquoteUsage(f)
		list = append(list, candidate{"--" + f.Name, about})
	})
	if strings.HasPrefix(current, "-") && !strings.HasPrefix(current, "--") {
		current = "-" + current // -json is --json
	}
	return matching(current, list)
}

// values are those of a flag that has names, or the name of a ring, or files.
func values(f *flag.Flag, current string) (list []candidate) {
	if c, ok := f.Value.(*choice); ok {
		before := ""
		var taken []string
		if i := strings.LastIndexByte(current, ','); c.list && i >= 0 {
			before, taken = current[:i+1], strings.Split(current[:i], ",")
		}
		for _, name := range c.names {
			if !slices.Contains(taken, name) {
				list = append(list, candidate{before + name, ""})
			}
		}
		return list
	}
	placeholder, _ := flag.UnquoteUsage(f)
	if isBool(f) {
		return []candidate{{"true", ""}, {"false", ""}}
	}
	if f.Name == "shm" {
		placeholder = "NAME"
	} else if placeholder == "NAME" {
		return nil // of something else
	}
	return argument(placeholder, current)
}

func matching(current string, all []candidate) (list []candidate) {
	for _, c := range all {
		if strings.HasPrefix(c.word, current) {
			list = append(list, c)
		}
	}
	return list
}
