//go:build race

package race

// Enabled says whether this build carries the race detector.
const Enabled = true
