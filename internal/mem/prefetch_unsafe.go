//go:build amd64 || arm64

package mem

import "unsafe"

// prefetch asks for the cache lines of the PrefetchSize bytes at p. It never
// faults.
//
//go:noescape
func prefetch(p unsafe.Pointer)

// claim is prefetch for lines that will be written.
//
//go:noescape
func claim(p unsafe.Pointer)
