/* Claims, where places are drawn: a position is a ticket, drawn from tail or head by one
 * compare-and-swap, after the endpoint has said in its intent which it is about to
 * draw. Section 8 of docs/spec/layout-v1.md, "Draw". Included by annulus.h. */
#ifndef ANNULUS_TICKET_H
#define ANNULUS_TICKET_H

/* After how many failed tries at one ticket its owner's life is looked into, and
 * again each four times as many; after a sleep it is at once. The search for what
 * is in dead hands takes long, and comes later. */
enum { ANNULUS_PATIENCE_ = 64, ANNULUS_LONG_PATIENCE_ = 64 * ANNULUS_PATIENCE_ };

/* annulus_claim_word_ is the word of ticket t in a state. */
static inline uint64_t annulus_claim_word_(const struct annulus_end_ *e, uint64_t t, uint64_t state)
{
	return annulus_lap_word_(t >> e->slot_bits, state);
}

static inline void annulus_intend_(struct annulus_end_ *e, uint64_t t, uint64_t n)
{
	ANNULUS_STORE_(&e->mine.entry.line->intent, n ? annulus_intent_(e->ring, t, n) : 0); /* [I1] pairs with the load in annulus_orphan_ */
}

/* annulus_drew_ notes for a producer's successor what the claim began with. */
static inline void annulus_drew_(struct annulus_end_ *e)
{
	struct annulus_member *m = e->mine.entry.line;
	ANNULUS_STORE_(&m->base, ANNULUS_LOAD_(&m->sent));
	ANNULUS_STORE_(&m->drawn, e->claim.held);
}

/* annulus_draw_ takes n tickets from t behind those that are held, if t is the
 * next. The intent is stored before: whoever sees the tickets drawn sees it. */
static inline int annulus_draw_(struct annulus_end_ *e, uint64_t t, uint64_t n)
{
	struct annulus_claim_ *c = &e->claim;
	uint64_t first = c->claimed ? c->held : t;
	annulus_intend_(e, first, c->claimed + n);
	if (!__atomic_compare_exchange_n(c->counter, &t, t + n, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		if (c->claimed)
			annulus_intend_(e, first, c->claimed);
		c->stale = !c->claimed;
		return 0;
	}
	c->held = first;
	c->stale = 0;
	if (c->claimed == 0 && e->mine.role == ANNULUS_PRODUCER)
		annulus_drew_(e);
	c->claimed += n;
	return 1;
}

/* annulus_undrawn_ takes back an intent that came to nothing, and notes where: at the word of
 * a slot, or as the caller puts right. */
static inline void annulus_undrawn_(struct annulus_end_ *e, uint64_t t, uint64_t w)
{
	struct annulus_claim_ *c = &e->claim;
	if (c->stale && c->claimed == 0) {
		annulus_intend_(e, 0, 0);
		c->stale = 0;
	}
	c->watch = annulus_word_(e, t);
	c->seen = w;
	if (c->at != t) {
		c->at = t;
		c->vain = 0;
	}
	c->vain++;
}

/* annulus_due_ tells whether it is time to look whether somebody died. */
static inline int annulus_due_(const struct annulus_end_ *e)
{
	return e->claim.vain == ANNULUS_PATIENCE_ || e->claim.vain % (4 * ANNULUS_PATIENCE_) == 0 || e->idle > 0;
}

/* annulus_impossible_ poisons an endpoint at a ticket's word. */
static inline int annulus_impossible_(struct annulus_end_ *e, char *detail, const char *what, uint64_t t, uint64_t w)
{
	e->pos = t;
	return annulus_poison_(e, detail, what, w);
}

#endif
