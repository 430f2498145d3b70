/*
 * Two futex words, two pinned processes, no spinning: each side stores, wakes
 * and sleeps, every time.
 *
 *   gcc -std=gnu11 -O3 -march=native -o futex_pingpong futex_pingpong.c
 *   ./futex_pingpong --mode round-trip --duration 1000 --warm-up 100 --cpus 0,1
 */
#include "rival.h"
#include "word.h"
#include <linux/futex.h>
#include <sys/syscall.h>

/* The kernel compares 32 bits; the message travels beside them. */
struct side { OWN_LINES uint32_t word; uint64_t message; };
static struct { struct side there, back; } *sides;

static void setup(const struct options *o)
{
	word_setup(o);
	sides = map_shared(sizeof *sides);
}

static void post(struct side *s, uint64_t seq)
{
	s->message = word_of(seq);
	__atomic_store_n(&s->word, s->word + 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &s->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Message seq is the seq-th change of its word: before it the word is seq-1. */
static uint64_t await(struct side *s, uint64_t seq)
{
	const uint32_t before = (uint32_t)(seq - 1);
	while (__atomic_load_n(&s->word, __ATOMIC_SEQ_CST) == before)
		syscall(SYS_futex, &s->word, FUTEX_WAIT, before, NULL, NULL, 0);
	return number_of(s->message, seq);
}

static void ping_send(uint64_t seq) { post(&sides->there, seq); }
static uint64_t ping_wait(uint64_t seq) { return await(&sides->back, seq); }
static uint64_t pong_wait(uint64_t seq) { return await(&sides->there, seq); }
static void pong_send(uint64_t seq) { post(&sides->back, seq); }

#include "pingpong.h"
