//go:build amd64 || arm64

package mem

// Pause tells the processor n times (at least once) that this is a spin loop.
//
//go:noescape
func Pause(n uint32)
