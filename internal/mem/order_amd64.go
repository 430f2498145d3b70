//go:build amd64 && !race

package mem

import "sync/atomic"

// Announce is a store that comes before every later store: those who see one of
// these see it too.
//
// On amd64 stores stay in order. The load is for the compiler: with no use of
// memory in between, a later Publish to the same word makes this store dead, and
// it would be free to leave it out. TestCellCode holds it to the rest.
func Announce(w *uint64, v uint64) {
	*w = v
	atomic.LoadUint64(w)
}

// Recheck is a load that comes after every earlier load. On amd64 loads stay in
// order, and the compiler moves none past an atomic one.
func Recheck(w *uint64) uint64 { return atomic.LoadUint64(w) }
