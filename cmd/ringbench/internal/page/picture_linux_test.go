package page

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// checkPicture holds that a picture is well-formed, draws, and refers to nothing outside of it.
func checkPicture(t *testing.T, svg string) {
	t.Helper()
	paths, names := 0, map[string]bool{}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			names[e.Name.Local] = true
			if e.Name.Local == "path" {
				paths++
			}
		}
	}
	if paths < 20 {
		t.Errorf("the picture has %d paths only", paths)
	}
	if names["script"] || names["image"] || names["foreignObject"] {
		t.Errorf("the picture has %v", names)
	}
	for _, not := range []string{"var(", "light-dark", "href"} {
		if strings.Contains(svg, not) {
			t.Errorf("the picture has %q", not)
		}
	}
}
