/* Tickets whose owners are dead, and what becomes of them.
 * Section 8 of docs/spec/layout-v1.md, "Dead owners"; those of granules are in
 * annulus_granule.h. Anybody who has the ring open
 * may do it, any number at once, and die meanwhile. Included by annulus.h. */
#ifndef ANNULUS_REPAIR_H
#define ANNULUS_REPAIR_H

/* annulus_unknown_ is the error of a lock byte that cannot be asked after. */
static inline int annulus_unknown_(char *detail)
{
	return annulus_fail_(detail, ANNULUS_SYSTEM, "ask who holds the entries of the endpoint table: %s", strerror(errno));
}

/* annulus_lap_word_ is the word of a slot in a lap. */
static inline uint64_t annulus_lap_word_(uint64_t lap, uint64_t state) { return lap << ANNULUS_SLOT_LAP_SHIFT | state; }

static inline uint64_t annulus_lap_(const struct annulus *r, uint64_t t) { return t / r->geometry.capacity; }

/* annulus_slot_at_ is the word of ticket t's slot. */
static inline uint64_t *annulus_slot_at_(const struct annulus *r, uint64_t t)
{
	const struct annulus_geometry *g = &r->geometry;
	return (uint64_t *)(void *)(r->base + g->data_area + (t & (g->capacity - 1)) * g->slot_stride);
}

/* annulus_shift_ is where the count begins in the intents of a ring; below it is the
 * position, modulo a power of two. */
static inline unsigned annulus_shift_(const struct annulus *r)
{
	return r->geometry.granules ? ANNULUS_GRANULE_INTENT_SHIFT : ANNULUS_INTENT_COUNT_SHIFT;
}

static inline uint64_t annulus_modulo_(const struct annulus *r, uint64_t t) { return t & ((UINT64_C(1) << annulus_shift_(r)) - 1); }

/* annulus_covers_ tells whether an intent names ticket t. */
static inline int annulus_covers_(const struct annulus *r, uint64_t intent, uint64_t t)
{
	return annulus_modulo_(r, t - intent) < intent >> annulus_shift_(r);
}

static inline uint64_t annulus_intent_(const struct annulus *r, uint64_t t, uint64_t n)
{
	return annulus_modulo_(r, t) | n << annulus_shift_(r);
}

/* annulus_counter_ is the next that a role draws: tail or head. */
static inline uint64_t annulus_counter_(struct annulus *r, enum annulus_role role)
{
	struct annulus_side_ s = annulus_side_at_(r, role);
	return ANNULUS_LOAD_(&s.cursor->position);
}

/* annulus_unsettled_ tells whether ticket t, counter being the next, is drawn and
 * not settled, w being the word of its slot. */
static inline int annulus_unsettled_(const struct annulus *r, enum annulus_role role, uint64_t w, uint64_t t, uint64_t counter)
{
	if (counter - t == 0 || counter - t > r->geometry.capacity)
		return 0;
	uint64_t lap = annulus_lap_(r, t);
	if (role == ANNULUS_PRODUCER)
		return w == annulus_lap_word_(lap, ANNULUS_SLOT_FREE);
	return w >> ANNULUS_SLOT_LAP_SHIFT == annulus_lap_word_(lap, 0) >> ANNULUS_SLOT_LAP_SHIFT &&
	       (w & ANNULUS_SLOT_STATE_MASK) != ANNULUS_SLOT_FREE;
}

/* annulus_keeps_ tells whether the message under w goes to another consumer. */
static inline int annulus_keeps_(const struct annulus *r, uint64_t w)
{
	return r->header.required & ANNULUS_FEATURE_REDELIVER && (w & ANNULUS_SLOT_STATE_MASK) == ANNULUS_SLOT_COMMITTED &&
	       (w & ANNULUS_SLOT_REDELIVER_MASK) != ANNULUS_SLOT_REDELIVER_MASK;
}

/* annulus_orphan_ tells whether ticket t of a role, which was seen drawn and not
 * settled before the call, belongs to no live endpoint. The entry with lock byte
 * own is not looked at. */
static inline int annulus_orphan_(struct annulus *r, enum annulus_role role, uint64_t t, uint64_t own, int *orphan)
{
	*orphan = 0;
	for (uint64_t i = 0; i < r->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		int locked;
		if (!annulus_covers_(r, ANNULUS_LOAD_(&m.line->intent), t) || m.lock == own || /* [I1] */
		    ANNULUS_LOAD_(&m.holder->role) != annulus_number_(role))
			continue;
		int rc = annulus_locked_(r, m.lock, &locked);
		if (rc || locked)
			return rc;
	}
	*orphan = 1;
	return ANNULUS_OK;
}

