/* Sending in one order of many producers: what annulus_send.h does there. Section 11 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_SEND_GRANULE_H
#define ANNULUS_SEND_GRANULE_H

/* annulus_look_for_room_ loads the consumer's position and looks whether need granules from
 * t on are free. *again: t is out of date, or somebody's death was in the way. */
static inline int annulus_look_for_room_(struct annulus_producer *p, uint64_t t, uint64_t need, int *again)
{
	struct annulus_end_ *e = &p->e;
	uint64_t head = ANNULUS_LOAD_(e->claim.other), done; /* [C1] */
	*again = 0;
	if (t - head > e->size) {
		if (ANNULUS_LOAD_(e->claim.counter) == t)
			return annulus_impossible_(e, p->detail, "head", t, head);
		*again = 1;
		return ANNULUS_OK;
	}
	p->head = head;
	if (t + need - head <= e->size)
		return ANNULUS_OK;
	annulus_undrawn_(e, t, head);
	e->claim.watch = &e->peer.cursor->position;
	if (annulus_due_(e)) {
		if (annulus_repair_granules_(e->ring, head, ANNULUS_NOBODY_, &done))
			return annulus_unknown_(p->detail);
		if (done > 0) {
			*again = 1;
			return ANNULUS_OK;
		}
	}
	return ANNULUS_FULL;
}

/* annulus_extend_ makes the claim of a batch longer by n granules, if they are the next. */
static inline int annulus_extend_(struct annulus_end_ *e, uint64_t n)
{
	struct annulus_claim_ *c = &e->claim;
	uint64_t t = c->held + c->claimed;
	if (c->claimed + n >= UINT64_C(1) << (64 - ANNULUS_GRANULE_INTENT_SHIFT))
		return 0;
	return annulus_draw_(e, t, n);
}

/* annulus_publish_granules_ publishes what is staged, the first record first: a producer that
 * dies on the way has sent what came before. Each is counted by itself, drawn stored before
 * base: in between nothing looks as if it had to be added to the count. */
static inline void annulus_publish_granules_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	struct annulus_member *m = e->mine.entry.line;
	for (uint64_t i = 0; i < p->staged; i++) {
		ANNULUS_STORE_(&m->drawn, c->held);
		ANNULUS_STORE_(&m->base, ANNULUS_LOAD_(&m->sent));
		ANNULUS_STORE_(annulus_granule_at_(e->ring, c->held), annulus_granule_word_(e->ring, c->held, ANNULUS_GRANULE_COMMITTED)); /* [P1] */
		ANNULUS_STORE_(&m->sent, ANNULUS_LOAD_(&m->sent) + 1);
		c->held += p->spans[i];
		c->claimed -= p->spans[i];
	}
	ANNULUS_STORE_(&m->sent_bytes, ANNULUS_LOAD_(&m->sent_bytes) + p->staged_bytes);
	p->staged = p->staged_bytes = p->filled = 0;
}

/* annulus_claim_granules_ claims k granules in one piece: behind what is staged, or after
 * publishing that where others have come between, or padding would. */
static inline int annulus_claim_granules_(struct annulus_producer *p, uint64_t k)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	for (;;) {
		uint64_t t = ANNULUS_LOAD_(c->counter), i = t & e->mask, pad = i + k > e->size ? e->size - i : 0;
		int again, rc;
		if (p->staged && (t != c->held + c->claimed || pad || p->staged == ANNULUS_BATCH_))
			annulus_publish(p);
		if ((int64_t)(t + pad + k - p->head) > (int64_t)e->size) {
			if ((rc = annulus_look_for_room_(p, t, pad + k, &again)))
				return rc;
			if (again)
				continue;
		}
		if (p->staged) {
			if (annulus_extend_(e, k))
				return ANNULUS_OK;
			annulus_publish(p);
			continue;
		}
		if (!annulus_draw_(e, t, pad + k))
			continue;
		if (pad) {
			ANNULUS_STORE_(&e->mine.entry.line->drawn, t + pad); /* before: padding is no message */
			ANNULUS_STORE_(annulus_granule_at_(e->ring, t), annulus_granule_word_(e->ring, t, ANNULUS_GRANULE_PAD)); /* [P1] */
			c->held += pad; /* the padding's granules may be others' again now */
			c->claimed -= pad;
		}
		return ANNULUS_OK;
	}
}

/* annulus_reserve_granules_ is annulus_try_reserve there. */
static inline int annulus_reserve_granules_(struct annulus_producer *p, uint64_t n, void **room)
{
	struct annulus_claim_ *c = &p->e.claim;
	int rc = annulus_claim_granules_(p, annulus_granules_(n));
	if (rc)
		return rc;
	*room = p->e.data + ((c->held + p->filled) & p->e.mask) * ANNULUS_GRANULE_SIZE + ANNULUS_WORD_SIZE;
	return ANNULUS_OK;
}

/* annulus_stage_granules_ closes the open reservation with its first n bytes. */
static inline void annulus_stage_granules_(struct annulus_producer *p, uint64_t n)
{
	uint64_t at = p->e.claim.held + p->filled, span = annulus_granules_(p->room);
	uint64_t *first = (uint64_t *)(void *)(p->e.data + (at & p->e.mask) * ANNULUS_GRANULE_SIZE);
	__atomic_store_n(first, span << ANNULUS_SPAN_SHIFT | n, __ATOMIC_RELAXED);
	p->spans[p->staged++] = (uint32_t)span;
	p->staged_bytes += n;
	p->filled += span;
}

/* annulus_skip_granules_ gives up what is claimed and not staged, the last first. */
static inline void annulus_skip_granules_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	for (; c->claimed > p->filled; c->claimed--) {
		uint64_t t = c->held + c->claimed - 1;
		ANNULUS_STORE_(&e->mine.entry.line->skipped, t + 1); /* for annulus_complete_ */
		ANNULUS_STORE_(annulus_granule_at_(e->ring, t), annulus_granule_word_(e->ring, t, ANNULUS_GRANULE_SKIP)); /* [P1] */
	}
}

#endif
