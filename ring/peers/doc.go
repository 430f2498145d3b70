// Package peers holds endpoints of the rings in other languages, each in a
// directory of its own, and golden vectors of the memory layout that all of them
// read. Its tests let Go and the others talk to each other; for users it has only
// the sources.
//
//	c/        header-only C11 (and C++)
//	cpp/      header-only C++20 over it
//	java/     a library for Java 17 and later
//	python/   a package for CPython over it
//	rust/     a crate
//	vectors/  the bytes of rings whose contents are known
//
// Each language has the same command-line program, which the tests run: PROGRAM.md is its
// contract, programs_test.go the list of them.
package peers
