package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"annulus/cmd/ringbench/internal/report"
)

var layout = template.Must(template.New("page").Parse(pageHTML))

// content is what the template is filled with.
type content struct {
	Policy  string
	Style   template.HTML
	Script  template.HTML
	Figures template.HTML

	Title    string
	Lead     string
	Facts    []fact
	Tables   []table
	Missing  []report.Missing
	Repeats  string // how often each was measured
	Repeated bool
	Charts   []chart
}

// chart is a section with a drawing in it.
type chart struct {
	ID, Title, Note string
	Empty           string // said in place of it when there is nothing to draw
}

var charts = []chart{
	{"throughput", "Throughput by message size", "Both axes are logarithmic: higher is better.", "No throughput was measured."},
	{"percentiles", "Delay by percentile", "The further right, the rarer: lower is better, and flat is steady. A line ends at the slowest message.", "No percentiles were measured."},
	{"median", "Median delay", "Half of the messages took less. Logarithmic: shorter is better. The thin line spans all runs.", "No delays were measured."},
	{"cpu", "CPU time per message", "Both sides together. Logarithmic: shorter is better.", "No CPU time was measured."},
}

// Write writes doc as one self-contained HTML page. It may be called by several goroutines at once. What a figure is
// missing or is no number is left out of the charts. The error is w's.
func Write(w io.Writer, doc report.Document) error {
	figures, err := json.Marshal(figuresOf(doc.Results)) // with <, > and & escaped
	if err != nil {
		return fmt.Errorf("the figures of the page: %w", err)
	}
	code := script()
	sum := sha256.Sum256([]byte(code))
	return layout.Execute(w, content{
		Policy: "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'",
		Style:    template.HTML("<style>" + must(assets, "assets/page.css") + "</style>"),
		Script:   template.HTML("<script>" + code + "</script>"),
		Figures:  template.HTML(`<script type="application/json" id="figures">` + string(figures) + "</script>"),
		Title:    "Ways to pass a message, compared",
		Lead:     lead(doc.Results),
		Facts:    factsOf(doc.Environment),
		Tables:   tablesOf(doc.Results),
		Missing:  doc.Missing,
		Repeats:  repeats(doc.Results),
		Repeated: repeated(doc.Results),
		Charts:   charts,
	})
}
