/* Granules: what positions count in a ring of many producers in one order. Each is a ticket;
 * those of dead producers are skipped one by one. Section 11 of docs/spec/layout-v1.md.
 * Included by annulus.h. */
#ifndef ANNULUS_GRANULE_H
#define ANNULUS_GRANULE_H

enum { ANNULUS_RUN_ = 64 }; /* granules settled by one look at the intents */

/* annulus_granules_ is how many granules a record of n bytes takes. */
static inline uint64_t annulus_granules_(uint64_t n)
{
	return (ANNULUS_WORD_SIZE + n + ANNULUS_GRANULE_SIZE - 1) / ANNULUS_GRANULE_SIZE;
}

static inline uint64_t *annulus_granule_at_(const struct annulus *r, uint64_t p)
{
	const struct annulus_geometry *g = &r->geometry;
	return (uint64_t *)(void *)(r->base + g->word_table) + (p & (g->granules - 1));
}

static inline uint64_t annulus_granule_word_(const struct annulus *r, uint64_t p, uint64_t state)
{
	return (p & ~(r->geometry.granules - 1)) | state;
}

/* annulus_granule_free_ tells whether w, the word of position p, says nothing of its lap
 * yet. Words are compared as distances, so that positions may run over. */
static inline int annulus_granule_free_(const struct annulus *r, uint64_t w, uint64_t p)
{
	uint64_t mask = r->geometry.granules - 1, state = w & mask;
	if (state == 0 || state > ANNULUS_GRANULE_PAD)
		return w == 0;
	return (int64_t)((w & ~mask) - (p & ~mask)) < 0;
}

/* annulus_record_at_ reads the first word of the record at position p: the length of its
 * payload and its granules. False: it is impossible. */
static inline int annulus_record_at_(const struct annulus *r, uint64_t p, uint64_t *length, uint64_t *span)
{
	const struct annulus_geometry *g = &r->geometry;
	uint64_t i = p & (g->granules - 1);
	uint64_t first = ANNULUS_LOAD_((const uint64_t *)(const void *)(r->base + g->data_area + i * ANNULUS_GRANULE_SIZE));
	*length = first & ANNULUS_SPAN_LENGTH_MASK;
	*span = first >> ANNULUS_SPAN_SHIFT;
	return *length <= g->max_message && annulus_granules_(*length) <= *span && *span <= g->granules - i;
}

/* annulus_extent_ is how many granules, from position p on, its word w speaks of; 0: it
 * says nothing yet, or makes no sense. */
static inline uint64_t annulus_extent_(const struct annulus *r, uint64_t p, uint64_t w)
{
	uint64_t mask = r->geometry.granules - 1, length, span;
	switch (w - (p & ~mask)) {
	case ANNULUS_GRANULE_COMMITTED: return annulus_record_at_(r, p, &length, &span) ? span : 0;
	case ANNULUS_GRANULE_SKIP: return 1;
	case ANNULUS_GRANULE_PAD: return (mask + 1 - (p & mask)) & mask; /* a record fits where all of a lap is left */
	}
	return 0;
}

/* annulus_dead_run_ tells how many of the n granules from p on, all drawn, and seen to say
 * nothing before the call, come before the first that a live producer's intent names. The
 * entry with lock byte own is not looked at. */
static inline int annulus_dead_run_(struct annulus *r, uint64_t p, uint64_t own, uint64_t *n)
{
	for (uint64_t i = 0; i < r->geometry.members && *n > 0; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		uint64_t in = ANNULUS_LOAD_(&m.line->intent), first = 0; /* [I1] */
		int locked;
		while (first < *n && !annulus_covers_(r, in, p + first))
			first++;
		if (first == *n || m.lock == own || ANNULUS_LOAD_(&m.holder->role) != ANNULUS_ROLE_PRODUCER)
			continue;
		int rc = annulus_locked_(r, m.lock, &locked);
		if (rc)
			return rc;
		if (locked)
			*n = first;
	}
	return ANNULUS_OK;
}

/* annulus_repair_granules_ settles the granules from p on, where a record would start, that
 * belong to dead producers, up to the first that does not. *done: how many. */
