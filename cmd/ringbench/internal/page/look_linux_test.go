package page

import (
	stdbytes "bytes"
	"fmt"
	"image/png"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"annulus/internal/testutil"
)

// Every chart has drawn each of its methods, nothing is wider than the screen, and dark is dark.
func TestCharts(t *testing.T) {
	doc := document(t, "testdata/report.json")
	methods := len(methodsOf(doc.Results).list)
	for _, v := range []view{wide, {1280, true}, phone, {390, true}} {
		t.Run(fmt.Sprintf("%d dark=%t", v.width, v.dark), func(t *testing.T) {
			p := show(t, doc, v)
			for _, id := range []string{"throughput", "percentiles", "median", "cpu"} {
				if got := eval[int](p, fmt.Sprintf(drawnMethods, id)); got != methods {
					t.Errorf("%s: %d methods are drawn, want %d", id, got, methods)
				}
			}
			checkFits(p)
			if light := lightness(p); light < 0.25 != v.dark || light > 0.75 == v.dark {
				t.Errorf("the page has a lightness of %.2f", light)
			}
		})
	}
}

// drawnMethods counts the methods of a chart that have a shape of some extent in it.
const drawnMethods = `new Set([...document.querySelectorAll("#%s .drawing svg .s")].filter(g => {
	const shape = g.querySelector("path[d], rect");
	const box = shape?.getBoundingClientRect();
	return box && box.width + box.height > 4;
}).map(g => g.getAttribute("class").match(/\bs\d+/)[0])).size`

// checkFits holds that nothing makes the page wider than the screen.
func checkFits(p *tab) {
	p.t.Helper()
	if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		p.t.Errorf("the page is wider than the screen by %d pixels", over)
	}
}

// lightness is that of the pixels of the first screen, from 0 to 1, with text and lines.
func lightness(p *tab) float64 {
	p.t.Helper()
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	testutil.Must(p.t, err)
	img, err := png.Decode(stdbytes.NewReader(shot))
	testutil.Must(p.t, err)
	var sum, n float64
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 3 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += float64(r+g+b) / 3 / 0xffff
			n++
		}
	}
	return sum / n
}

