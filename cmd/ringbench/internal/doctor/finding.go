package doctor

import "fmt"

// A Verdict is what a check comes to.
type Verdict int

const (
	OK      Verdict = iota // as it should be
	Unknown                // cannot be seen from here
	Costs                  // works, and costs latency or limits something
	Breaks                 // something will fail
)

// String returns ok, unknown, costs or breaks.
func (v Verdict) String() string {
	return [...]string{"ok", "unknown", "costs", "breaks"}[v]
}

// MarshalText is for JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// A Finding is what one check has found. Each of its texts is one line.
type Finding struct {
	Check    string   `json:"check"`
	Verdict  Verdict  `json:"verdict"`
	Found    string   `json:"found"`
	Why      string   `json:"why"`                // it matters
	Do       string   `json:"do,omitempty"`       // "" where there is nothing to do
	Commands []string `json:"commands,omitempty"` // that do it, as root where need be
}

// A Check looks at one thing.
type Check struct {
	Name string
	Why  string // it matters: one line
	Look func(m *Machine) Finding
}

// Schema names the format of Report's JSON.
const Schema = "ringbench/doctor/1"

// Report is what all checks have found, in the order of the table.
type Report struct {
	Schema   string    `json:"schema"`
	Machine  string    `json:"machine"`
	Breaks   int       `json:"breaks"`
	Costs    int       `json:"costs"`
	Unknown  int       `json:"unknown"`
	OK       int       `json:"ok"`
	Findings []Finding `json:"findings"`
}

// Examine runs the checks on a machine.
func Examine(m *Machine, checks []Check) *Report {
	r := &Report{Schema: Schema, Machine: m.describe()}
	for _, c := range checks {
		f := c.Look(m)
		f.Check, f.Why = c.Name, c.Why
		*r.count(f.Verdict)++
		r.Findings = append(r.Findings, f)
	}
	return r
}

func (r *Report) count(v Verdict) *int {
	return [...]*int{&r.OK, &r.Unknown, &r.Costs, &r.Breaks}[v]
}

func ok(format string, args ...any) Finding {
	return Finding{Verdict: OK, Found: fmt.Sprintf(format, args...)}
}

func costs(format string, args ...any) Finding {
	return Finding{Verdict: Costs, Found: fmt.Sprintf(format, args...)}
}

func breaks(format string, args ...any) Finding {
	return Finding{Verdict: Breaks, Found: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) Finding {
	return Finding{Verdict: Unknown, Found: fmt.Sprintf(format, args...)}
}

// do adds what to do about it.
func (f Finding) do(format string, args ...any) Finding {
	f.Do = fmt.Sprintf(format, args...)
	return f
}

// by adds the commands that do it.
func (f Finding) by(commands ...string) Finding {
	f.Commands = append(f.Commands, commands...)
	return f
}
