//go:build !amd64 && !arm64

package mem

// Pause wastes a little time; this processor has no hint for spin loops here.
func Pause(n uint32) {
	for ; n > 0; n-- {
		spinHint++
	}
}

var spinHint uint32
