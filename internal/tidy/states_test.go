package tidy

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	stateName = regexp.MustCompile(`^(Record|Slot|Granule|Span|Cast|Arm|Role|State|Intent)[A-Z][A-Za-z]*$`)
	// These say where something lies in a word or a slot, not what it is.
	place = regexp.MustCompile(`^SlotPayload|^SlotLength$|^GranuleSize$|^(SlotState|SlotRedeliver|RecordLength|SpanLength|CastLength|IntentPosition|GranuleIntent)Mask$|Shift$`)
)

// The states that states.md names are the constants of internal/layout, and it
// names all of them.
func TestStates(t *testing.T) {
	const doc = "docs/spec/states.md"
	b, err := os.ReadFile("../../" + doc)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "internal/layout/") || s.isTest() {
			continue
		}
		for _, d := range s.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				for _, n := range spec.(*ast.ValueSpec).Names {
					constants[n.Name] = true
				}
			}
		}
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		for _, m := range code.FindAllStringSubmatch(line, -1) {
			if stateName.MatchString(m[1]) {
				named[m[1]] = true
				if !constants[m[1]] {
					t.Errorf("%s speaks of %s, which internal/layout does not have", doc, m[1])
				}
			}
		}
	}
	states := 0
	for c := range constants {
		if !stateName.MatchString(c) || place.MatchString(c) {
			continue
		}
		states++
		if !named[c] {
			t.Errorf("%s does not say who may change %s to what", doc, c)
		}
	}
	if states < 20 {
		t.Errorf("only %d states found in internal/layout", states)
	}
}
