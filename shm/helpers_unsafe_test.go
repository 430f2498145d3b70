package shm

import "unsafe"

// alignment returns the address of mem.
func alignment(mem []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(mem))) }
