// Package mem is how the rings touch shared memory: word loads and stores at
// offsets of a base pointer, and byte views. It holds all their pointer
// arithmetic. Offsets are masked or bounded by the caller, never checked here.
package mem
