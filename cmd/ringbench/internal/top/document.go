package top

import (
	"time"

	"annulus/ring"
)

// Schema names the JSON document that NewDocument makes.
const Schema = "ringbench/top/1"

// Document is one sample for machines. Rates are per second, between two looks.
type Document struct {
	Schema     string     `json:"schema"`
	Time       string     `json:"time"`    // RFC 3339
	Seconds    float64    `json:"seconds"` // between the two looks
	Rings      []RingDoc  `json:"rings"`
	Cells      []CellDoc  `json:"cells"`
	Errors     []ErrorDoc `json:"errors"`
	Foreign    int        `json:"foreign"`    // files that hold neither
	Unreadable int        `json:"unreadable"` // files that may not be read
}

// ErrorDoc is what cannot be looked at, and why.
type ErrorDoc struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

// RingDoc is a ring.
type RingDoc struct {
	Name           string    `json:"name"`
	Backing        string    `json:"backing"`
	Topology       string    `json:"topology"`
	Kind           string    `json:"kind"`
	State          string    `json:"state"`    // as the screen says it
	Level          string    `json:"level"`    // fine, quiet, warning or bad
	Capacity       uint64    `json:"capacity"` // bytes or slots
	Occupied       uint64    `json:"occupied"`
	Occupancy      float64   `json:"occupancy"` // 0 to 1
	Removed        bool      `json:"removed"`
	Full           bool      `json:"full"`
	StalledSeconds float64   `json:"stalled_seconds"` // not empty and nothing released, at least
	Producer       SideDoc   `json:"producer"`
	Consumer       SideDoc   `json:"consumer"`
	Dropped        uint64    `json:"dropped"`
	Lost           uint64    `json:"lost"`
	Rates          *RatesDoc `json:"rates"` // null: it was not there at the first look
}

// SideDoc is one side of a ring.
type SideDoc struct {
	State    string `json:"state"`
	Running  []int  `json:"running"` // PIDs
	Stopped  []int  `json:"stopped"`
	Dead     []int  `json:"dead"`
	Asleep   bool   `json:"asleep"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	Wakes    uint64 `json:"wakes"`
	Parks    uint64 `json:"parks"`
}

// RatesDoc is per second.
type RatesDoc struct {
	In       float64 `json:"in"`
	Out      float64 `json:"out"`
	InBytes  float64 `json:"in_bytes"`
	OutBytes float64 `json:"out_bytes"`
	Wakes    float64 `json:"wakes"`
	Parks    float64 `json:"parks"`
	Dropped  float64 `json:"dropped"`
	Lost     float64 `json:"lost"`
}

// CellDoc is a cell or block.
type CellDoc struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Element   string   `json:"element"`
	State     string   `json:"state"`
	Version   uint64   `json:"version"`
	Length    int      `json:"length"` // bytes of the latest value
	Writer    string   `json:"writer"`
	PID       int      `json:"pid"`
	Wakes     uint64   `json:"wakes"`
	Parks     uint64   `json:"parks"` // of readers
	PerSecond *float64 `json:"versions_per_second"`
}

// NewDocument makes a document of the second of two rounds.
func NewDocument(r Round, rows []Row, between time.Duration) *Document {
	sorting{}.sort(rows)
	d := &Document{
		Schema: Schema, Time: r.At.UTC().Format(time.RFC3339Nano), Seconds: between.Seconds(),
		Rings: []RingDoc{}, Cells: []CellDoc{}, Errors: []ErrorDoc{}, Foreign: r.Foreign, Unreadable: r.Unreadable,
	}
	for i := range rows {
		switch row := &rows[i]; {
		case row.Err != "":
			d.Errors = append(d.Errors, ErrorDoc{row.Name, row.Err})
		case row.Cell != nil:
			d.Cells = append(d.Cells, cellDoc(row))
		default:
			d.Rings = append(d.Rings, ringDoc(row))
		}
	}
	return d
}

func ringDoc(r *Row) RingDoc {
	d := RingDoc{
		Name: r.Name, Backing: r.Backing, Topology: topology(r), Kind: kind(r), State: r.Condition.Word,
		Level:    map[Level]string{Fine: "fine", Quiet: "quiet", Warning: "warning", Bad: "bad"}[r.Condition.Level],
		Capacity: r.Stats.Capacity, Occupied: r.Stats.Occupied, Occupancy: r.Used, Removed: r.Removed, Full: r.Full,
		StalledSeconds: r.Stall.For.Seconds(), Dropped: r.Stats.Dropped, Lost: r.Lost,
		Producer: sideDoc(r.Stats.Producer, r.Producers), Consumer: sideDoc(r.Stats.Consumer, r.Consumers),
	}
	if r.Known {
		d.Rates = &RatesDoc{r.In, r.Out, r.InBytes, r.OutBytes, r.Wakes, r.Parks, r.Rates.Dropped, r.Rates.Lost}
	}
	return d
}

func sideDoc(s ring.SideStats, p Party) SideDoc {
	list := func(pids []int) []int { return append([]int{}, pids...) } // never null
	return SideDoc{
		State: p.State, Running: list(p.Running), Stopped: list(p.Stopped), Dead: list(p.Dead), Asleep: s.Asleep && s.Attached,
		Messages: s.Messages, Bytes: s.Bytes, Wakes: s.Wakes, Parks: s.Parks,
	}
}

func cellDoc(r *Row) CellDoc {
	c := r.Cell
	d := CellDoc{
		Name: r.Name, Kind: c.Kind, Element: c.Element, State: r.Condition.Word, Version: c.Version, Length: c.Length,
		Writer: r.Producers.State, PID: c.PID, Wakes: c.Wakes, Parks: c.Waits,
	}
	if r.Known {
		d.PerSecond = &r.In
	}
	return d
}
