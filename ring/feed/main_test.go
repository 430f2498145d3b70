package feed_test

import (
	"testing"

	"annulus/internal/testutil"
)

// roles are the other processes of this package's tests; test files add theirs.
var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, func() {}) }
