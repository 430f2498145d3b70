// Package guide holds the snippets of tutorial.md and README.md as examples, so
// that the compiler checks them and the tests run them.
package guide
