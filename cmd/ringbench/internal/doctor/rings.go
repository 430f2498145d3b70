package doctor

import (
	"fmt"
	"strings"
	"unicode"
)

// leftRings looks for rings that nobody serves any more, and peers that are stopped.
func leftRings(m *Machine) Finding {
	all, err := m.Rings()
	if err != nil {
		return unknown("rings cannot be listed: %v", err)
	}
	var left, commands []string
	var held int64
	for _, r := range all.List {
		name := quoted(r.Name)
		switch {
		case r.Error != "":
			left = append(left, fmt.Sprintf("%s cannot be opened: %s", name, r.Error))
		case r.Claims > 0:
			left = append(left, fmt.Sprintf("%s holds %d claims of dead peers", name, r.Claims))
			commands = append(commands, "ringbench repair "+name)
		case r.Dead && !r.Attached:
			left = append(left, fmt.Sprintf("%s is dead, with %d messages in %s", name, r.Waiting, bytes(uint64(r.Size))))
			commands = append(commands, "ringbench remove "+name)
			held += r.Size
		case len(r.Stopped) > 0:
			left = append(left, fmt.Sprintf("%s waits for %s, stopped", name, strings.Join(r.Stopped, " and ")))
		}
	}
	others := ""
	if all.Unreadable > 0 {
		others = fmt.Sprintf("; %d objects of other users cannot be looked at", all.Unreadable)
	}
	switch {
	case len(left) > 0:
		return costs("%s%s", strings.Join(left, "; "), others).
			do("start the peers again, which go on where the dead left off; or remove what nobody wants: %s are held; continue who is stopped (kill -CONT PID)", bytes(uint64(held))).by(commands...)
	case len(all.List) == 0 && all.Unreadable > 0:
		return unknown("no rings are to be seen%s", others).do("run doctor as that user, or as root")
	}
	return ok("%d rings are in shared memory, none was left by the dead%s", len(all.List), others)
}

// quoted is a name as a shell takes it, on one line.
func quoted(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-+@%,:", c)
	}
	odd, hidden := false, false
	for _, c := range s {
		odd = odd || !plain(c)
		hidden = hidden || !unicode.IsPrint(c) || c == unicode.ReplacementChar
	}
	switch {
	case hidden:
		return "$'" + escaped(s) + "'" // of bash, zsh and ksh
	case odd || strings.HasPrefix(s, "-"):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func escaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= ' ' && c < 0x7f && c != '\'' && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
