package peers_test

import (
	"testing"

	"annulus/internal/testutil"
)

// roles are the Go children's programs; test files add theirs in init.
var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, nil) }

var (
	start      = testutil.Start
	child      = testutil.Child
	must       = testutil.Must
	eventually = testutil.Eventually
)
