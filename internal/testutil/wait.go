package testutil

import (
	"fmt"
	"testing"
	"time"
)

// Patience is how long anything may take before a test calls it hung: longer
// than a virtual machine is paused.
const Patience = 3 * time.Minute

// Until polls for a state that no channel announces. Its error, after Patience,
// says what never happened. Any goroutine.
func Until(what string, state func() bool) error {
	nap := 20 * time.Microsecond
	for end := time.Now().Add(Patience); !state(); time.Sleep(nap) {
		if time.Now().After(end) {
			return fmt.Errorf("never happened: %s", what)
		}
		nap = min(2*nap, time.Millisecond)
	}
	return nil
}

// Eventually is Until that ends the test. Only the goroutine of the test may
// call it.
func Eventually(t testing.TB, what string, state func() bool) {
	t.Helper()
	if err := Until(what, state); err != nil {
		t.Fatal(err)
	}
}
