package ring_test

import (
	"testing"

	"annulus/internal/layout"
	"annulus/shm"
)

// Regions know no layout, so they say on their own where lock bytes lie; the
// header says it to peers.
func TestLockBytes(t *testing.T) {
	if shm.LockBase != layout.LockBase {
		t.Errorf("shm locks byte %#x, headers say %#x", shm.LockBase, int64(layout.LockBase))
	}
}
