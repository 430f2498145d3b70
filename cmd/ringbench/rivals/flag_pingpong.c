/*
 * Two flags, each in cache lines of its own, two pinned processes, spinning:
 * the least a round trip through shared memory can cost.
 *
 *   gcc -std=gnu11 -O3 -march=native -o flag_pingpong flag_pingpong.c
 *   ./flag_pingpong --mode round-trip --duration 1000 --warm-up 100 --cpus 0,1
 */
#include "rival.h"
#include "word.h"

static struct { OWN_LINES uint64_t there; OWN_LINES uint64_t back; } *flags;

static void setup(const struct options *o)
{
	word_setup(o);
	flags = map_shared(sizeof *flags);
	flags->there = flags->back = word_of(0);
}

/* Waits until the flag leaves the value it had. */
static inline uint64_t spin(uint64_t *flag, uint64_t seq)
{
	const uint64_t before = word_of(seq - 1);
	uint64_t v;
	while ((v = __atomic_load_n(flag, __ATOMIC_ACQUIRE)) == before)
		;
	return number_of(v, seq);
}

static void ping_send(uint64_t seq) { __atomic_store_n(&flags->there, word_of(seq), __ATOMIC_RELEASE); }
static uint64_t ping_wait(uint64_t seq) { return spin(&flags->back, seq); }
static uint64_t pong_wait(uint64_t seq) { return spin(&flags->there, seq); }
static void pong_send(uint64_t seq) { __atomic_store_n(&flags->back, word_of(seq), __ATOMIC_RELEASE); }

#include "pingpong.h"
