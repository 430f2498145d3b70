// Package ipc has the system calls of message queues, and what the kernel's settings
// are. Everything may be called by any number of goroutines at once.
package ipc
