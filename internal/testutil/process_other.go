//go:build !linux

package testutil

import "syscall"

// DieWithParent has nothing to offer here.
func DieWithParent() *syscall.SysProcAttr { return nil }
