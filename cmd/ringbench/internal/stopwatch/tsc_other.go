//go:build !amd64

package stopwatch

const hasTSC = false

func tsc() int64 { return 0 }
