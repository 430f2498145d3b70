//go:build !linux

package ring_test

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
