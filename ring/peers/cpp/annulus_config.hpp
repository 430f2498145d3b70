// What ring to make, and how to attach to it. Included by annulus.hpp.
#ifndef ANNULUS_CONFIG_HPP
#define ANNULUS_CONFIG_HPP

#include "annulus_typed.hpp"

namespace annulus {

enum class kind : std::uint32_t {
	standard = 0, // create: records; in MPMC slots
	records = ANNULUS_KIND_BYTES,
	slots = ANNULUS_KIND_SLOTS,
};

enum class topology : std::uint32_t {
	spsc = ANNULUS_TOPOLOGY_SPSC,                 // one producer, one consumer
	mpmc = ANNULUS_TOPOLOGY_MPMC,                 // many of both, each message to one; slots
	mpsc = ANNULUS_TOPOLOGY_MPSC,                 // many producers, each with a lane of its own, one consumer
	mpsc_ordered = ANNULUS_TOPOLOGY_MPSC_ORDERED, // many producers in one order, one consumer; records
	broadcast = ANNULUS_TOPOLOGY_CAST,            // one producer, each message to every consumer; records
};

// overrun is what the producer of a broadcast ring does where it would overwrite what somebody has
// not received.
enum class overrun {
	overwrite = ANNULUS_OVERWRITE, // and consumers find out: errc::overrun
	block = ANNULUS_BLOCK,         // it waits for the slowest consumer that lives
	drop = ANNULUS_DROP,           // it drops the message that is being sent, for all
};

enum class role { producer = ANNULUS_PRODUCER, consumer = ANNULUS_CONSUMER };

// config says what ring to make. Zeros are defaults.
struct config {
	annulus::kind kind = kind::standard;
	annulus::topology topology = topology::spsc;
	std::uint64_t capacity = 0;  // bytes (1 MiB) or slots (4096), of each lane in MPSC; a power of two
	std::uint64_t slot_size = 0; // kind slots: bytes of every message, or at most (MPMC)
	std::uint64_t stride = 0;    // bytes that keep two writers apart (128 on x86, else 64)
	std::uint64_t members = 0;   // endpoints at a time (64; MPSC: 8 producers)
	bool fixed = false;          // MPMC: every message has slot_size bytes
	bool redeliver = false;      // MPMC: what a dead consumer had in its hands goes to another
	annulus::overrun overrun = overrun::overwrite; // broadcast
	unsigned mode = 0;                             // permission bits (0600)
	std::uint64_t fingerprint = 0;                 // of the type that the slots are of: see slots_of
	std::string element{};                         // its name, for people

	// c is that in C. It refers to element.
	annulus_config c() const
	{
		annulus_config c{};
		c.kind = static_cast<std::uint32_t>(kind);
		c.topology = static_cast<std::uint32_t>(topology);
		c.capacity = capacity;
		c.slot_size = slot_size;
		c.stride = stride;
		c.members = members;
		c.fixed = fixed;
		c.redeliver = redeliver;
		c.overrun = static_cast<annulus_overrun>(overrun);
		c.mode = mode;
		c.fingerprint = fingerprint;
		c.element = element.empty() ? nullptr : element.c_str();
		return c;
	}
};

// slots_of is the config of a ring whose messages are all one T; peers in all languages hold
// theirs against it if ANNULUS_ELEMENT describes it.
template <shareable T> config slots_of(std::uint64_t capacity = 0, std::string name = {})
{
	config c;
	c.kind = kind::slots;
	c.capacity = capacity;
	c.slot_size = sizeof(T);
	c.fixed = true;
	c.fingerprint = annulus::fingerprint<T>();
	c.element = std::move(name);
	return c;
}

struct producer_options {
	annulus::wait wait = wait::futex;
	// tag, if not 0, keeps the place of one of many producers for its successor under that
	// number: see producer::committed.
	std::uint64_t tag = 0;
};

struct consumer_options {
	annulus::wait wait = wait::futex;
	bool backlog = false; // broadcast: begin with messages that were sent before
	bool lossy = false;   // broadcast: count overruns (consumer::missed) and go on; else errc::overrun is thrown
};

} // namespace annulus

#endif
