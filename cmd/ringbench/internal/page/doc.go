// Package page writes a document of measurements as one HTML page: charts, tables, what is missing
// and how it was measured. The page is a single file that loads nothing and runs no script but its own.
//
// The charts are drawn by Observable Plot, on d3 (both ISC). It draws SVG, so that one drawing is sharp on
// any screen and on paper, takes its colours from the page's style sheet, light or dark, and gives the
// pictures of the README too; it has logarithmic scales, symbols, dashes and tooltips; and its bundle needs no
// build step. uPlot and Chart.js are smaller (50 and 210 KB beside 490), but draw on a canvas.
//
//	page.go      Write: template, style, script
//	assets.go    what is embedded
//	methods.go   results told apart: what the charts call a method
//	figures.go   what the charts draw
//	tables.go    what the tables say, and the environment
//	assets/      the template, the style sheet and the scripts
//	library/     the library, its licences, their checksums, and fetch, which gets them from the npm registry
//
// The tests look at the page in headless Chromium. They also draw the pictures and take screenshots:
//
//	go test ./cmd/ringbench/internal/page -run TestPicture -document report.json -picture docs/benchmarks/compare
//	go test ./cmd/ringbench/internal/page -run TestScreens -document report.json -screens out
package page
