// Package peers holds endpoints of the rings in other languages, each in a
// directory of its own, and golden vectors of the memory layout that all of them
// read. Its tests let Go and the others talk to each other; for users it has only
// the sources.
//
//	c/        header-only C11 (and C++)
//	vectors/  the bytes of rings whose contents are known
package peers
