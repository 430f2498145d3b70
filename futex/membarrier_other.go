//go:build !linux

package futex

func register() bool { return false }

func barrier() bool { return false }
