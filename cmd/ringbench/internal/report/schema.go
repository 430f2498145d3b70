package report

import (
	"encoding/json"
	"io"
)

// Schema names the JSON document that WriteJSON prints.
const Schema = "ringbench/1"

// Latency holds the percentiles of one distribution, in nanoseconds.
type Latency struct {
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
	P999  int64 `json:"p99_9"`
	P9999 int64 `json:"p99_99"`
	Max   int64 `json:"max"`
}

// Result is one measurement. A message of a round trip is one trip there and
// back. LatencyNS and Wakes are nil when they were not measured.
type Result struct {
	Name              string   `json:"name"`
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

	// Wait says how a side with nothing to do waits. Only the table has it as
	// a column: in JSON it is a part of Name.
	Wait string `json:"-"`
}

// Document is what a measuring command prints with --json.
type Document struct {
	Schema      string      `json:"schema"`
	Environment Environment `json:"environment"`
	Results     []Result    `json:"results"`
}

// WriteJSON prints one indented document. The error is w's.
func WriteJSON(w io.Writer, env Environment, results []Result) error {
	if results == nil {
		results = []Result{} // an empty list, not null
	}
	return Indented(w, Document{Schema: Schema, Environment: env, Results: results})
}

// Indented prints doc as JSON for machines that people read too. The error is w's.
func Indented(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
