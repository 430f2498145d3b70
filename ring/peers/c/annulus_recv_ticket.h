/* Receiving from an MPMC ring: what annulus_recv.h does there. Section 8 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_RECV_TICKET_H
#define ANNULUS_RECV_TICKET_H

static inline int annulus_nothing_(struct annulus_consumer *c, uint64_t w); /* annulus_recv.h */

/* annulus_on_their_way_ is ANNULUS_OK when no message is, and no claim of a
 * producer that died; else ANNULUS_EMPTY, to look again. The session is over. */
static inline int annulus_on_their_way_(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	uint64_t t, w;
	int found = 0;
	if (ANNULUS_LOAD_(e->claim.other) != ANNULUS_LOAD_(e->claim.counter))
		return ANNULUS_EMPTY;
	if (!(e->ring->header.required & ANNULUS_FEATURE_REDELIVER))
		return ANNULUS_OK;
	if (annulus_handed_(e->ring, &t, &w, &found))
		return annulus_unknown_(c->detail);
	if (found)
		e->claim.vain = ANNULUS_LONG_PATIENCE_ - 1; /* the next try takes it over */
	return found ? ANNULUS_EMPTY : ANNULUS_OK;
}

/* annulus_settle_given_ frees the slots of the tickets handed out. */
static inline void annulus_settle_given_(struct annulus_consumer *c)
{
	struct annulus_claim_ *k = &c->e.claim;
	for (; c->given > 0; c->given--, k->held++, k->claimed--)
		ANNULUS_STORE_(annulus_word_(&c->e, k->held),
			       annulus_lap_word_((k->held >> c->e.slot_bits) + 1, ANNULUS_SLOT_FREE)); /* [C2] */
}

/* annulus_take_handed_ takes over the message of ticket t, whose word is w, from a
 * consumer that is dead. False: another was faster. */
static inline int annulus_take_handed_(struct annulus_end_ *e, uint64_t t, uint64_t w)
{
	struct annulus_claim_ *k = &e->claim;
	annulus_intend_(e, t, 1);
	if (!__atomic_compare_exchange_n(annulus_word_(e, t), &w, w + (UINT64_C(1) << ANNULUS_SLOT_REDELIVER_SHIFT), 0,
					 __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		annulus_intend_(e, 0, 0);
		return 0;
	}
	__atomic_fetch_add(&e->mine.endpoint->handed, 1, __ATOMIC_SEQ_CST);
	k->held = t;
	k->claimed = 1;
	k->stale = 0;
	return 1;
}

/* annulus_rescue_ looks whether somebody's death keeps messages back: a claim in
 * the way at ticket h, whose word is w, or messages in dead hands. *again: look once
 * more, or one is in hand. */
static inline int annulus_rescue_(struct annulus_consumer *c, uint64_t h, uint64_t w, int *again)
{
	struct annulus_end_ *e = &c->e;
	uint64_t t, done = 0;
	*again = 0;
	if (w == annulus_claim_word_(e, h, ANNULUS_SLOT_FREE) && ANNULUS_LOAD_(e->claim.other) != h &&
	    annulus_repair_(e->ring, ANNULUS_PRODUCER, h, 1, ANNULUS_NOBODY_, &done))
		return annulus_unknown_(c->detail);
	*again = done > 0;
	if (*again || !(e->ring->header.required & ANNULUS_FEATURE_REDELIVER) || e->claim.claimed > 0 ||
	    (e->idle == 0 && e->claim.vain % ANNULUS_LONG_PATIENCE_ != 0)) /* the search is long */
		return ANNULUS_OK;
	if (annulus_handed_(e->ring, &t, &w, again))
		return annulus_unknown_(c->detail);
	if (*again)
		annulus_take_handed_(e, t, w);
	return ANNULUS_OK;
}

/* annulus_claim_message_ draws the next ticket, whose slot must be filled, behind
 * those that are held if there are any. */
static inline int annulus_claim_message_(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	struct annulus_claim_ *k = &e->claim;
	for (;;) {
		uint64_t h = ANNULUS_LOAD_(k->counter), w = ANNULUS_LOAD_(annulus_word_(e, h)); /* [P1] */
		uint64_t behind = annulus_claim_word_(e, h, 0) - (w & ~(annulus_lap_word_(1, 0) - 1)), state = w & ANNULUS_SLOT_STATE_MASK;
		int again;
		/* annulus_redelivered speaks of one message: such a one lies alone. */
		if (k->claimed > 0 && (h != k->held + k->claimed || k->claimed == ANNULUS_INTENT_MAX_COUNT || c->redelivered > 0))
			return ANNULUS_HELD;
		if (behind == 0 && (state == ANNULUS_SLOT_COMMITTED || state == ANNULUS_SLOT_SKIP)) {
			if (annulus_draw_(e, h, 1))
				return ANNULUS_OK;
			continue;
		}
		if (ANNULUS_LOAD_(k->counter) != h)
			continue;
		/* Free, or still in the hands of who received it a lap ago. */
		if (state > ANNULUS_SLOT_SKIP || (behind != 0 && behind != annulus_lap_word_(1, 0)))
			return annulus_impossible_(e, c->detail, "slot word", h, w);
		annulus_undrawn_(e, h, w);
		if (annulus_due_(e)) {
			int rc = annulus_rescue_(c, h, w, &again);
			if (rc)
				return rc;
			if (k->claimed > c->given)
				return ANNULUS_OK;
			if (again)
				continue;
		}
		return annulus_nothing_(c, w);
	}
}

/* annulus_next_ticket_ finds the next message of those that are held, or draws one. */
static inline int annulus_next_ticket_(struct annulus_consumer *c, const void **msg, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	struct annulus_claim_ *k = &e->claim;
	for (;;) {
		if (c->given == k->claimed) {
			int rc = annulus_claim_message_(c);
			if (rc)
				return rc;
		}
		uint64_t t = k->held + c->given;
		uint64_t *word = annulus_word_(e, t), w = ANNULUS_LOAD_(word); /* [P1] */
		if ((w & ANNULUS_SLOT_STATE_MASK) == ANNULUS_SLOT_SKIP) {
			c->given++;
			if (c->peeked == 0 && c->given == k->claimed) {
				c->owed -= c->given; /* no message, but room that somebody may wait for */
				annulus_settle_given_(c);
			}
			continue;
		}
		*n = e->max;
		if (k->length)
			*n = __atomic_load_n(word + ANNULUS_SLOT_LENGTH / ANNULUS_WORD_SIZE, __ATOMIC_RELAXED);
		if (*n > e->max)
			return annulus_impossible_(e, c->detail, "length", t, *n);
		c->redelivered = (int)((w & ANNULUS_SLOT_REDELIVER_MASK) >> ANNULUS_SLOT_REDELIVER_SHIFT);
		*msg = (uint8_t *)word + k->payload;
		return ANNULUS_OK;
	}
}

/* annulus_redelivered tells how often the message returned last was in the hands
 * of a consumer that died, in an MPMC ring that redelivers; else 0. */
static inline int annulus_redelivered(const struct annulus_consumer *c) { return c->redelivered; }

#endif
