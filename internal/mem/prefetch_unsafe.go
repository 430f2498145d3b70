//go:build amd64 || arm64

package mem

import "unsafe"

// prefetch asks for the cache lines of the PrefetchSize bytes at p. It never
// faults.
//
//go:noescape
func prefetch(p unsafe.Pointer)
