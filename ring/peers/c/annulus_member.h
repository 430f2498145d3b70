/* A place in the endpoint table, from attach to detach. Section 8 of
 * docs/spec/layout-v1.md, "What took effect", "Attach", "Leave". Included by
 * annulus.h. */
#ifndef ANNULUS_MEMBER_H
#define ANNULUS_MEMBER_H

/* annulus_pending_ tells whether a ticket that a dead producer has drawn, tail being the
 * next, is not filled. */
static inline int annulus_pending_(struct annulus *r, uint64_t t, uint64_t tail)
{
	uint64_t behind = tail - t;
	if (!r->geometry.granules)
		return annulus_unsettled_(r, ANNULUS_PRODUCER, ANNULUS_LOAD_(annulus_slot_at_(r, t)), t, tail);
	return behind != 0 && behind <= r->geometry.granules && annulus_granule_free_(r, ANNULUS_LOAD_(annulus_granule_at_(r, t)), t);
}

/* annulus_complete_ makes the count of what a dead producer has sent right, whose
 * intent was in: the claim had an effect only if it was drawn, and then up to the
 * first ticket that was, or will be, skipped. Records are counted one by one, and drawn is
 * the one at hand. Doing it twice changes nothing. */
static inline void annulus_complete_(struct annulus *r, struct annulus_entry_ *m, uint64_t in)
{
	uint64_t n = in >> annulus_shift_(r), base = ANNULUS_LOAD_(&m->line->base), t = ANNULUS_LOAD_(&m->line->drawn);
	if (r->geometry.granules)
		n = annulus_covers_(r, in, t);
	else if (annulus_modulo_(r, t ^ in) != 0)
		return;
	if (ANNULUS_LOAD_(&m->line->sent) != base)
		return;
	uint64_t tail = annulus_counter_(r, ANNULUS_PRODUCER), settled = 0, skip = ANNULUS_LOAD_(&m->line->skipped);
	while (settled < n && !annulus_pending_(r, t + settled, tail))
		settled++;
	if (skip != 0 && annulus_covers_(r, in, skip - 1)) {
		int64_t before = (int64_t)(skip - 1 - t);
		settled = before < 0 ? 0 : annulus_min_(settled, (uint64_t)before);
	}
	ANNULUS_STORE_(&m->line->sent, base + settled);
}

/* annulus_refused_ are entries whose lanes are spoilt. */
struct annulus_refused_ {
	uint64_t bits[ANNULUS_MAX_MEMBERS / 64];
};

/* annulus_claims_ tells whether places of messages are drawn by ticket in a ring, and
 * announced by intents. */
static inline int annulus_claims_(const struct annulus *r)
{
	return r->geometry.topology == ANNULUS_TOPOLOGY_MPMC || r->geometry.topology == ANNULUS_TOPOLOGY_MPSC_ORDERED;
}

/* annulus_occupy_ takes an entry if it is free, and settles what its last holder
 * may have claimed. */
static inline int annulus_occupy_(struct annulus *r, struct annulus_entry_ *m, uint64_t tag, char *detail)
{
	int err = annulus_lock_(r, m->lock);
	if (err == EALREADY || err == EAGAIN)
		return annulus_fail_(detail, ANNULUS_ATTACHED, "a live endpoint (pid %llu) has the tag %llu",
				     (unsigned long long)ANNULUS_LOAD_(&m->holder->pid), (unsigned long long)tag);
	if (err)
		return annulus_fail_(detail, ANNULUS_SYSTEM, "lock an entry of the endpoint table: %s", strerror(err));
	uint64_t has = ANNULUS_LOAD_(&m->holder->tag);
	if (has != 0 && has != tag) { /* somebody was here since the caller looked, and died */
		annulus_unlock_(r, m->lock);
		return annulus_fail_(detail, ANNULUS_ATTACHED, "the entry is kept for the tag %llu", (unsigned long long)has);
	}
	ANNULUS_STORE_(&m->holder->state, 0u);
	uint64_t in = ANNULUS_LOAD_(&m->line->intent), done;
	if (in && annulus_claims_(r)) {
		enum annulus_role role = ANNULUS_LOAD_(&m->holder->role) == ANNULUS_ROLE_PRODUCER ? ANNULUS_PRODUCER : ANNULUS_CONSUMER;
		int rc = r->geometry.granules ? annulus_recover_granules_(r, m->lock, &done, detail)
			: annulus_repair_(r, role, annulus_modulo_(r, in), in >> annulus_shift_(r), m->lock, &done) ? annulus_unknown_(detail)
			: ANNULUS_OK;
		if (rc) {
			annulus_unlock_(r, m->lock);
			return rc;
		}
		if (role == ANNULUS_PRODUCER)
			annulus_complete_(r, m, in);
		ANNULUS_STORE_(&m->line->intent, UINT64_C(0));
	}
	ANNULUS_STORE_(&m->line->skipped, UINT64_C(0));
	/* No claim of this holder yet: one at position 0 is not to look like drawn. */
	if (annulus_claims_(r))
		ANNULUS_STORE_(&m->line->drawn, annulus_counter_(r, ANNULUS_PRODUCER) - 1);
	m->named = tag != 0 && has != tag;
	ANNULUS_STORE_(&m->holder->tag, tag);
	return ANNULUS_OK;
}

