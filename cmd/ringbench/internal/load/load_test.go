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
duration: 400ms
warm-up: 50ms
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
			results := run1(t, loads(c.ring,
				fmt.Sprintf("count: %s, size: %s, batch: %s, churn: {every: 40ms, by: kill}", c.many, size, batch),
				fmt.Sprintf("count: %s, batch: 3, work: 2us, churn: {after: 60ms, by: kill}", c.few)))
			whole := results[0]
			if whole.Load.Kills == 0 || whole.Load.Attached <= whole.Load.Kills || whole.Messages == 0 || whole.LatencyNS == nil {
				t.Errorf("%+v, %+v", whole, whole.Load)
			}
			results = run1(t, loads(c.ring,
				fmt.Sprintf("count: %s, size: %s, churn: {messages: 300, by: leave}", c.many, size),
				fmt.Sprintf("count: %s, batch: 3, churn: {every: 30ms, by: leave}", c.few)))
			whole = results[0]
			if whole.Load.Leaves == 0 || whole.Load.Kills != 0 || whole.Messages == 0 || whole.Load.CutOff != 0 {
				t.Errorf("%+v, %+v", whole, whole.Load)
			}
		})
	}
}
