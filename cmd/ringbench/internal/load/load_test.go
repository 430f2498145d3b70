package load

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig/rigtest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == WorkerCommand {
		os.Exit(WorkerMain(os.Args[2]))
	}
	os.Exit(rigtest.Main(m))
}

// loads is a profile of one ring and of groups that all come and go.
func loads(ring, producers, consumers string) string {
	return fmt.Sprintf(`
duration: 200ms
warm-up: 20ms
rings: {r: {%s}}
producers: {p: {%s}}
consumers: {c: {%s}}
`, ring, producers, consumers)
}

func run1(t *testing.T, text string) []report.Result {
	t.Helper()
	p, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(t.Context(), p, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if want := len(p.Rings) + len(p.Groups); len(results) != want {
		t.Fatalf("%d results, want %d", len(results), want)
	}
	return results
}

// churned runs a profile until processes came and went in its time, which on a busy machine
// may be too short for that; what Run checks it checks each time.
func churned(t *testing.T, text string, ok func(*report.Load) bool) {
	t.Helper()
	var whole report.Result
	for range 20 {
		whole = run1(t, text)[0]
		if ok(whole.Load) && whole.Messages > 0 && whole.LatencyNS != nil && whole.Load.Attached > whole.Load.Kills {
			return
		}
	}
	t.Errorf("%+v, %+v", whole, whole.Load)
}

// Each kind of ring, with processes that are killed and that leave on both sides: what is
// sent arrives.
func TestChurn(t *testing.T) {
	for _, c := range []struct{ name, ring, many, few string }{
		{"spsc", "topology: spsc, capacity: 4KiB", "1", "1"},
		{"spsc slots", "topology: spsc, slots: 64, slot-size: 64B", "1", "1"},
		{"mpsc", "topology: mpsc, capacity: 4KiB, members: 12", "3", "1"},
		{"mpsc-ordered", "topology: mpsc-ordered, capacity: 4KiB", "3", "1"},
		{"mpmc", "topology: mpmc, slots: 64, slot-size: 256B", "3", "3"},
		{"mpmc redeliver", "topology: mpmc, slots: 64, slot-size: 256B, redeliver: true", "2", "3"},
		{"overwrite", "topology: broadcast, capacity: 4KiB, overrun: overwrite", "1", "3"},
		{"block", "topology: broadcast, capacity: 4KiB, overrun: block", "1", "3"},
		{"drop", "topology: broadcast, capacity: 4KiB, overrun: drop", "1", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			size, batch := "16B-200B", "4"
			if strings.Contains(c.name, "slots") {
				size = "64B"
			}
			if c.name == "drop" {
				batch = "1"
			}
			churned(t, loads(c.ring,
				fmt.Sprintf("count: %s, size: %s, batch: %s, churn: {every: 25ms, by: kill}", c.many, size, batch),
				fmt.Sprintf("count: %s, batch: 3, work: 2us, churn: {after: 40ms, by: kill}", c.few)),
				func(l *report.Load) bool { return l.Kills > 0 && l.Leaves == 0 })
			churned(t, loads(c.ring,
				fmt.Sprintf("count: %s, size: %s, churn: {messages: 100, by: leave}", c.many, size),
				fmt.Sprintf("count: %s, batch: 3, churn: {every: 25ms, by: leave}", c.few)),
				func(l *report.Load) bool { return l.Leaves > 0 && l.Kills == 0 && l.CutOff == 0 })
		})
	}
}
