package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/typeset"
)

// Side is what the documents of one side say.
type Side struct {
	Files        []string
	Environments []report.Environment // of documents that have one
	keys         []key                // in the order of the documents
	samples      map[key]*sample
}

// key names what is compared.
type key struct{ name, metric string }

// sample is the figures of one key.
type sample struct {
	unit   string
	lower  bool // less is better
	values []float64
}

// Read reads documents that ringbench has printed with --json: the repetitions of all of them are one
// sample. The error is one line that names the file.
func Read(paths []string) (*Side, error) {
	s := &Side{Files: paths, samples: map[key]*sample{}}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := s.document(bytes.TrimSpace(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return s, nil
}

func (s *Side) document(text []byte) error {
	const expected = "expected a document that ringbench prints with --json, found"
	if len(text) == 0 {
		return fmt.Errorf("%s an empty file", expected)
	}
	if text[0] == '[' { // a crowd from before it had a schema
		return s.crowd(text)
	}
	var crowd struct {
		Schema      string
		Environment report.Environment
		Results     json.RawMessage
	}
	if err := json.Unmarshal(text, &crowd); err == nil && crowd.Schema == report.CrowdSchema {
		s.Environments = append(s.Environments, crowd.Environment)
		return s.crowd(crowd.Results)
	}
	var doc report.Document
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s something else: %w", expected, err)
	}
	if doc.Schema != report.Schema {
		return fmt.Errorf("expected a document of schema %q or %q, found %q", report.Schema, report.CrowdSchema, doc.Schema)
	}
	if len(doc.Results) == 0 {
		return fmt.Errorf("%s one without results", expected)
	}
	s.Environments = append(s.Environments, doc.Environment)
	for _, r := range doc.Results {
		if r.Name == "" {
			return fmt.Errorf("%s a result without a name", expected)
		}
		if err := s.result(&r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Side) result(r *report.Result) error {
	metric, unit, one := "rate", "/s", r.MessagesPerSecond
	if r.Delays() {
		metric, unit, one = "p50", "ns", float64(r.LatencyNS.P50)
	}
	runs := r.Runs
	if len(runs) == 0 { // a document from before there were runs
		runs = []float64{one}
	}
	if err := s.add(key{r.Name, metric}, unit, r.Delays(), runs); err != nil {
		return err
	}
	for _, m := range r.Series {
		if len(m.Runs) == 0 {
			continue // it was not measured
		}
		if err := s.add(key{r.Name, m.Metric}, m.Unit, m.Better == "lower", m.Runs); err != nil {
			return err
		}
	}
	return nil
}

// crowd reads what ringbench crowd prints.
func (s *Side) crowd(text []byte) error {
	var rows []struct {
		Producers, Consumers int
		Contender            string
		All                  []float64
	}
	err := json.Unmarshal(text, &rows)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("one without results")
	}
	if err == nil && (rows[0].Contender == "" || len(rows[0].All) == 0) {
		err = fmt.Errorf("another list")
	}
	if err != nil {
		return fmt.Errorf("expected a document of schema %q or %q, found %w", report.Schema, report.CrowdSchema, err)
	}
	for _, r := range rows {
		if err := s.add(key{fmt.Sprintf("crowd/%s/%dx%d", r.Contender, r.Producers, r.Consumers), "rate"}, "/s", false, r.All); err != nil {
			return err
		}
	}
	return nil
}

// most is beyond any rate or time in nanoseconds: of what is not greater there are sums and ratios.
const most = 1e100

func (s *Side) add(k key, unit string, lower bool, values []float64) error {
	k, unit = key{typeset.Visible(k.name), typeset.Visible(k.metric)}, typeset.Visible(unit)
	if len(values) == 0 {
		return fmt.Errorf("expected figures of %s %s, found none", k.name, k.metric)
	}
	for _, v := range values {
		if v < 0 || v > most || v > 0 && v < 1/most {
			return fmt.Errorf("expected figures of %s %s from 0 to %g, found %g", k.name, k.metric, most, v)
		}
	}
	if s.samples[k] == nil {
		s.samples[k] = &sample{unit: unit, lower: lower}
		s.keys = append(s.keys, k)
	}
	s.samples[k].values = append(s.samples[k].values, values...)
	return nil
}

// differing says in which respects the machines of two sides are not the same.
func differing(old, new *Side) (lines []string) {
	for _, f := range []struct {
		what string
		of   func(report.Environment) string
	}{
		{"CPU", func(e report.Environment) string { return e.CPUModel }},
		{"logical cores", func(e report.Environment) string { return fmt.Sprint(e.LogicalCores) }},
		{"pinning", func(e report.Environment) string {
			if len(e.CPUs) == 0 {
				return "not pinned"
			}
			return fmt.Sprintf("CPUs %v", e.CPUs)
		}},
		{"governor", func(e report.Environment) string {
			if e.Governor == nil {
				return "unknown"
			}
			return *e.Governor
		}},
		{"kernel", func(e report.Environment) string { return e.OS + " " + e.Kernel + " " + e.Arch }},
		{"Go", func(e report.Environment) string { return e.GoVersion }},
	} {
		a, b := distinct(old.Environments, f.of), distinct(new.Environments, f.of)
		if a != b && a != "" && b != "" {
			lines = append(lines, typeset.Visible(fmt.Sprintf("%s: %s, then %s", f.what, a, b)))
		}
	}
	return lines
}

// distinct joins the different answers.
func distinct(list []report.Environment, of func(report.Environment) string) string {
	var out []string
	seen := map[string]bool{}
	for _, e := range list {
		if v := of(e); !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return strings.Join(out, " and ")
}
