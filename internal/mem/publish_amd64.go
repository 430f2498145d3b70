//go:build amd64 && !race

package mem

// Publish is a release store: nothing before it is done after it.
//
// On amd64 sync/atomic stores with XCHG, a full fence of some 20 cycles, while
// every MOV store is a release already (the architecture keeps stores in order
// and behind earlier loads). The compiler keeps it in place too: in its SSA form
// each store takes the memory state of the one before. That is a property of
// the gc compiler, not of the language, so TestPublishCode holds it against the
// generated code. See docs/decisions/0001-release-store.md.
func Publish(w *uint64, v uint64) { *w = v }

// Prepare is a store that a later Publish makes visible.
func Prepare(w *uint64, v uint64) { *w = v }
