package load

import (
	"os"
	"strings"
	"testing"
)

// The example in the guide is the profile that comes along, and all its keys stand there.
func TestGuide(t *testing.T) {
	b, err := os.ReadFile("../../../../docs/guide/load.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(b)
	text, _ := Source("work-queue")
	if !strings.Contains(guide, "```yaml\n"+string(text)+"```") {
		t.Error("the example in docs/guide/load.md is not profiles/work-queue.yaml")
	}
	for _, bad := range []string{"rings: {r: {?: 1}}", "producers: {p: {?: 1}}", "consumers: {c: {?: 1}}", "producers: {p: {churn: {?: 1}}}",
		"producers: {p: {pace: {?: 1}}}", "producers: {p: {pace: {phases: [{?: 1}]}}}", "producers: {p: {size: {?: 1}}}", "?: 1", "consumers: {c: {work: {?: 1}}}"} {
		_, err := Parse("f", []byte(strings.ReplaceAll(bad, "?", "nosuch")))
		if err == nil {
			t.Fatalf("%s is taken", bad)
		}
		_, list, _ := strings.Cut(err.Error(), " out of ")
		list, _, _ = strings.Cut(list, ", found ")
		for key := range strings.SplitSeq(list, ", ") {
			if !strings.Contains(guide, "`"+key+"`") && !strings.Contains(guide, key+": ") {
				t.Errorf("docs/guide/load.md does not have the key %s", key)
			}
		}
	}
}
