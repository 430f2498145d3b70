// Package ring passes messages between processes, or goroutines, through
// lock-free rings in shared memory.
//
// A ring lies in POSIX shared memory, a file, a memfd or on the Go heap. One
// process creates it, others open it, and each side takes a role:
//
//	r, err := ring.OpenOrCreate("ticks", ring.Config{})
//	p, err := r.Producer()
//	err = p.Send(ctx, []byte("hello"))
//
//	r, err := ring.OpenOrCreate("ticks", ring.Config{})
//	c, err := r.Consumer()
//	for msg, err := range c.All(ctx) { ... }
//
// A ring of kind Bytes carries records of any length, one of kind Slots messages
// of one size, typed with SlotsOf, NewProducerOf and NewConsumerOf. For each
// call that blocks there is a Try call that does not. Config.Topology says how many
// producers and consumers there may be, and whether each message goes to one
// consumer or to all.
//
// What is committed survives its producer: kill it at any instruction, and the
// next producer goes on behind the last committed message. Who lives is told by
// locks the kernel keeps, never by a timeout. See docs/spec for the layout and
// the memory order, docs/guide/tutorial.md for a start.
package ring
