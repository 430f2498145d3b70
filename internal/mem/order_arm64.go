//go:build !race

package mem

// Announce is a store that comes before every later store: those who see one of
// these see it too. A release store is not that: it orders what is before it.
//
//go:noescape
func Announce(w *uint64, v uint64)

// Recheck is a load that comes after every earlier load. An acquire load is not
// that: it orders what is behind it.
//
//go:noescape
func Recheck(w *uint64) uint64
