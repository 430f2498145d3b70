// Package rival builds and runs the C and C++ programs that ringbench measures
// beside the ring. Linux only: elsewhere Build's error wraps
// errors.ErrUnsupported.
package rival
