package futex

import (
	"testing"
	"time"

	"annulus/internal/testutil"
)

// roles are the children's programs; a test file adds its own in init.
var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, nil) }

const patience = testutil.Patience

var (
	start      = testutil.Start
	child      = testutil.Child
	until      = testutil.Until
	eventually = testutil.Eventually
)

// receive takes what a goroutine hands over.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("hung:\n%s", testutil.Stacks())
		panic("not reached")
	}
}
