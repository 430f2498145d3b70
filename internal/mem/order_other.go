//go:build (!amd64 && !arm64) || race

package mem

import "sync/atomic"

// Announce is a store that comes before every later store: those who see one of
// these see it too. A read-modify-write is ordered on both sides.
func Announce(w *uint64, v uint64) { atomic.SwapUint64(w, v) }

// Recheck is a load that comes after every earlier load. The fence is made on a
// word of the caller's, for w may be mapped read-only.
func Recheck(w *uint64) uint64 {
	var fence uint32
	atomic.SwapUint32(&fence, 0)
	return atomic.LoadUint64(w)
}
