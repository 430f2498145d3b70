package diff

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Options say what counts as a change.
type Options struct {
	Threshold float64 // a share: changes for the worse up to it do not count
	Alpha     float64 // a difference with a greater p is none
}

// Confidence is the level of the intervals.
const Confidence = 0.95

// Comparison is what two sides make.
type Comparison struct {
	Schema       string     `json:"schema"`
	Old          []string   `json:"old"`
	New          []string   `json:"new"`
	Threshold    float64    `json:"threshold"`
	Alpha        float64    `json:"alpha"`
	Rows         []Row      `json:"rows"`
	Means        []Mean     `json:"geomeans"`
	OnlyOld      []string   `json:"only_old"`
	OnlyNew      []string   `json:"only_new"`
	Environments []string   `json:"environments_differ"`
	Worse        int        `json:"worse"` // rows
	Better       int        `json:"better"`
	commits      [2]string  // for people
	notes        noteNumber // likewise
}

// Row compares one figure of one result.
type Row struct {
	Name   string   `json:"name"`
	Metric string   `json:"metric"`
	Unit   string   `json:"unit"`
	Lower  bool     `json:"lower_is_better"`
	Old    Summary  `json:"old"`
	New    Summary  `json:"new"`
	Ratio  *float64 `json:"ratio"` // new through old; null where old is 0
	P      float64  `json:"p"`
	Change string   `json:"change"` // "better", "worse", or "none": no significant one; worse is beyond the threshold, "slight" within
	Notes  []string `json:"notes,omitempty"`

	delta string // as benchstat prints it
	test  string
}

// Summary is a median with its confidence interval, whose ends are null where there are
// too few values for one.
type Summary struct {
	N      int      `json:"n"`
	Median float64  `json:"median"`
	Lo     *float64 `json:"lo"`
	Hi     *float64 `json:"hi"`

	span string // as benchstat prints it
}

// Mean is the geometric mean of the rows of one metric.
type Mean struct {
	Metric string  `json:"metric"`
	Unit   string  `json:"unit"`
	Rows   int     `json:"rows"`
	Old    float64 `json:"old"`
	New    float64 `json:"new"`
	Ratio  float64 `json:"ratio"`
}

// Schema names the JSON document of a Comparison.
const Schema = "ringbench/diff/1"

// Compare compares what both sides have.
func Compare(old, new *Side, o Options) *Comparison {
	c := &Comparison{
		Schema: Schema, Old: old.Files, New: new.Files, Threshold: o.Threshold, Alpha: o.Alpha,
		Rows: []Row{}, Means: []Mean{}, OnlyOld: only(old, new), OnlyNew: only(new, old),
		Environments: append([]string{}, differing(old, new)...), commits: [2]string{commits(old), commits(new)},
	}
	for _, k := range old.keys {
		if b := new.samples[k]; b != nil {
			c.Rows = append(c.Rows, row(k, old.samples[k], b, o))
		}
	}
	for _, r := range c.Rows {
		switch r.Change {
		case "worse":
			c.Worse++
		case "better":
			c.Better++
		}
	}
	c.means()
	return c
}

func row(k key, a, b *sample, o Options) Row {
	t := &benchmath.Thresholds{CompareAlpha: o.Alpha}
	sa, sb := benchmath.NewSample(slices.Clone(a.values), t), benchmath.NewSample(slices.Clone(b.values), t)
	r := Row{Name: k.name, Metric: k.metric, Unit: a.unit, Lower: a.lower}
	for _, s := range []struct {
		to *Summary
		of *benchmath.Sample
	}{{&r.Old, sa}, {&r.New, sb}} {
		sum := benchmath.AssumeNothing.Summary(s.of, Confidence)
		*s.to = Summary{N: len(s.of.Values), Median: sum.Center, Lo: finite(sum.Lo), Hi: finite(sum.Hi), span: sum.PctRangeString()}
		r.note(sum.Warnings)
	}
	test := benchmath.AssumeNothing.Compare(sa, sb)
	r.P, r.test, r.delta = test.P, test.String(), test.FormatDelta(r.Old.Median, r.New.Median)
	r.note(test.Warnings)
	if r.Old.Median != 0 {
		ratio := r.New.Median / r.Old.Median
		r.Ratio = &ratio
	}
	r.Change = r.change(test.P <= test.Alpha, o.Threshold)
	return r
}

func (r *Row) change(significant bool, threshold float64) string {
	old, new := r.Old.Median, r.New.Median
	if !significant || old == new {
		return "none"
	}
	worse := new < old*(1-threshold)
	if r.Lower {
		worse = new > old*(1+threshold)
	}
	switch {
	case worse:
		return "worse"
	case (new < old) == r.Lower:
		return "better"
	}
	return "slight"
}

func (r *Row) note(warnings []error) {
	for _, w := range warnings {
		if !slices.Contains(r.Notes, w.Error()) {
			r.Notes = append(r.Notes, w.Error())
		}
	}
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}

// Metrics are those that results have.
var Metrics = []string{"rate", "p50", "p99", "cpu"}

// Keep leaves only these metrics; none given, it leaves all.
func (s *Side) Keep(metrics []string) {
	if len(metrics) > 0 {
		s.keys = slices.DeleteFunc(s.keys, func(k key) bool {
			gone := !slices.Contains(metrics, k.metric)
			if gone {
				delete(s.samples, k)
			}
			return gone
		})
	}
}

// only lists what a has and b has not.
func only(a, b *Side) []string {
	list := []string{}
	for _, k := range a.keys {
		if b.samples[k] == nil {
			list = append(list, k.name+" "+k.metric)
		}
	}
	return list
}

// means are those of each metric, of rows for which there is one.
func (c *Comparison) means() {
	for _, r := range c.Rows {
		if slices.ContainsFunc(c.Means, func(m Mean) bool { return m.Metric == r.Metric }) {
			continue
		}
		m := Mean{Metric: r.Metric, Unit: r.Unit}
		for _, s := range c.Rows {
			if s.Metric == m.Metric && s.Old.Median > 0 && s.New.Median > 0 {
				m.Rows++
				m.Old += math.Log(s.Old.Median)
				m.New += math.Log(s.New.Median)
			}
		}
		if m.Rows > 1 {
			n := float64(m.Rows)
			m.Old, m.New = math.Exp(m.Old/n), math.Exp(m.New/n)
			m.Ratio = m.New / m.Old
			c.Means = append(c.Means, m)
		}
	}
}
