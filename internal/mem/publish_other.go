//go:build !amd64 || race

package mem

import "sync/atomic"

// Publish is a release store: nothing before it is done after it. On arm64
// sync/atomic stores with STLR, which is just that.
func Publish(w *uint64, v uint64) { atomic.StoreUint64(w, v) }

// Prepare is a store that a later Publish makes visible.
func Prepare(w *uint64, v uint64) { atomic.StoreUint64(w, v) }
