package load

import (
	"fmt"
	"strconv"
	"strings"

	"annulus/ring"
)

// check completes the profile and refuses what does not go together.
func (x *parser) check() {
	total := 0
	names := map[string]bool{}
	for _, g := range x.p.Groups {
		line := x.lines[g]
		if x.given[g]["ring"] == 0 && len(x.p.Rings) == 1 {
			g.Ring = x.p.Rings[0].Name
		}
		r := x.p.ring(g.Ring)
		switch {
		case g.Ring == "":
			x.wrong(line, "the key ring in group "+g.Name+", for there are several rings", "none")
		case r == nil:
			x.wrong(x.given[g]["ring"], "the name of a ring", strconv.Quote(g.Ring))
		case names[g.Name]:
			x.wrong(line, "groups with names of their own", strconv.Quote(g.Name)+" again")
		case g.Wait == "semaphore" && r.Config.Topology != ring.SPSC:
			x.wrong(x.given[g]["wait"], "another wait, for peers that share a side sleep on futexes", "semaphore")
		}
		names[g.Name] = true
		if total += g.Count; total > mostProcesses {
			x.wrong(line, fmt.Sprintf("at most %d processes in all", mostProcesses), strconv.Itoa(total))
		}
	}
	for _, r := range x.p.Rings {
		x.completeRing(r)
	}
	for _, g := range x.p.Groups {
		x.completeGroup(g, x.p.ring(g.Ring))
	}
}

func (x *parser) completeGroup(g *Group, r *Ring) {
	if g.Wait == "" {
		g.Wait = r.Wait
	}
	given, line := x.given[g], x.lines[g]
	at := func(key string) int {
		if given[key] > 0 {
			return given[key]
		}
		return line
	}
	if !g.Producer {
		return
	}
	if r.Config.Overrun == ring.OverrunDrop && g.Batch > 1 {
		x.wrong(given["batch"], "a batch of 1 with overrun: drop, where each message is dropped or not", strconv.Itoa(g.Batch))
	}
	if given["size"] == 0 && r.Config.Kind == ring.Slots {
		g.Size = Size{From: r.Config.SlotSize, To: r.Config.SlotSize}
	}
	if g.Spin && g.Pace.Max() {
		x.wrong(given["timer"], "timer only with a pace", "pace: max")
	}
	for key, path := range map[string]string{"size": g.Size.Capture, "pace": g.Pace.Capture} {
		if path == "" {
			continue
		}
		if _, err := readCapture(path); err != nil {
			x.wrong(at(key), "a capture as ringbench record writes", strings.TrimPrefix(err.Error(), "feed: "))
		}
	}
	from, to := g.Size.bounds()
	if from < headBytes {
		x.wrong(at("size"), fmt.Sprintf("messages of at least %dB", headBytes), fmt.Sprintf("%dB", from))
	}
	if expected, ok := r.fits(from, to); !ok {
		found := fmt.Sprintf("%dB", to)
		if from != to {
			found = fmt.Sprintf("%dB to %dB", from, to)
		}
		x.wrong(at("size"), expected, found)
	}
}
