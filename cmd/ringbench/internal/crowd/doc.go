// Package crowd measures many producers and many consumers at one queue: an MPMC
// ring between processes, an MPSC ring where there is one consumer, a Go channel between goroutines, D. Vyukov's queue in
// C++ between processes. Every message carries its producer and a number; each
// consumer checks that the numbers of one producer grow, and at the end as many have
// arrived as were sent.
package crowd
