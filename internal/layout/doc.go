// Package layout is the one source of the memory layout of a ring, version 1.
//
// The Go structs here are laid over shared memory as they are; the constants,
// the C header (ring/peers/c/annulus_layout.h), the Rust module
// (ring/peers/rust/src/layout.rs) and the tables of docs/spec/layout-v1.md are
// generated from them by gen. All words are
// little-endian. Nothing in this package sleeps, locks or touches a file.
//
//	+--------------------+ 0
//	| header             |  written once by the creator, then immutable
//	+--------------------+ producer_area (page aligned)
//	| producer side      |  lines: cursor, seq, arm, endpoint
//	+--------------------+ consumer_area (page aligned)
//	| consumer side      |  the same four lines
//	+--------------------+ shared_area (page aligned)
//	| semaphores         |  one line for each gate
//	+--------------------+ data_area (page aligned)
//	| records or slots   |  data_size bytes
//	+--------------------+ total_size
//
// A line is one cache-line stride (header.stride bytes, 64 to 1024) and has one
// writer. What the producer writes and what the consumer writes never share a
// page, so each side can be given the other's pages read-only.
package layout

//go:generate go run ./gen -c ../../ring/peers/c/annulus_layout.h -rust ../../ring/peers/rust/src/layout.rs -java ../../ring/peers/java/src/main/java/annulus/Layout.java -doc ../../docs/spec/layout-v1.md
