package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"annulus/cmd/ringbench/internal/load"
)

// argument lists what an argument may be, by what the help calls it.
func argument(kind, current string) []candidate {
	switch kind {
	case "NAME", "[NAME...]":
		return ringCandidates()
	case "FILE":
		return fileCandidates(current, false)
	case "[PROFILE]":
		var list []candidate
		for _, name := range load.Builtin() {
			list = append(list, candidate{name, "a profile that comes along"})
		}
		return append(list, fileCandidates(current, false)...)
	case "DIR":
		return fileCandidates(current, true)
	case "SOURCE":
		return addressCandidates(current, false)
	case "SINK":
		return addressCandidates(current, true)
	case "SHELL":
		var list []candidate
		for _, s := range shells {
			list = append(list, candidate{s, ""})
		}
		return list
	}
	return nil
}

func commandCandidates() (list []candidate) {
	for _, c := range commands() {
		list = append(list, candidate{c.name, c.summary})
	}
	return list
}

// ringCandidates are the rings in shared memory that this user can see.
func ringCandidates() (list []candidate) {
	doc, err := listRings("")
	if err != nil {
		return nil // there is nobody to tell
	}
	for _, e := range doc.Rings {
		list = append(list, candidate{e.Name, cmp.Or(e.Error, e.Topology+", producer "+e.Producer+", consumer "+e.Consumer)})
	}
	return list
}

// fileCandidates are the files that begin with a path, hidden ones only if it says so;
// directories end in a slash.
func fileCandidates(path string, onlyDirs bool) (list []candidate) {
	dir, base := filepath.Split(path)
	real := cmp.Or(dir, ".")
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		real = filepath.Join(os.Getenv("HOME"), rest)
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return nil // there is nobody to tell
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || name[0] == '.' && !strings.HasPrefix(base, ".") {
			continue
		}
		info, err := os.Stat(filepath.Join(real, name))
		switch isDir := err == nil && info.IsDir(); {
		case isDir:
			list = append(list, candidate{dir + name + "/", "directory"})
		case !onlyDirs:
			list = append(list, candidate{dir + name, ""})
		}
	}
	return list
}

// addressCandidates begins addresses, and completes the paths in those that have one.
func addressCandidates(current string, sink bool) (list []candidate) {
	for _, s := range schemes() {
		if !s.serves(sink) {
			continue
		}
		begin := s.address[:len(s.name)+1]
		if strings.Contains(s.address, "//") {
			begin += "//"
		}
		path, behind := strings.CutPrefix(current, begin)
		if !behind {
			list = append(list, candidate{begin, s.summary})
			continue
		}
		if begin == s.address { // it is whole
			list = append(list, candidate{begin, s.summary})
		}
		if strings.HasSuffix(s.address, "PATH") {
			for _, f := range fileCandidates(path, false) {
				list = append(list, candidate{begin + f.word, f.about})
			}
		}
	}
	return list
}
