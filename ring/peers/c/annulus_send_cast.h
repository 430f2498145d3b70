/* Sending through a broadcast ring: what annulus_send.h does there. Section 12 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_SEND_CAST_H
#define ANNULUS_SEND_CAST_H

#define ANNULUS_MOST_AHEAD_ UINT64_C(8192) /* by which intent is raised beyond what is needed */

/* annulus_take_over_cast_ goes on behind what is committed. */
static inline int annulus_take_over_cast_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_cast_writer_ *w = &p->cast;
	const struct annulus_cursor *cur = e->mine.cursor;
	uint64_t pos = 0;
	int rc = annulus_cast_place_(e->ring, ANNULUS_BEHIND_, &pos, &w->number, p->detail);
	if (rc)
		return rc;
	uint64_t tail = ANNULUS_LOAD_(&cur->position);
	w->last = ANNULUS_LOAD_(&cur->latest);
	w->raised = ANNULUS_LOAD_(&e->mine.endpoint->intent);
	/* A latest that was not committed says nothing of what may be overwritten. */
	if ((int64_t)(w->last - tail) > 0)
		w->last = tail;
	e->pos = pos;
	if (pos != tail || w->raised - tail > e->size || tail - w->last > e->size || (w->raised | w->last) % ANNULUS_WORD_SIZE)
		return annulus_poison_(e, p->detail, "the last record does not end at tail, or intent is", w->raised);
	w->bytes = ANNULUS_LOAD_(&cur->bytes);
	w->dropped = ANNULUS_LOAD_(&cur->dropped);
	w->ahead = annulus_min_(e->size / 8, ANNULUS_MOST_AHEAD_);
	w->waits = !annulus_observers_(e->ring);
	w->drops = (e->ring->header.required & ANNULUS_FEATURE_DROP) != 0;
	ANNULUS_STORE_(&e->mine.cursor->messages, w->number);
	return ANNULUS_OK;
}

/* annulus_waited_for_ tells whether the producer waits for the consumer that is, or was,
 * in an entry: the time at which it came is 0 once it was found dead. */
static inline int annulus_waited_for_(struct annulus_entry_ *m)
{
	return ANNULUS_LOAD_(&m->holder->state) == ANNULUS_STATE_ATTACHED && ANNULUS_LOAD_(&m->holder->attached) != 0; /* [B4] */
}

/* annulus_survey_ finds the position that must stay in the ring: of the last record, or of
 * the slowest consumer, which is *slow then. */
static inline int annulus_survey_(struct annulus_producer *p, uint64_t *keep, uint64_t **slow)
{
	struct annulus_end_ *e = &p->e;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was published comes before the loads below */
	*keep = p->cast.last;
	*slow = NULL;
	for (uint64_t i = 0; i < e->ring->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(e->ring, i);
		if (!annulus_waited_for_(&m))
			continue;
		uint64_t pos = ANNULUS_LOAD_(&m.line->drawn); /* [B3] */
		if ((int64_t)(pos - annulus_committed_(p)) > 0 || pos % ANNULUS_WORD_SIZE)
			return annulus_poison_(e, p->detail, "a consumer's position is", pos);
		if ((int64_t)(pos - *keep) < 0) {
			*keep = pos;
			*slow = &m.line->drawn;
		}
	}
	return ANNULUS_OK;
}

/* annulus_bury_ finds consumers that are in the way of end and dead, and does not wait for
 * them any more. The lock is looked at, not taken: whoever comes for the entry stores
 * another time before it counts as attached, so the swap cannot strike it. */
