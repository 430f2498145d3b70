package rival

import (
	"os"
	"path/filepath"
	"testing"

	"annulus/internal/testutil"
)

// Anybody may put names into /dev/shm: none is a pattern, and none keeps others from theirs.
func TestClaimsAmongHostileNames(t *testing.T) {
	parent := t.TempDir()
	mine, err := newClaim(parent, "x-")
	testutil.Must(t, err)
	beside := mine.dir + "_segment"
	testutil.Must(t, os.WriteFile(beside, nil, 0o600))
	for _, name := range []string{"x-[", "x-*", "x-?", `x-\\`} {
		testutil.Must(t, os.Mkdir(filepath.Join(parent, name), 0o700))
		testutil.Must(t, os.WriteFile(filepath.Join(parent, name+"_dead"), nil, 0o600))
	}
	testutil.Must(t, os.Symlink(mine.dir, filepath.Join(parent, "x-link")))
	next, err := newClaim(parent, "x-")
	testutil.Must(t, err)
	if _, err := os.Stat(beside); err != nil {
		t.Error("what belongs to a live maker is gone: ", err)
	}
	testutil.Must(t, next.close())
	testutil.Must(t, mine.close())
	left, err := filepath.Glob(filepath.Join(parent, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "x-link" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
