//go:build !linux

package futex

func osYield() {}
