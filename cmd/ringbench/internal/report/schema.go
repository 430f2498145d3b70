package report

import (
	"encoding/json"
	"io"
)

// Schema names the JSON document that WriteJSON prints.
const Schema = "ringbench/1"

// CrowdSchema names that of ringbench crowd.
const CrowdSchema = "ringbench/crowd/1"

// Latency holds the percentiles of one distribution, in nanoseconds.
type Latency struct {
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
	P999  int64 `json:"p99_9"`
	P9999 int64 `json:"p99_99"`
	Max   int64 `json:"max"`
}

// Quantiles are where a Distribution is read, from the least to the greatest.
var Quantiles = []float64{0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1}

// Result is one measurement. A message of a round trip is one trip there and
// back. LatencyNS and Wakes are nil when they were not measured.
type Result struct {
	Name              string   `json:"name"`
	Kind              string   `json:"kind"`             // "throughput", "round-trip", "one-way" or "load"
	Family            string   `json:"family,omitempty"` // what the transport is made of, as "ring" or "socket": comparisons have it
	Wait              string   `json:"wait"`             // how a side with nothing to do waits
	Transport         string   `json:"transport"`
	Topology          string   `json:"topology"`
	Size              int      `json:"size"`
	Batch             int      `json:"batch"`
	Processes         int      `json:"processes"`
	Messages          uint64   `json:"messages"`
	Seconds           float64  `json:"seconds"`
	MessagesPerSecond float64  `json:"messages_per_second"`
	BytesPerSecond    float64  `json:"bytes_per_second"`
	LatencyNS         *Latency `json:"latency_ns"`
	CPUSeconds        float64  `json:"cpu_seconds"`
	Wakes             *uint64  `json:"wakes"`

	// Runs has one figure of each repetition, in the order of the runs: messages a
	// second, or of round trips and delays the p50 in nanoseconds.
	Runs []float64 `json:"runs,omitempty"`

	// Load and Series are of results of kind "load".
	Load   *Load    `json:"load,omitempty"`
	Series []Series `json:"series,omitempty"`

	// Distribution has the delay in nanoseconds at each of Quantiles; empty when none was kept.
	Distribution []int64 `json:"distribution,omitempty"`
}

// Missing is what was to be measured and could not be.
type Missing struct {
	Transport string `json:"transport"`
	Wait      string `json:"wait,omitempty"` // where there is a choice
	Size      int    `json:"size,omitempty"` // 0: any
	Why       string `json:"why"`            // one line: what was expected, what was found
	Do        string `json:"do"`             // the command that helps; "" for none
}

// Document is what a measuring command prints with --json.
type Document struct {
	Schema      string      `json:"schema"`
	Environment Environment `json:"environment"`
	Results     []Result    `json:"results"`
	Missing     []Missing   `json:"missing,omitempty"`
}

// WriteJSON prints one indented document. The error is w's.
func WriteJSON(w io.Writer, env Environment, results []Result) error {
	return WriteDocument(w, Document{Schema: Schema, Environment: env, Results: results})
}

// WriteDocument prints doc as WriteJSON does.
func WriteDocument(w io.Writer, doc Document) error {
	if doc.Results == nil {
		doc.Results = []Result{} // an empty list, not null
	}
	return Indented(w, doc)
}

// Indented prints doc as JSON for machines that people read too. The error is w's.
func Indented(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
