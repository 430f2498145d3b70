package tidy

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// platform is what the name of a file may end in.
var platform = regexp.MustCompile(`(_unsafe|_linux|_other|_amd64|_arm64|_on|_off)*\.go$`)

// The map of the code names every package, and every file of those that users import.
func TestCodeMap(t *testing.T) {
	b, err := os.ReadFile("../../docs/code-map.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	files := map[string]bool{}
	for _, s := range sources(t) {
		dir, base := path.Split(s.path)
		switch {
		case strings.HasSuffix(base, "_test.go"), strings.HasPrefix(dir, "docs/"), base == "doc.go":
		case dir == "ring/" || dir == "shm/" || dir == "futex/" || dir == "seqlock/":
			stem := platform.ReplaceAllString(base, "")
			files[stem] = true
			if !strings.Contains(text, "`"+stem+"`") {
				t.Errorf("docs/code-map.md does not say what %s is for: add `%s`", s.path, stem)
			}
		case dir == "ring/feed/" || dir == "ring/rpc/" || dir == "cmd/ringbench/": // by the adapter, side or command that they are of
			stem, _, _ := strings.Cut(platform.ReplaceAllString(base, ""), "_")
			stem = strings.TrimSuffix(stem, ".go")
			files[stem] = true
			if !strings.Contains(text, "`"+stem+"`") && !strings.Contains(text, "`"+stem+"_*`") {
				t.Errorf("docs/code-map.md does not say what %s is for: add `%s`", s.path, stem)
			}
		}
		p := strings.Split(dir, "/")
		if p[0] == "internal" && !strings.Contains(text, "`internal/"+p[1]+"`") {
			t.Errorf("docs/code-map.md does not say what %s is for", dir)
		}
		if strings.HasPrefix(dir, "cmd/ringbench/internal/") && !strings.Contains(text, "`"+p[3]+"`") {
			t.Errorf("docs/code-map.md does not say what %s is for", dir)
		}
	}
	// In its tables of files nothing stands that is gone.
	rows := regexp.MustCompile("(?m)^\\| [^`|]+ \\| (`[a-z_]+`.*) \\|$")
	found := 0
	for _, row := range rows.FindAllStringSubmatch(text, -1) {
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			found++
			if !files[m[1]] {
				t.Errorf("docs/code-map.md speaks of a file %s that is not there", m[1])
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d files found in the tables", found)
	}
}
