//go:build !race

// Package race tells whether the race detector is built in. It sees only Go
// memory, so the rings run over heap regions under it, with plain publishing
// stores replaced by sync/atomic.
package race

// Enabled says whether this build carries the race detector.
const Enabled = false
