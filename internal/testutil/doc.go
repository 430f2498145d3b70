// Package testutil is what the tests of several packages share: waiting for
// states, playing other processes, finding leaks. Only tests import it.
package testutil
