// Annulus rings for C++20, header-only, over the C headers in ../c: what they do on
// the memory is done there, once.
//
//   g++ -std=c++20 -O2 -I ring/peers/c -I ring/peers/cpp program.cpp -o program -pthread
//
// or find_package(annulus) and annulus::annulus, see CMakeLists.txt.
//
//   annulus_error.hpp     errc, the category of its error codes, error
//   annulus_until.hpp     how long a call may wait
//   annulus_config.hpp    config: what ring to make
//   annulus_ring.hpp      ring: create, open, ask, attach
//   annulus_producer.hpp  producer, reservation
//   annulus_consumer.hpp  consumer, messages
//   annulus_message.hpp   message, batch: what it hands out
//   annulus_element.hpp   what a type looks like to peers in other languages
//   annulus_typed.hpp     producer_of<T>, consumer_of<T>
//   annulus_cell.hpp      cells and blocks: the latest value of something; annulus_cell_ends.hpp
//
// Calls return the ordinary answers (full, empty, the end, the time is over, stopped,
// cancelled) and throw annulus::error for all others. producer::status and
// consumer::status say which of the ordinary ones it was.
//
// One thread at a time uses an endpoint and what it has handed out; only cancel may
// come from any thread. A ring may be used by several threads at a time, but for moving it, assigning
// to it and destroying it. The memory stays mapped until the ring and all its endpoints are gone,
// in whatever order.
//
// The C types and functions are there too, with names that begin with annulus_. What
// C calls struct annulus is annulus_handle here: the name is the namespace's.
#ifndef ANNULUS_HPP
#define ANNULUS_HPP

#include "annulus_cell.hpp"
#include "annulus_ring.hpp"

#endif
