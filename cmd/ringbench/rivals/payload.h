/*
 * What messages carry. Plain ones begin with their number. Sealed ones (--sealed 1)
 * have a checksum over all their bytes and their number in each further 64 bytes, so
 * that one that is lost, doubled, reordered, torn or stale in parts is found. As in
 * internal/rig/payload.go: of 8 to 15 bytes one word, the number's low half and a
 * hash of it, and zeros; of 16 and more the number, the checksum and a body of words
 * that stay but for every eighth word of the message, the number and its index. A
 * last word that is cut counts as if zeros followed.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SEAL_GOLDEN 0x9e3779b97f4a7c15u
#define SEAL_MIX 0xbf58476d1ce4e5b9u
#define SEAL_TEMPLATE 0x5851f42d4c957f2du
#define INLINE static inline __attribute__((always_inline, unused))

struct payload {
	int sealed;
	uint64_t spoil; /* the message that is damaged before it is sent, for tests */
	uint64_t same;  /* of the body's sum: the words that stay and the indexes of the others */
	uint64_t lines; /* how many whole words the number is in */
	size_t cut;     /* where the one that is cut begins; 0: none */
};

INLINE uint64_t word_at(const void *msg, size_t at)
{
	uint64_t w;
	memcpy(&w, (const char *)msg + at, sizeof w);
	return w;
}

INLINE void set_word(void *msg, size_t at, uint64_t w) { memcpy((char *)msg + at, &w, sizeof w); }

/* The whole of a message of less than 16 bytes. */
INLINE uint64_t short_seal(uint64_t seq)
{
	uint64_t low = seq & UINT32_MAX;
	return low | (((low + SEAL_GOLDEN) * SEAL_MIX) & ~(uint64_t)UINT32_MAX);
}

INLINE uint64_t cut_word(const struct payload *y, size_t size, uint64_t seq)
{
	return (seq + y->cut / 8) & (((uint64_t)1 << 8 * (size - y->cut)) - 1);
}

INLINE uint64_t sum_words(const void *msg, size_t from, size_t size)
{
	uint64_t sum = 0, last = 0; /* the compiler takes several lanes */
	for (; from + 8 <= size; from += 8)
		sum += word_at(msg, from);
	memcpy(&last, (const char *)msg + from, size - from);
	return sum + last;
}

/* Writes what stays the same in all messages. */
static inline void payload_fill(const struct payload *y, void *msg, size_t size)
{
	memset(msg, 0, size);
	for (size_t at = 16; y->sealed && at < size; at += 8) {
		uint64_t i = at / 8, w = i % 8 == 0 ? i : (i * SEAL_GOLDEN) ^ SEAL_TEMPLATE;
		memcpy((char *)msg + at, &w, size - at < 8 ? size - at : 8);
	}
}

/* room has size bytes that may be overwritten. */
static inline struct payload payload_of(int sealed, uint64_t spoil, void *room, size_t size)
{
	struct payload y = {sealed, spoil, 0, 0, 0};
	payload_fill(&y, room, size);
	if (!sealed || size < 16)
		return y;
	size_t whole = size & ~(size_t)7;
	y.same = sum_words(room, 16, size);
	y.lines = whole > 64 ? (whole - 1) / 64 : 0;
	if (whole < size && whole % 64 == 0) {
		y.cut = whole;
		y.same -= cut_word(&y, size, 0);
	}
	return y;
}

/* Makes msg, which payload_fill has written, message seq. */
INLINE void payload_stamp(const struct payload *y, void *msg, size_t size, uint64_t seq)
{
	if (!y->sealed) {
		set_word(msg, 0, seq);
		return;
	}
	if (size < 16) {
		set_word(msg, 0, short_seal(seq));
	} else {
		uint64_t sum = y->same + y->lines * seq;
		for (size_t at = 64; at + 8 <= size; at += 64)
			set_word(msg, at, seq + at / 8);
		if (y->cut) {
			uint64_t w = cut_word(y, size, seq);
			sum += w;
			memcpy((char *)msg + y->cut, &w, size - y->cut);
		}
		set_word(msg, 0, seq);
		set_word(msg, 8, sum ^ (seq * SEAL_GOLDEN));
	}
	if (__builtin_expect(seq == y->spoil, 0))
		((volatile char *)msg)[size - 1] ^= 0x40;
}

/* Undoes what spoiling did to a buffer that is used again. */
INLINE void payload_mend(const struct payload *y, void *msg, size_t size, uint64_t seq)
{
	if (__builtin_expect(y->sealed && seq == y->spoil, 0))
		((volatile char *)msg)[size - 1] ^= 0x40;
}

/* Whether msg is message seq and whole. */
INLINE int payload_holds(const struct payload *y, const void *msg, size_t size, uint64_t seq)
{
	uint64_t found = word_at(msg, 0), rest = 0;
	if (!y->sealed)
		return found == seq;
	if (size >= 16)
		return found == seq && word_at(msg, 8) == (sum_words(msg, 16, size) ^ (seq * SEAL_GOLDEN));
	memcpy(&rest, (const char *)msg + 8, size - 8);
	return found == short_seal(seq) && rest == 0;
}

/* The number of a message that is not the expected one: STOP_SEQ or another. */
#define STOP_SEQ UINT64_MAX
static inline uint64_t payload_number(const struct payload *y, const void *msg, size_t size)
{
	if (payload_holds(y, msg, size, STOP_SEQ))
		return STOP_SEQ;
	return y->sealed && size < 16 ? word_at(msg, 0) & UINT32_MAX : word_at(msg, 0);
}

#endif
