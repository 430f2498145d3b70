// Package feed fills rings from sockets, pipes, files, queues, signals and channels,
// and drains rings into them.
//
// One idea serves all: a Pump moves messages from a Source into a ring, or out of a
// ring into a Sink.
//
//	p, err := r.Producer()
//	err = feed.Into(p, feed.Reader(conn, feed.Lines())).Run(ctx)
//
//	c, err := r.Consumer()
//	err = feed.OutOf(c, feed.Writer(file, feed.Lines())).Run(ctx)
//
// The ring is the only buffer: a full ring stops the source, an empty one the sink. A
// message is released from the ring only when the sink has taken it whole, so that
// what a broken connection did not take is still there for the next one.
//
// A source or sink belongs to the pump that it is given to: Run closes it. The
// endpoint of the ring stays the caller's. See docs/guide/adapters.md for an example
// of each.
package feed