static inline int annulus_repair_granules_(struct annulus *r, uint64_t p, uint64_t own, uint64_t *done)
{
	struct annulus_side_ s = annulus_side_at_(r, ANNULUS_PRODUCER);
	uint64_t tail = ANNULUS_LOAD_(&s.cursor->position), words[ANNULUS_RUN_], n, k;
	*done = 0;
	do {
		for (n = 0; n < ANNULUS_RUN_; n++) {
			uint64_t t = p + *done + n, behind = tail - t;
			words[n] = ANNULUS_LOAD_(annulus_granule_at_(r, t)); /* before the look at the intents */
			if (behind == 0 || behind > r->geometry.granules || !annulus_granule_free_(r, words[n], t))
				break;
		}
		int rc = annulus_dead_run_(r, p + *done, own, &n);
		if (rc)
			return rc;
		for (k = 0; k < n; k++) {
			uint64_t t = p + *done + k, *word = annulus_granule_at_(r, t);
			/* Its owner may have filled it before it died. Now what says nothing stays so. */
			if (ANNULUS_LOAD_(word) != words[k])
				break;
			annulus_mark_(r, t);
			if (!__atomic_compare_exchange_n(word, &words[k], annulus_granule_word_(r, t, ANNULUS_GRANULE_SKIP), 0, __ATOMIC_SEQ_CST,
							 __ATOMIC_ACQUIRE)) /* [R1] */
				break;
			__atomic_fetch_add(&s.endpoint->repaired, 1, __ATOMIC_SEQ_CST);
		}
		*done += k;
		if (k > 0)
			annulus_rouse_all_(r);
	} while (k == ANNULUS_RUN_);
	return ANNULUS_OK;
}

/* annulus_recover_granules_ walks from head to the first claim of a live producer, or to
 * tail, and settles what is dead on the way: where the claims behind one begin is not known
 * before. */
static inline int annulus_recover_granules_(struct annulus *r, uint64_t own, uint64_t *settled, char *detail)
{
	uint64_t p = annulus_counter_(r, ANNULUS_CONSUMER), tail = annulus_counter_(r, ANNULUS_PRODUCER), size = r->geometry.granules;
	*settled = 0;
	for (uint64_t looks = 2 * size + 2; looks > 0; looks--) { /* each is seen free, then settled */
		uint64_t behind = tail - p, w, n, done = 0;
		if (behind == 0 || behind > size)
			return ANNULUS_OK;
		w = ANNULUS_LOAD_(annulus_granule_at_(r, p)); /* [P1] */
		n = annulus_extent_(r, p, w);
		uint64_t head = annulus_counter_(r, ANNULUS_CONSUMER);
		if ((int64_t)(head - p) > 0) {
			p = head; /* what was read may have been overwritten */
			continue;
		}
		if (n == 0 && !annulus_granule_free_(r, w, p))
			return annulus_fail_(detail, ANNULUS_CORRUPT, "granule word %#llx at position %llu, or what it stands for",
					     (unsigned long long)w, (unsigned long long)p);
		if (n == 0) {
			if (annulus_repair_granules_(r, p, own, &done))
				return annulus_unknown_(detail);
			*settled += done;
			n = done;
			if (n == 0 && ANNULUS_LOAD_(annulus_granule_at_(r, p)) == w)
				return ANNULUS_OK;
		}
		p += n;
	}
	return annulus_fail_(detail, ANNULUS_CORRUPT, "the words of the granules change faster than they can be read");
}

/* annulus_recover settles at once whatever dead endpoints of a ring whose places are drawn
 * (MPMC, MPSC in one order) have left and nobody takes over, and sets *settled to the number
 * of it, which in one order is of granules, up to the first claim of a live producer. Blocked
 * endpoints do so by themselves for what they wait for. In other rings there is nothing
 * to do. */
static inline int annulus_recover(struct annulus *r, uint64_t *settled)
{
	*settled = 0;
	if (r->readonly)
		return annulus_fail_(r->detail, ANNULUS_PERMISSION, "the ring was opened read-only");
	if (r->geometry.granules)
		return annulus_recover_granules_(r, ANNULUS_NOBODY_, settled, r->detail);
	for (int role = ANNULUS_PRODUCER; r->geometry.topology == ANNULUS_TOPOLOGY_MPMC && role <= ANNULUS_CONSUMER; role++) {
		uint64_t counter = annulus_counter_(r, (enum annulus_role)role), n = annulus_min_(r->geometry.capacity, counter), done;
		int rc = annulus_repair_(r, (enum annulus_role)role, counter - n, n, ANNULUS_NOBODY_, &done);
		*settled += done;
		if (rc)
			return rc;
	}
	return ANNULUS_OK;
}

#endif