/* annulus_drained_lane_ tells whether lane i of an MPSC ring has nothing at its
 * consumer's position. It is a hint. */
static inline int annulus_drained_lane_(struct annulus *r, uint64_t i)
{
	const struct annulus_geometry *g = &r->geometry;
	const struct annulus_cursor *c = (struct annulus_cursor *)(void *)(r->base + g->lane_consumers + i * g->stride);
	uint64_t head = ANNULUS_LOAD_(&c->position), at = head & (g->capacity - 1);
	const uint8_t *data = r->base + g->data_area + i * g->lane_stride;
	if (g->kind == ANNULUS_KIND_SLOTS)
		return ANNULUS_LOAD_((const uint64_t *)(const void *)(data + at * g->slot_stride)) !=
		       (head / g->capacity << ANNULUS_SLOT_LAP_SHIFT | ANNULUS_SLOT_COMMITTED);
	return head % ANNULUS_WORD_SIZE == 0 && ANNULUS_LOAD_((const uint64_t *)(const void *)(data + at)) == 0;
}

/* annulus_join_ takes an entry for an endpoint of side s: the one that has its
 * tag, if it has one, else a free one that has none and is not refused; of lanes
 * rather one without old messages. */
static inline int annulus_join_(struct annulus *r, struct annulus_side_ *s, uint64_t tag, const struct annulus_refused_ *refused,
				char *detail)
{
	uint64_t tagged = 0;
	int lanes = r->geometry.topology == ANNULUS_TOPOLOGY_MPSC;
	for (int pass = tag != 0 ? 0 : 1; pass <= 1 + lanes; pass++) {
		int own = pass == 0;
		tagged = 0;
		for (uint64_t i = 0; i < r->geometry.members; i++) {
			struct annulus_entry_ m = annulus_entry_at_(r, i);
			uint64_t has = ANNULUS_LOAD_(&m.holder->tag);
			if (has != (own ? tag : 0)) {
				tagged += !own;
				continue;
			}
			if (!own && ((refused && refused->bits[i / 64] >> i % 64 & 1) || (lanes && annulus_drained_lane_(r, i) != (pass == 1))))
				continue;
			int rc = annulus_occupy_(r, &m, tag, detail);
			if (rc == ANNULUS_ATTACHED && !own)
				continue;
			s->entry = m;
			s->lock = m.lock;
			return rc;
		}
	}
	return annulus_fail_(detail, ANNULUS_ATTACHED, "all %llu entries of the endpoint table are held (%llu by tags)",
			     (unsigned long long)r->geometry.members, (unsigned long long)tagged);
}

/* annulus_leaving_ announces that an endpoint goes, and tells whether it was the
 * last of its side. Two that leave at once both see the other leave. */
static inline int annulus_leaving_(struct annulus *r, struct annulus_side_ *s)
{
	int others;
	if (!s->entry.holder)
		return 1;
	ANNULUS_STORE_(&s->entry.holder->state, (uint32_t)ANNULUS_STATE_LEAVING);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the look at the others */
	return annulus_alive_(r, s->role, s->lock, &others) == ANNULUS_OK && !others;
}

#endif
