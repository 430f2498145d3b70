package metrics_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	promtest "github.com/prometheus/client_golang/prometheus/testutil"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/metrics"
	"annulus/seqlock"
)

func TestMain(m *testing.M) {
	testutil.Main(m, testutil.Roles{"dies": dies}, nil)
}

var must = testutil.Must

// dies takes a role of a ring and waits to be killed.
func dies(args []string) error {
	r, err := ring.Open(args[0])
	if err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	if err := p.TrySend([]byte("last words")); err != nil {
		return err
	}
	fmt.Println("attached")
	testutil.Forever()
	return nil
}

// registered is a Collector, and a registry that checks what it says.
func registered(t *testing.T) (*metrics.Collector, *prometheus.Registry) {
	t.Helper()
	c, reg := metrics.New(), prometheus.NewPedanticRegistry()
	must(t, reg.Register(c))
	return c, reg
}

// values is what a scrape says, by series.
func values(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "annulus_")
			for _, l := range m.GetLabel() {
				if n := l.GetName(); n == "side" || n == "state" {
					name += " " + l.GetValue()
				}
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

func TestRingOfEachTopology(t *testing.T) {
	for _, c := range []ring.Config{
		{}, {Kind: ring.Slots, SlotSize: 5, Capacity: 16}, {Topology: ring.MPSC}, {Topology: ring.MPSCOrdered},
		{Topology: ring.MPMC, SlotSize: 64}, {Topology: ring.Broadcast, Overrun: ring.OverrunBlock},
	} {
		t.Run(fmt.Sprint(c.Topology, c.Kind), func(t *testing.T) {
			r, err := ring.New(c)
			must(t, err)
			defer r.Close()
			collector, reg := registered(t)
			must(t, collector.Add(r, metrics.As("x")))
			in, err := r.Consumer()
			must(t, err)
			p, err := r.Producer()
			must(t, err)
			for range 3 {
				must(t, p.TrySend([]byte("hello")))
			}
			for range 3 {
				_, err = in.TryRecv(nil)
				must(t, err)
			}
			if _, err = in.TryRecv(nil); err != ring.ErrEmpty { // then all is told
				t.Fatal(err)
			}
			must(t, errors.Join(p.TrySend([]byte("again")), p.TrySend([]byte("again"))))
			problems, err := promtest.GatherAndLint(reg)
			must(t, err)
			for _, p := range problems {
				t.Errorf("%s: %s", p.Metric, p.Text)
			}
			got := values(t, reg)
			want := map[string]float64{
				"ring_up": 1, "ring_info": 1, "ring_messages_total producer": 5, "ring_messages_total consumer": 3,
				"ring_waiting_messages": 2, "ring_members producer attached": 1, "ring_members consumer attached": 1,
				"ring_members producer dead": 0, "ring_sessions_total producer": 1, "ring_sessions_total consumer": 1,
			}
			if c.Topology == ring.Broadcast {
				delete(want, "ring_waiting_messages")
			}
			for name, v := range want {
				if n, ok := got[name]; n != v || !ok {
					t.Errorf("%s is %v (%v), want %v", name, n, ok, v)
				}
			}
			if ratio := got["ring_occupancy_ratio"]; ratio <= 0 || ratio >= 1 {
				t.Errorf("occupancy %v", ratio)
			}
		})
	}
}

func TestDeadProducer(t *testing.T) {
	name := testutil.ShmName()
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	defer func() { must(t, errors.Join(r.Close(), ring.Remove(name))) }()
	c, reg := registered(t)
	must(t, c.Add(r))
	p := testutil.Start(t, testutil.Child(t, "dies", name))
	p.Expect("attached")
	if got := values(t, reg); got["ring_members producer attached"] != 1 || got["ring_members producer dead"] != 0 {
		t.Errorf("attached: %v", got)
	}
	p.Kill()
	got := values(t, reg)
	if got["ring_members producer attached"] != 0 || got["ring_members producer dead"] != 1 || got["ring_waiting_messages"] != 1 {
		t.Errorf("dead: %v", got)
	}
}

func TestLossesAddUp(t *testing.T) {
	r, err := ring.New(ring.Config{Topology: ring.Broadcast, Capacity: 4096})
	must(t, err)
	defer r.Close()
	c, reg := registered(t)
	must(t, c.Add(r, metrics.As("x")))
	p, err := r.Producer()
	must(t, err)
	var before float64
	for range 2 { // what the first has lost still counts when it has left
		in, err := r.Consumer()
		must(t, err)
		for range 1000 {
			must(t, p.TrySend(make([]byte, 100)))
		}
		if _, err = in.TryRecv(nil); !errors.Is(err, ring.ErrOverrun) {
			t.Fatalf("no overrun: %v", err)
		}
		lost := values(t, reg)["ring_lost_messages_total"]
		if lost <= before {
			t.Errorf("lost %v, before %v", lost, before)
		}
		before = lost
		must(t, in.Close())
	}
	if lost := values(t, reg)["ring_lost_messages_total"]; lost != before {
		t.Errorf("lost %v, before %v", lost, before)
	}
}

func TestCells(t *testing.T) {
	cell, err := seqlock.New[uint64]()
	must(t, err)
	defer cell.Close()
	block, err := seqlock.NewBlock(100)
	must(t, err)
	defer block.Close()
	c, reg := registered(t)
	must(t, c.AddCell(cell, metrics.As("price")))
	must(t, c.AddCell(block, metrics.As("text")))
	w, err := cell.Writer()
	must(t, err)
	must(t, errors.Join(w.Write(7), w.Write(8)))
	text := `
# HELP annulus_cell_versions_total Versions written.
# TYPE annulus_cell_versions_total counter
annulus_cell_versions_total{cell="price"} 2
annulus_cell_versions_total{cell="text"} 0
# HELP annulus_cell_writer_attached 1: there is a writer.
# TYPE annulus_cell_writer_attached gauge
annulus_cell_writer_attached{cell="price"} 1
annulus_cell_writer_attached{cell="text"} 0
`
	if err := promtest.GatherAndCompare(reg, strings.NewReader(text), "annulus_cell_versions_total", "annulus_cell_writer_attached"); err != nil {
		t.Error(err)
	}
	if problems, err := promtest.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}

// Names are checked when a ring is added, and free again when it is closed.
func TestNames(t *testing.T) {
	c, reg := registered(t)
	a, err := ring.New(ring.Config{})
	must(t, err)
	b, err := ring.New(ring.Config{})
	must(t, err)
	defer b.Close()
	if err := c.Add(a); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a ring without a name: %v", err)
	}
	must(t, c.Add(a, metrics.As("\xff")))
	if err := c.Add(b, metrics.As("\xff")); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name twice: %v", err)
	}
	must(t, a.Close())
	must(t, c.Add(b, metrics.As("\xff")))
	if values(t, reg)["ring_up"] != 1 {
		t.Error("the ring is not told of")
	}
	c.Remove("\xff")
	if got := values(t, reg); len(got) != 0 {
		t.Errorf("removed: %v", got)
	}
}

func TestTruncatedRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r, err := ring.CreateFile(path, ring.Config{})
	must(t, err)
	defer r.Close()
	c, reg := registered(t)
	must(t, c.Add(r))
	must(t, os.Truncate(path, 4096))
	if got := values(t, reg); len(got) != 1 || got["ring_up"] != 0 {
		t.Errorf("got %v", got)
	}
}

// Rings are used, closed and added while they are scraped; counters never go back.
func TestScrapesBesideUse(t *testing.T) {
	c, reg := registered(t)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for i := range 2 {
		wg.Go(func() {
			for err := error(nil); err == nil; {
				if err = used(c, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 200 {
		values(t, reg)
	}
	close(done)
	wg.Wait()
	if got := values(t, reg); len(got) != 0 {
		t.Errorf("closed rings are told of: %v", got)
	}
}

// used makes a ring, adds it, passes messages through it and closes it.
func used(c *metrics.Collector, name string) error {
	r, err := ring.New(ring.Config{Capacity: 4096})
	if err != nil {
		return err
	}
	defer r.Close()
	if err := c.Add(r, metrics.As(name)); err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	in, err := r.Consumer()
	if err != nil {
		return err
	}
	for range 5000 {
		if err := p.TrySend([]byte("x")); err != nil && err != ring.ErrFull {
			return err
		}
		if _, err := in.TryRecv(nil); err != nil && err != ring.ErrEmpty {
			return err
		}
	}
	return nil
}
