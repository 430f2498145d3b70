package page

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/testutil"
)

var (
	documentFlag = flag.String("document", "testdata/report.json", "the `FILE` of a ringbench document, for -picture and -screens")
	pictureFlag  = flag.String("picture", "", "draw the charts to `PATH`-light.svg and PATH-dark.svg")
	screensFlag  = flag.String("screens", "", "write screenshots of the page, and the page, into the directory `DIR`")
)

func TestMain(m *testing.M) {
	flag.Parse()
	testutil.Main(m, nil, closeBrowser)
}

// document reads a document that ringbench has written.
func document(t testing.TB, path string) (doc report.Document) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