static inline int annulus_bury_(struct annulus_producer *p, uint64_t end, int *found)
{
	struct annulus_end_ *e = &p->e;
	*found = 0;
	for (uint64_t i = 0; i < e->ring->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(e->ring, i);
		uint64_t came = ANNULUS_LOAD_(&m.holder->attached); /* before the look at the lock */
		int locked;
		if (!annulus_waited_for_(&m) || annulus_room_for_(end, ANNULUS_LOAD_(&m.line->drawn) + e->size))
			continue;
		int rc = annulus_locked_(e->ring, m.lock, &locked);
		if (rc)
			return annulus_unknown_(p->detail);
		if (!locked && __atomic_compare_exchange_n(&m.holder->attached, &came, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) { /* [B4] */
			__atomic_fetch_add(&e->peer.endpoint->repaired, 1, __ATOMIC_SEQ_CST);
			*found = 1;
		}
	}
	return ANNULUS_OK;
}

/* annulus_slowest_ is annulus_survey_ that finds out who has died, where that is in the
 * way of end: at once when it begins to be, then now and then. */
static inline int annulus_slowest_(struct annulus_producer *p, uint64_t end, uint64_t *keep, uint64_t **slow)
{
	struct annulus_claim_ *k = &p->e.claim;
	int found, rc = annulus_survey_(p, keep, slow);
	if (rc || annulus_room_for_(end, *keep + p->e.size)) {
		k->vain = 0;
		return rc;
	}
	if (k->vain++ == 0 || k->at != *keep) {
		k->at = *keep;
		k->vain = 1;
	}
	if (k->vain != 1 && !annulus_due_(&p->e))
		return ANNULUS_OK;
	if ((rc = annulus_bury_(p, end, &found)) || !found)
		return rc;
	return annulus_survey_(p, keep, slow);
}

/* annulus_raise_ raises intent to end, or further, if that is at most a ring ahead of what
 * must stay. */
static inline int annulus_raise_(struct annulus_producer *p, uint64_t end)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_cast_writer_ *w = &p->cast;
	uint64_t keep = w->last, *slow = NULL;
	if (w->waits) {
		int rc = annulus_slowest_(p, end, &keep, &slow);
		if (rc)
			return rc;
	}
	uint64_t limit = keep + e->size;
	if (!annulus_room_for_(end, limit)) {
		/* What to wait for: the slowest; where the own batch is in the way, nothing. */
		e->claim.watch = slow ? slow : &e->mine.cursor->position;
		e->claim.seen = slow ? keep : ~ANNULUS_LOAD_(e->claim.watch);
		return ANNULUS_FULL;
	}
	if (!w->waits && (int64_t)(limit - (end + w->ahead)) > 0)
		limit = end + w->ahead;
	if ((int64_t)(limit - w->raised) > 0) {
		w->raised = limit;
		__atomic_store_n(&e->mine.endpoint->intent, limit, __ATOMIC_SEQ_CST);
		/* [B1] A full fence: the caller may fill what it reserves by any stores. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return ANNULUS_OK;
}

/* annulus_room_cast_ finds room for a record of n bytes, behind padding if need be. */
static inline int annulus_room_cast_(struct annulus_producer *p, uint64_t n, uint64_t *at)
{
	struct annulus_end_ *e = &p->e;
	uint64_t rest = e->size - (e->pos & e->mask), need = annulus_record_(n);
	*at = e->pos + (need > rest ? rest : 0);
	return annulus_room_for_(*at + need, p->cast.raised) ? ANNULUS_OK : annulus_raise_(p, *at + need);
}

/* annulus_publish_cast_ publishes what is staged. The order of the stores is that in which
 * annulus_cast_place_ loads. */
static inline void annulus_publish_cast_(struct annulus_producer *p)
{
	struct annulus_cast_writer_ *w = &p->cast;
	struct annulus_cursor *cur = p->e.mine.cursor;
	w->number += p->staged;
	w->bytes += p->staged_bytes;
	w->last = w->end;
	ANNULUS_STORE_(&cur->latest, w->last);     /* [B2] */
	ANNULUS_STORE_(&cur->position, p->e.pos);  /* [B2] */
	ANNULUS_STORE_(&cur->messages, w->number);
	ANNULUS_STORE_(&cur->bytes, w->bytes);
	p->staged = p->staged_bytes = 0;
}

/* annulus_reserve_cast_ is annulus_try_reserve there. What is to be dropped goes to
 * private memory. */
static inline int annulus_reserve_cast_(struct annulus_producer *p, uint64_t n, void **room)
{
	struct annulus_cast_writer_ *w = &p->cast;
	int rc = annulus_room_cast_(p, n, &w->at);
	if (rc == ANNULUS_FULL && w->drops && p->staged) {
		annulus_publish(p);
		rc = annulus_room_cast_(p, n, &w->at);
	}
	w->dropping = rc == ANNULUS_FULL && w->drops;
	if (w->dropping) {
		uint8_t *scratch = (uint8_t *)realloc(w->scratch, n + 1);
		if (scratch == NULL)
			return annulus_fail_(p->detail, ANNULUS_SYSTEM, "no memory for a message of %llu bytes", (unsigned long long)n);
		*room = w->scratch = scratch;
		return ANNULUS_OK;
	}
	if (rc == ANNULUS_OK)
		*room = annulus_word_(&p->e, w->at) + 1;
	return rc;
}

/* annulus_stage_cast_ closes the open reservation with its first n bytes. */
static inline void annulus_stage_cast_(struct annulus_producer *p, uint64_t n)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_cast_writer_ *w = &p->cast;
	uint64_t number = (w->number + p->staged) << ANNULUS_CAST_NUMBER_SHIFT;
	if (w->dropping) {
		ANNULUS_STORE_(&e->mine.cursor->dropped, ++w->dropped);
		return;
	}
	if (w->at != e->pos)
		__atomic_store_n(annulus_word_(e, e->pos), number | ANNULUS_CAST_PAD | (w->at - e->pos - ANNULUS_WORD_SIZE), __ATOMIC_RELAXED);
	__atomic_store_n(annulus_word_(e, w->at), number | n, __ATOMIC_RELAXED);
	if (p->staged++ == 0)
		p->first_pos = e->pos;
	p->staged_bytes += n;
	w->end = w->at;
	e->pos = w->at + annulus_record_(n);
}

/* annulus_dropped tells how many messages the producers of a broadcast ring with
 * ANNULUS_DROP have dropped so far, this one and those before it. */
static inline uint64_t annulus_dropped(const struct annulus_producer *p) { return p->cast.dropped; }

#endif
