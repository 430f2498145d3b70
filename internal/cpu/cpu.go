// Package cpu says what the rings need to know of the processor.
package cpu

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"
)

// CacheLine returns the size of a cache line in bytes: what cpuid reports, or
// the customary size where it reports nothing.
func CacheLine() int {
	if n := cpuid.CPU.CacheLine; n >= 32 && n <= 512 && n&(n-1) == 0 {
		return n
	}
	if runtime.GOARCH == "arm64" && (runtime.GOOS == "darwin" || runtime.GOOS == "ios") {
		return 128
	}
	return 64
}

// Stride returns the distance in bytes that keeps two writers from disturbing
// each other: two lines on x86, whose prefetcher fetches lines in pairs (Intel
// 64 and IA-32 Optimization Reference Manual, "Spatial Prefetcher"), one line
// elsewhere, but never less than 64.
func Stride() int {
	n := CacheLine()
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "386" {
		n *= 2
	}
	return max(n, 64)
}

// Name returns the processor's brand name, or its architecture.
func Name() string {
	if s := cpuid.CPU.BrandName; s != "" {
		return s
	}
	return runtime.GOARCH
}
