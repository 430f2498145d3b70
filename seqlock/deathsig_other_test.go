//go:build !linux

package seqlock_test

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
