// Package rival builds and runs the programs in C, C++, Java and Rust that ringbench
// measures beside the ring. Linux only: elsewhere Build's error wraps
// errors.ErrUnsupported.
//
// Those that a C or C++ compiler builds by itself are built when they are asked
// for. Others come from registries and take minutes: Prepare builds them, and until
// then Build's error is a *Missing. Either are kept in the user's cache, under a
// name made of all that they depend on.
package rival