/* annulus_mark_ notes in the entries of the dead producers that may have owned
 * ticket t that it is about to be skipped: see annulus_complete_. */
static inline void annulus_mark_(struct annulus *r, uint64_t t)
{
	for (uint64_t i = 0; i < r->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		uint64_t in = ANNULUS_LOAD_(&m.line->intent);
		if (!annulus_covers_(r, in, t) || ANNULUS_LOAD_(&m.holder->role) != ANNULUS_ROLE_PRODUCER)
			continue;
		uint64_t old = ANNULUS_LOAD_(&m.line->skipped);
		/* Until there is a lower one of this claim. */
		while (!(old != 0 && annulus_covers_(r, in, old - 1) && old - 1 <= t) &&
		       !__atomic_compare_exchange_n(&m.line->skipped, &old, t + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
			;
	}
}

/* annulus_rouse_all_ wakes everybody: what they sleep for may be there. */
static inline void annulus_rouse_all_(struct annulus *r)
{
	struct annulus_side_ p = annulus_side_at_(r, ANNULUS_PRODUCER), c = annulus_side_at_(r, ANNULUS_CONSUMER);
	struct annulus_gate_ data = annulus_gate_at_(r, &p, &c), space = annulus_gate_at_(r, &c, &p);
	annulus_interrupt_(&data);
	annulus_interrupt_(&space);
}

/* annulus_settle_orphan_ ends an orphan, whose word was w before it was found to
 * be one. The word never takes that value again: one of all who try succeeds. */
static inline int annulus_settle_orphan_(struct annulus *r, enum annulus_role role, uint64_t t, uint64_t w)
{
	struct annulus_side_ s = annulus_side_at_(r, role);
	uint64_t *word = annulus_slot_at_(r, t), next = annulus_lap_word_(annulus_lap_(r, t) + 1, ANNULUS_SLOT_FREE);
	if (role == ANNULUS_PRODUCER) {
		next = annulus_lap_word_(annulus_lap_(r, t), ANNULUS_SLOT_SKIP);
		/* Its owner may have filled it before it died. Now free stays free. */
		if (ANNULUS_LOAD_(word) != w)
			return 0;
		annulus_mark_(r, t);
	}
	if (!__atomic_compare_exchange_n(word, &w, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) /* [R1] */
		return 0;
	__atomic_fetch_add(&s.endpoint->repaired, 1, __ATOMIC_SEQ_CST);
	annulus_rouse_all_(r);
	return 1;
}

/* annulus_repair_ settles those of n tickets from t, modulo 2^56, that are
 * orphans, but for what the entry with lock byte own says. *done: how many. */
static inline int annulus_repair_(struct annulus *r, enum annulus_role role, uint64_t t, uint64_t n, uint64_t own, uint64_t *done)
{
	uint64_t counter = annulus_counter_(r, role);
	t = counter - annulus_modulo_(r, counter - t);
	for (*done = 0; n > 0; n--, t++) {
		uint64_t w = ANNULUS_LOAD_(annulus_slot_at_(r, t)); /* before the look at the intents */
		int orphan;
		if (!annulus_unsettled_(r, role, w, t, counter) || (role == ANNULUS_CONSUMER && annulus_keeps_(r, w)))
			continue;
		int rc = annulus_orphan_(r, role, t, own, &orphan);
		if (rc)
			return rc;
		*done += orphan && annulus_settle_orphan_(r, role, t, w);
	}
	return ANNULUS_OK;
}

/* annulus_handed_ finds a message in the hands of a dead consumer. */
static inline int annulus_handed_(struct annulus *r, uint64_t *t, uint64_t *w, int *found)
{
	uint64_t head = annulus_counter_(r, ANNULUS_CONSUMER);
	for (*t = head - annulus_min_(r->geometry.capacity, head), *found = 0; *t != head; ++*t) {
		*w = ANNULUS_LOAD_(annulus_slot_at_(r, *t));
		if (!annulus_unsettled_(r, ANNULUS_CONSUMER, *w, *t, head) || !annulus_keeps_(r, *w))
			continue;
		int rc = annulus_orphan_(r, ANNULUS_CONSUMER, *t, ANNULUS_NOBODY_, found);
		if (rc || *found)
			return rc;
	}
	return ANNULUS_OK;
}

#endif
