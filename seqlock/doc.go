// Package seqlock shares the latest value of something between processes, or
// goroutines: one writes, any number read, nobody waits for anybody.
//
// A [Cell] holds one T, which must be free of pointers; a [Block] holds bytes of
// any length up to a maximum. Both lie where rings do: in POSIX shared memory, a
// file, a memfd or on the Go heap.
//
//	c, err := seqlock.OpenOrCreate[Quote]("best")
//	w, err := c.Writer()
//	err = w.Write(Quote{...})
//
//	c, err := seqlock.OpenOrCreate[Quote]("best")
//	r, err := c.Reader()
//	q, version, err := r.Load()
//	q, version, err = r.Wait(ctx, version) // a newer one
//
// # Never torn, never stuck
//
// There are two copies. Version n+1 is written to the one that version n does
// not use, so a reader finds a whole value at any time, and a writer that is
// killed in the middle of a write leaves the value before it. A reader copies
// and then looks whether the writer has begun to overwrite that very copy, which takes
// it two writes; if so it copies again. Who holds the writer's role is told by a
// lock the kernel keeps, never by a timeout; a successor goes on at the next
// version. Readers store nothing, but to the words of the gate when they go to sleep
// or are called back from it.
//
// A reader that needs longer for its copy than the writer for two writes, again
// and again, gets nowhere: keep what is written without a pause small.
//
// The memory of a file outlives a crash of the machine only as far as it was
// written back, page by page: what is found there after a reboot may be torn.
//
// # Go's memory model
//
// Copying what may be overwritten meanwhile, and throwing the copy away, is a data race by
// the letter of Go's memory model. The copy is plain all the same: the order that it
// needs is what amd64 gives, what barriers give on arm64, and what the gc
// compiler keeps, which a test holds against the generated code (TestCellCode in
// internal/mem). A torn copy is never returned, nor looked at. Under -race the
// copies are made of atomic words, so that the detector has nothing to report
// over a cell on the heap. See docs/spec/memory-order.md, [S1] to [S3].
package seqlock
