package stopwatch

const hasTSC = true

// tsc reads the time stamp counter once all that is before it in the program is done.
//
//go:noescape
func tsc() int64
