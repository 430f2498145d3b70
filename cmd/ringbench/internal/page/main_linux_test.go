package page

import (
	"flag"
	"testing"

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