// click does what a click on the element does whose text or value is given.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	if !eval[bool](p, fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll(%q)].find(e => (e.value ?? e.textContent) === %q || e.textContent === %[2]q);
		e?.click();
		return !!e;
	})()`, selector, text)) {
		p.t.Fatalf("no %s with %q", selector, text)
	}
}

func TestControls(t *testing.T) {
	p := show(t, document(t, "testdata/report.json"), wide)
	drawing := func(id string) string {
		return eval[string](p, fmt.Sprintf(`document.querySelector("#%s .drawing").innerHTML`, id))
	}
	throughput, median := drawing("throughput"), drawing("median")
	p.click("#throughput input", "bytes")
	if s := drawing("throughput"); s == throughput || !strings.Contains(s, "bytes per second") {
		t.Error("the unit of throughput does not change")
	}
	p.click("#percentiles input", "1024")
	if drawing("median") == median {
		t.Error("the size of messages does not change")
	}
	if got := eval[string](p, `document.querySelector("#median input:checked").value`); got != "1024" {
		t.Errorf("another chart is at %s bytes", got)
	}
	p.click("#cpu input", "round-trip")
	if !strings.Contains(drawing("cpu"), "CPU time") {
		t.Error("no CPU time of round trips")
	}
	for _, theme := range []string{"dark", "light", "auto"} {
		p.click("#theme input", theme)
		if light := lightness(p); light < 0.25 != (theme == "dark") {
			t.Errorf("%s: the page has a lightness of %.2f", theme, light)
		}
	}
	p.prefer(true)
	if light := lightness(p); light > 0.25 {
		t.Errorf("for who prefers dark the page has a lightness of %.2f", light)
	}
}

func TestLegend(t *testing.T) {
	doc := document(t, "testdata/report.json")
	methods := len(methodsOf(doc.Results).list)
	p := show(t, doc, wide)
	drawn := func() int { return eval[int](p, fmt.Sprintf(drawnMethods, "throughput")) }
	p.click("#legend label", "pipe") // the family
	if got := drawn(); got != methods-1 {
		t.Errorf("without one %d methods are drawn, want %d", got, methods-1)
	}
	p.click("#legend button", "Hide all")
	if got := eval[string](p, `document.querySelector("#throughput .drawing").textContent`); !strings.Contains(got, "hidden") {
		t.Errorf("with all hidden the chart says %q", got)
	}
	p.click("#legend li label", "unix")
	if got := drawn(); got != 1 {
		t.Errorf("%d methods are drawn, want 1", got)
	}
	p.click("#legend button", "Show all")
	if got := drawn(); got != methods {
		t.Errorf("%d methods are drawn, want %d", got, methods)
	}
}

// A tooltip says what the pointer is at, and lets all other methods fade.
func TestTooltip(t *testing.T) {
	p := show(t, document(t, "testdata/report.json"), wide)
	at := eval[[]float64](p, `(() => {
		const m = [...document.querySelectorAll("#legend li")].findIndex(e => e.textContent === "unix");
		const dot = document.querySelector("#throughput svg g.s" + m + ":has(> path:nth-child(3)) > path");
		dot.scrollIntoView({block: "center"});
		const b = dot.getBoundingClientRect();
		return [b.x + b.width / 2, b.y + b.height / 2];
	})()`)
	p.run(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0]-1, at[1]), chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.wait(`document.querySelector("#throughput .tip")?.textContent`)
	if got := eval[string](p, `document.querySelector("#throughput .tip").textContent`); !strings.Contains(got, "unix (socket)") || !strings.Contains(got, "messages/s") {
		t.Errorf("the tooltip says %q", got)
	}
	if *screensFlag != "" {
		p.screenshot(filepath.Join(*screensFlag, "tooltip.png"))
	}
	if n := eval[int](p, `document.querySelectorAll("#throughput .s.faint").length`); n == 0 {
		t.Error("no other method fades")
	}
}

func TestSorting(t *testing.T) {
	p := show(t, document(t, "testdata/report.json"), phone)
	column := func(n int) string {
		return eval[string](p, fmt.Sprintf(`[...document.querySelector("table").tBodies[0].rows].map(r => +r.cells[%d].dataset.key).join(" ")`, n))
	}
	sorted := func(n int) string {
		return eval[string](p, fmt.Sprintf(`[...document.querySelector("table").tBodies[0].rows].map(r => +r.cells[%d].dataset.key).sort((a, b) => a - b).join(" ")`, n))
	}
	before := column(2)
	p.click("table thead button", "Messages")
	if got := column(2); got == before || got != sorted(2) {
		t.Errorf("not sorted: %s", got)
	}
	if got := eval[string](p, `document.querySelector("table [aria-sort]").ariaSort`); got != "ascending" {
		t.Errorf("the column says that it is %s", got)
	}
	p.click("table thead button", "Messages")
	if got := column(2); strings.Fields(got)[0] != strings.Fields(sorted(2))[len(strings.Fields(got))-1] {
		t.Errorf("not sorted the other way: %s", got)
	}
}

// Headings go down one by one, what can be chosen has a name, and every chart is told in words.
func TestAccessible(t *testing.T) {
	p := show(t, document(t, "testdata/report.json"), wide)
	if got := eval[string](p, `[...document.querySelectorAll("h1, h2, h3")].map(h => h.tagName[1]).join("")`); !strings.HasPrefix(got, "12222233") || strings.Count(got, "1") != 1 {
		t.Errorf("the headings are of the levels %s", got)
	}
	for what, bad := range map[string]string{
		"charts without words":     `[...document.querySelectorAll(".drawing svg")].filter(e => !(e.closest("[role=img]")?.ariaLabel.length > 40))`,
		"inputs without a label":   `[...document.querySelectorAll("input")].filter(e => !e.labels[0]?.textContent.trim())`,
		"choices without a legend": `[...document.querySelectorAll("fieldset")].filter(e => !e.querySelector("legend").textContent)`,
		"tables without a caption": `[...document.querySelectorAll("table")].filter(e => !e.caption?.textContent)`,
		"rows without a head":      `[...document.querySelectorAll("tbody tr")].filter(e => !e.querySelector("th[scope=row]"))`,
	} {
		if n := eval[int](p, "("+bad+").length"); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}
