package page

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"annulus/internal/testutil"
)

// With -screens: the page as it looks, light and dark, wide and narrow, and on paper.
func TestScreens(t *testing.T) {
	if *screensFlag == "" {
		return
	}
	doc := document(t, *documentFlag)
	for _, v := range []view{wide, {1280, true}, phone, {390, true}} {
		p := show(t, doc, v)
		p.screenshot(filepath.Join(*screensFlag, fmt.Sprintf("%d-dark=%t.png", v.width, v.dark)))
	}
	p := show(t, doc, wide)
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF())
	testutil.Must(t, err)
	testutil.Must(t, os.WriteFile(filepath.Join(*screensFlag, "page.pdf"), pdf, 0o644))
	f, err := os.Create(filepath.Join(*screensFlag, "page.html"))
	testutil.Must(t, err)
	testutil.Must(t, Write(f, doc))
	testutil.Must(t, f.Close())
}

// The pictures of the README are SVG that resolves without the page. With -picture they are written.
func TestPicture(t *testing.T) {
	p := show(t, document(t, *documentFlag), wide)
	for _, theme := range []string{"light", "dark"} {
		svg := eval[string](p, fmt.Sprintf("ringbenchPicture(%q)", theme))
		checkPicture(t, svg)
		if *pictureFlag != "" {
			testutil.Must(t, os.WriteFile(*pictureFlag+"-"+theme+".svg", []byte(svg+"\n"), 0o644))
		}
	}
}
