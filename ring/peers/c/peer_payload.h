/* Messages that a receiver can check: the test's, in Go, are the same.
 *
 * Message number seq of a stream with a seed and sizes from min to max:
 *
 *   r = mix(seed + seq)                       mix: the finaliser of splitmix64
 *   n = min + r % (max - min + 1)             its length
 *
 *   0        8          12                n
 *   +--------+----------+-----------------+
 *   | seq    | checksum | rest            |   cut to n bytes
 *   +--------+----------+-----------------+
 *
 * rest is the stream of 8-byte words x1, x2, ... where x0 = r | 1 and each is
 * the xorshift (13, 7, 17) of the one before. checksum is the FNV-1a of the rest
 * taken by 8-byte words instead of bytes, the last one zero extended, 64 bits
 * folded to 32 by exclusive or. All words are little-endian.
 */
#ifndef ANNULUS_PEER_PAYLOAD_H
#define ANNULUS_PEER_PAYLOAD_H

#include <stdint.h>
#include <string.h>

struct stream {
	uint64_t seed, min, max;
};

enum { PAYLOAD_REST = 12 };

static inline uint64_t payload_mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t payload_length(const struct stream *s, uint64_t seq)
{
	return s->min + payload_mix(s->seed + seq) % (s->max - s->min + 1);
}

static inline uint32_t payload_checksum(const uint8_t *rest, uint64_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325), w;
	for (; n > 0; rest += 8, n -= 8) {
		w = 0;
		if (n < 8) {
			memcpy(&w, rest, n);
			return (uint32_t)((h ^ w) * UINT64_C(0x100000001b3) ^ (h ^ w) * UINT64_C(0x100000001b3) >> 32);
		}
		memcpy(&w, rest, 8);
		h = (h ^ w) * UINT64_C(0x100000001b3);
	}
	return (uint32_t)(h ^ h >> 32);
}

/* payload_fill writes message seq, of payload_length bytes, to b. */
static inline void payload_fill(const struct stream *s, uint64_t seq, uint8_t *b, uint64_t n)
{
	uint64_t x = payload_mix(s->seed + seq) | 1;
	uint8_t head[PAYLOAD_REST];
	for (uint64_t i = PAYLOAD_REST; i < n; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(b + i, &x, n - i < 8 ? n - i : 8);
	}
	uint32_t sum = n > PAYLOAD_REST ? payload_checksum(b + PAYLOAD_REST, n - PAYLOAD_REST) : payload_checksum(b, 0);
	memcpy(head, &seq, 8);
	memcpy(head + 8, &sum, 4);
	memcpy(b, head, n < PAYLOAD_REST ? n : (uint64_t)PAYLOAD_REST);
}

/* payload_check returns NULL, or what is wrong with b as message seq. */
static inline const char *payload_check(const struct stream *s, uint64_t seq, const uint8_t *b, uint64_t n)
{
	uint8_t head[PAYLOAD_REST];
	uint64_t len = n < PAYLOAD_REST ? n : (uint64_t)PAYLOAD_REST;
	if (n != payload_length(s, seq))
		return "length";
	uint32_t sum = n > PAYLOAD_REST ? payload_checksum(b + PAYLOAD_REST, n - PAYLOAD_REST) : payload_checksum(b, 0);
	memcpy(head, &seq, 8);
	memcpy(head + 8, &sum, 4);
	if (memcmp(b, head, len < 8 ? len : 8) != 0)
		return "sequence";
	return memcmp(b, head, len) == 0 ? NULL : "checksum";
}

#endif
