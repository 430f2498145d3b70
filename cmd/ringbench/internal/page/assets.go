package page

import (
	"embed"
	"strings"
)

//go:embed assets/page.html
var pageHTML string

//go:embed assets/*.css assets/*.js
var assets embed.FS

//go:embed library/*.js library/LICENSE.* library/SHA256SUMS
var library embed.FS

// libraries are what the charts are drawn by, in the order in which they load, with the licences of what
// is in each bundle.
var libraries = []struct {
	file     string
	licenses []string
}{
	{"d3.min.js", []string{"d3", "d3-ease", "delaunator"}},
	{"plot.umd.min.js", []string{"plot", "interval-tree-1d", "binary-search-bounds", "isoformat"}},
}

// scripts are the page's own, in the order in which they load.
var scripts = []string{"format.js", "draw.js", "lines.js", "bars.js", "legend.js", "table.js", "picture.js", "main.js"}

// script is all that the page runs: the libraries, each after its licences, and the page's own part.
func script() string {
	var b strings.Builder
	for _, l := range libraries {
		for _, name := range l.licenses {
			b.WriteString("/*\n" + name + "\n\n" + must(library, "library/LICENSE."+name) + "\n*/\n")
		}
		b.WriteString(must(library, "library/"+l.file) + "\n")
	}
	b.WriteString("(() => {\n\"use strict\";\n")
	for _, s := range scripts {
		b.WriteString(must(assets, "assets/"+s))
	}
	b.WriteString("})();\n")
	return b.String()
}

// must reads a file that is part of the binary.
func must(from embed.FS, path string) string {
	b, err := from.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return string(b)
}
