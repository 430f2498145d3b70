/* Sending through an MPMC ring: what annulus_send.h does there. Section 8 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_SEND_TICKET_H
#define ANNULUS_SEND_TICKET_H

static inline void annulus_publish(struct annulus_producer *p); /* annulus_send.h */

enum { ANNULUS_TICKET_OPEN_ = 2 }; /* annulus_producer.reserved: not the short way's */

/* annulus_unblock_producer_ settles the ticket of the lap before that keeps
 * producers from ticket t, whose slot's word is w, if its owner is dead: a producer
 * that never filled it, or a consumer that never freed it. */
static inline int annulus_unblock_producer_(struct annulus_end_ *e, uint64_t t, uint64_t w, uint64_t *done)
{
	uint64_t last = t - e->size;
	enum annulus_role role = ANNULUS_PRODUCER;
	*done = 0;
	if ((w & ANNULUS_SLOT_STATE_MASK) != ANNULUS_SLOT_FREE) {
		role = ANNULUS_CONSUMER;
		if ((int64_t)(ANNULUS_LOAD_(e->claim.other) - last) <= 0)
			return ANNULUS_OK; /* nobody has come to receive it */
	}
	return annulus_repair_(e->ring, role, last, 1, ANNULUS_NOBODY_, done);
}

/* annulus_claim_slot_ draws a ticket whose slot is free. */
static inline int annulus_claim_slot_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	for (;;) {
		uint64_t t = ANNULUS_LOAD_(c->counter), w = ANNULUS_LOAD_(annulus_word_(e, t)), done; /* [C2] */
		if (w == annulus_claim_word_(e, t, ANNULUS_SLOT_FREE)) {
			if (annulus_draw_(e, t, 1))
				return ANNULUS_OK;
			continue;
		}
		if ((w >> ANNULUS_SLOT_LAP_SHIFT) + 1 == t >> e->slot_bits) {
			annulus_undrawn_(e, t, w);
			if (!annulus_due_(e))
				return ANNULUS_FULL;
			if (annulus_unblock_producer_(e, t, w, &done))
				return annulus_unknown_(p->detail);
			if (!done)
				return ANNULUS_FULL;
		} else if (ANNULUS_LOAD_(c->counter) == t) { /* nobody has drawn t, so nobody may have touched its slot */
			return annulus_impossible_(e, p->detail, "slot word", t, w);
		}
	}
}

/* annulus_publish_tickets_ publishes what is staged, the first slot first: a
 * producer that dies on the way has sent what came before. */
static inline void annulus_publish_tickets_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	struct annulus_member *m = e->mine.entry.line;
	for (uint64_t i = 0; i < p->staged; i++, c->held++, c->claimed--)
		ANNULUS_STORE_(annulus_word_(e, c->held), annulus_claim_word_(e, c->held, ANNULUS_SLOT_COMMITTED)); /* [P1] */
	ANNULUS_STORE_(&m->sent, ANNULUS_LOAD_(&m->sent) + p->staged);
	ANNULUS_STORE_(&m->sent_bytes, ANNULUS_LOAD_(&m->sent_bytes) + p->staged_bytes);
	p->staged = p->staged_bytes = 0;
	if (c->claimed) { /* the open reservation is a claim of its own from now on */
		annulus_intend_(e, c->held, c->claimed);
		annulus_drew_(e);
	}
}

/* annulus_reserve_ticket_ claims the slot behind those that are staged, or
 * publishes these first where others have come between. */
static inline int annulus_reserve_ticket_(struct annulus_producer *p, void **room)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	uint64_t next = c->held + c->claimed;
	if (p->staged && (c->claimed == ANNULUS_INTENT_MAX_COUNT ||
			  ANNULUS_LOAD_(annulus_word_(e, next)) != annulus_claim_word_(e, next, ANNULUS_SLOT_FREE) || /* [C2] */
			  !annulus_draw_(e, next, 1)))
		annulus_publish(p);
	if (p->staged == 0) {
		int rc = annulus_claim_slot_(p);
		if (rc)
			return rc;
	}
	*room = (uint8_t *)annulus_word_(e, c->held + p->staged) + c->payload;
	return ANNULUS_OK;
}

/* annulus_stage_ticket_ closes the open reservation with its first n bytes. */
static inline void annulus_stage_ticket_(struct annulus_producer *p, size_t n)
{
	uint64_t *word = annulus_word_(&p->e, p->e.claim.held + p->staged);
	if (p->e.claim.length)
		__atomic_store_n(word + ANNULUS_SLOT_LENGTH / ANNULUS_WORD_SIZE, n, __ATOMIC_RELAXED);
	p->staged++;
	p->staged_bytes += n;
}

/* annulus_skip_tickets_ gives up what is claimed and not staged. It cannot be put
 * back: consumers step over it. */
static inline void annulus_skip_tickets_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_claim_ *c = &e->claim;
	for (; c->claimed > p->staged; c->claimed--) {
		uint64_t t = c->held + c->claimed - 1;
		ANNULUS_STORE_(&e->mine.entry.line->skipped, t + 1); /* for annulus_complete_ */
		ANNULUS_STORE_(annulus_word_(e, t), annulus_claim_word_(e, t, ANNULUS_SLOT_SKIP)); /* [P1] */
	}
}

#endif
