//go:build nointents

package ring

const announces = false
