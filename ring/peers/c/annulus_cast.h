/* Broadcast: one producer, each message to every consumer. A consumer copies first and
 * asks then whether what it copied was still there. Section 12 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_CAST_H
#define ANNULUS_CAST_H

/* Where a consumer starts or goes on. */
enum annulus_from_ {
	ANNULUS_BEHIND_,  /* behind the last record */
	ANNULUS_LATEST_,  /* at the last record */
	ANNULUS_BACKLOG_, /* at the first that can be found */
};

enum { ANNULUS_LOOKS_ = 1 << 16 }; /* no correct peer changes its words so often while one looks */

static inline uint64_t annulus_record_(uint64_t n) { return ANNULUS_WORD_SIZE + annulus_align_(n, ANNULUS_WORD_SIZE); }

/* annulus_recheck_ loads intent behind all that was loaded before. */
static inline uint64_t annulus_recheck_(const uint64_t *word)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ANNULUS_LOAD_(word);
}

/* annulus_copy_torn_ copies what a producer may be writing meanwhile: by words. The
 * source is aligned, its last word lies within the record. */
static inline void annulus_copy_torn_(uint8_t *to, const uint8_t *from, size_t n)
{
	for (; n > 0; from += 8) {
		uint64_t w = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
		size_t k = n < 8 ? n : 8;
		memcpy(to, &w, k);
		to += k;
		n -= k;
	}
}

/* annulus_nearest_ is the number next to count whose low half is low. */
static inline uint64_t annulus_nearest_(uint64_t count, uint64_t low)
{
	return count + (uint64_t)(int64_t)(int32_t)((uint32_t)low - (uint32_t)count);
}

static inline uint64_t annulus_cast_header_(struct annulus *r, uint64_t pos)
{
	const struct annulus_geometry *g = &r->geometry;
	return ANNULUS_LOAD_((const uint64_t *)(const void *)(r->base + g->data_area + (pos & (g->capacity - 1))));
}

/* annulus_cast_place_ finds a place in a broadcast ring: its position and how many
 * messages were sent before it. */
static inline int annulus_cast_place_(struct annulus *r, enum annulus_from_ from, uint64_t *pos, uint64_t *number, char *detail)
{
	struct annulus_side_ s = annulus_side_at_(r, ANNULUS_PRODUCER);
	const struct annulus_geometry *g = &r->geometry;
	const uint64_t *intent = &s.endpoint->intent;
	*pos = *number = 0;
	for (unsigned tried = 0; tried < ANNULUS_LOOKS_; tried++) {
		if (tried % 64 == 63)
			sched_yield();
		/* In the order in which the producer stores them. */
		uint64_t last = ANNULUS_LOAD_(&s.cursor->latest), tail = ANNULUS_LOAD_(&s.cursor->position); /* [B2] */
		uint64_t count = ANNULUS_LOAD_(&s.cursor->messages);
		if ((last | tail) % ANNULUS_WORD_SIZE)
			return annulus_fail_(detail, ANNULUS_CORRUPT, "latest %llu and tail %llu are not multiples of 8", (unsigned long long)last,
					     (unsigned long long)tail);
		if ((int64_t)(last - tail) >= 0) {
			/* What is at last is not committed, or there is nothing yet; count is tail's
			 * if tail is still the same. */
			if (annulus_recheck_(&s.cursor->position) != tail)
				continue;
			*pos = tail;
			*number = count;
			return ANNULUS_OK;
		}
		uint64_t lap = tail & ~(g->capacity - 1), w;
		if (from == ANNULUS_BACKLOG_ && (int64_t)(lap - last) < 0) {
			/* Where data wraps a record starts. */
			w = annulus_cast_header_(r, lap);
			if (annulus_recheck_(intent) - lap <= g->capacity) { /* [B1] */
				*pos = lap;
				*number = annulus_nearest_(count, w >> ANNULUS_CAST_NUMBER_SHIFT);
				return ANNULUS_OK;
			}
		}
		w = annulus_cast_header_(r, last);
		if (annulus_recheck_(intent) - last > g->capacity) { /* [B1] */
			if (annulus_recheck_(&s.cursor->latest) == last)
				return annulus_fail_(detail, ANNULUS_CORRUPT, "intent is more than the capacity ahead of latest %llu",
						     (unsigned long long)last);
			continue;
		}
		uint64_t n = w & ANNULUS_CAST_LENGTH_MASK;
		if (w & ANNULUS_CAST_PAD || n > g->max_message || (int64_t)(tail - (last + annulus_record_(n))) < 0)
			return annulus_fail_(detail, ANNULUS_CORRUPT, "header %#llx of the last record at position %llu", (unsigned long long)w,
					     (unsigned long long)last);
		*number = annulus_nearest_(count, w >> ANNULUS_CAST_NUMBER_SHIFT);
		*pos = last;
		if (from == ANNULUS_BEHIND_) {
			*pos += annulus_record_(n);
			++*number;
		}
		return ANNULUS_OK;
	}
	return annulus_fail_(detail, ANNULUS_CORRUPT, "the producer's positions change faster than they can be read");
}

#endif
