package peers_test

import (
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"annulus/internal/cpu"
	"annulus/internal/testutil"
	"annulus/ring"
)

var (
	ratePairs  = flag.Int("rates", 0, "TestRates: measure so many interleaved runs of each pair; 0: see that the command works")
	rateSize   = flag.Int("rates-size", 64, "TestRates: bytes of a message, 8 at least")
	rateWindow = flag.Duration("rates-window", 300*time.Millisecond, "TestRates: how long one run is measured, about")
	rateWith   = flag.String("rates-with", "c,c++,rust,java,python", "TestRates: the languages beside Go")
)

// rateGo is this test binary as a program that speaks rate alone.
var rateGo = program{name: "go"}

// ratePeer is a program's command rate, not started yet.
func ratePeer(t *testing.T, l program, args ...string) *exec.Cmd {
	if l.command == nil {
		return testutil.Child(t, "rate", args...)
	}
	// What lets Java start soon keeps it slow.
	line := slices.DeleteFunc(slices.Clone(l.command(t)), func(s string) bool { return *ratePairs > 0 && s == "-XX:TieredStopAtLevel=1" })
	return exec.Command(line[0], append(append(line[1:], "rate"), args...)...)
}

// ratePair is one program that sends to another.
type ratePair struct{ from, to program }

func (p ratePair) String() string { return p.from.name + " to " + p.to.name }

// run measures count messages, behind as many that warm up, and returns the nanoseconds that its receiver saw.
func (p ratePair) run(t *testing.T, count uint64, wait string, cpus []int) (ns float64) {
	_, name := create(t, ring.Config{})
	defer ring.Remove(name)
	begin := func(l program, side int, what string) *testutil.Process {
		args := []string{what, name, "--announce", "--count", fmt.Sprint(count), "--warm", fmt.Sprint(count), "--size", fmt.Sprint(*rateSize)}
		if l.command == nil && wait == "spin" && cpus == nil {
			args = append(args, "--wait", "yield") // the others do, by and by
		} else {
			args = append(args, "--wait", wait)
		}
		var proc *testutil.Process
		var at []int
		if cpus != nil {
			at = cpus[side : side+1]
		}
		must(t, cpu.On(at, func() (err error) {
			proc, err = testutil.TryStart(t, ratePeer(t, l, args...))
			return err
		}))
		proc.Expect("attached")
		return proc
	}
	c := begin(p.to, 1, "recv")
	s := begin(p.from, 0, "send")
	expect(t, s.Done(), fmt.Sprintf("sent %d ok", count))
	var n uint64
	if line := c.Done(); !scan(line, "received %d ns %g", &n, &ns) || n != count || ns <= 0 {
		t.Fatalf("%s: the receiver said %q", p, line)
	}
	return ns
}

func scan(line, format string, to ...any) bool {
	n, err := fmt.Sscanf(line, format, to...)
	return err == nil && n == len(to)
}

// ratesAlone measures one pair after the other, in turn, and prints medians.
func ratesAlone(t *testing.T, pairs []ratePair) {
	cpus, err := cpu.Allowed()
	must(t, err)
	if len(cpus) < 2 {
		t.Fatalf("expected two CPUs that each side has one of, found %d", len(cpus))
	}
	counts, rates, ratios := make([]uint64, len(pairs)), make([][]float64, len(pairs)), make([][]float64, len(pairs))
	for i, p := range pairs {
		const few = 200_000 // to know how many a window takes
		counts[i] = max(few, uint64(few*float64(*rateWindow)/p.run(t, few, "spin", cpus)))
	}
	for range *ratePairs {
		for i, p := range pairs {
			rates[i] = append(rates[i], 1e3*float64(counts[i])/p.run(t, counts[i], "spin", cpus))
			ratios[i] = append(ratios[i], rates[i][len(rates[i])-1]/rates[0][len(rates[0])-1])
		}
	}
	t.Logf("%d B, %d runs of each, on CPUs %v; %s", *rateSize, *ratePairs, cpus[:2], cpu.Name())
	t.Logf("%-16s %10s %16s %22s", "", "M/s", "lowest, highest", "of go to go, by run")
	for i, p := range pairs {
		slices.Sort(rates[i])
		slices.Sort(ratios[i])
		t.Logf("%-16s %10.2f %7.2f, %7.2f %22.2f", p, median(rates[i]), rates[i][0], rates[i][len(rates[i])-1], median(ratios[i]))
	}
}

// median is that of sorted values.
func median(v []float64) float64 { return (v[(len(v)-1)/2] + v[len(v)/2]) / 2 }

// The command rate works in every language, both ways; -rates measures with it:
//
//	go test -count 1 -v -run TestRates ./ring/peers -rates 7
func TestRates(t *testing.T) {
	if *ratePairs == 0 {
		inEach(t, "spsc", func(t *testing.T, l program) {
			ratePair{rateGo, l}.run(t, 1000, "spin", nil)
			ratePair{l, rateGo}.run(t, 1000, "futex", nil)
		})
		return
	}
	pairs := []ratePair{{rateGo, rateGo}}
	for _, name := range strings.Split(*rateWith, ",") {
		i := slices.IndexFunc(programs, func(l program) bool { return l.name == name })
		if i < 0 {
			t.Fatalf("-rates-with: expected languages of programs_test.go, found %q", name)
		}
		pairs = append(pairs, ratePair{rateGo, programs[i]}, ratePair{programs[i], rateGo})
	}
	ratesAlone(t, pairs)
}
