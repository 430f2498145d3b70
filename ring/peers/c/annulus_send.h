/* Sending: room, records and slots, reservations, batches. Sections 4 and 5 of
 * docs/spec/layout-v1.md. Included by annulus.h.
 *
 * A message is committed when the call that sends or publishes it returns
 * ANNULUS_OK: it survives the death of this process and is received in order.
 */
#ifndef ANNULUS_SEND_H
#define ANNULUS_SEND_H

/* annulus_admit_ is the closer look before an operation. */
static inline int annulus_admit_(struct annulus_producer *p, uint64_t n)
{
	struct annulus_end_ *e = &p->e;
	if (e->ring == NULL)
		return ANNULUS_INVALID;
	if (e->failed)
		return e->failed;
	uint64_t w = ANNULUS_LOAD_(e->arm);
	if (!(w & ANNULUS_ARM_VALID))
		return annulus_latch_(e, annulus_fail_(p->detail, ANNULUS_LOST, "the consumer's arm word has lost its valid bit"));
	if (w & ANNULUS_ARM_CLOSED)
		return ANNULUS_CLOSED;
	if (p->reserved)
		return ANNULUS_RESERVED;
	if (e->exact && n != e->max)
		return annulus_fail_(p->detail, ANNULUS_SIZE, "%llu bytes, messages have exactly %llu", (unsigned long long)n,
				     (unsigned long long)e->max);
	if (n > e->max)
		return annulus_fail_(p->detail, ANNULUS_TOO_LARGE, "%llu bytes, at most %llu fit; make the capacity greater",
				     (unsigned long long)n, (unsigned long long)e->max);
	return annulus_short_(e) ? annulus_make_room_(p, n) : ANNULUS_OK;
}

/* annulus_publish makes every staged message visible, in order: at once, but in
 * an MPMC ring one by one. */
static inline void annulus_publish(struct annulus_producer *p)
{
	if (p->staged == 0 || p->e.ring == NULL)
		return;
	if (!annulus_short_(&p->e)) {
		switch (p->e.form) {
		case ANNULUS_CAST_: annulus_publish_cast_(p); break;
		case ANNULUS_GRANULES_: annulus_publish_granules_(p); break;
		default: annulus_publish_tickets_(p);
		}
		annulus_shown_(p);
		return;
	}
	p->staged = 0;
	annulus_settle_(p);
	ANNULUS_STORE_(p->first, p->first_val);
	annulus_shown_(p);
	if (p->e.slot_stride && (p->e.pos - p->told) * p->e.slot_stride >= 256)
		annulus_tell_(p); /* records do so with each sweep */
}

/* annulus_fits_ is the quick look: nothing pending, room enough, a quiet peer. */
static inline int annulus_fits_(const struct annulus_producer *p, uint64_t n)
{
	const struct annulus_end_ *e = &p->e;
	if (!annulus_short_(e))
		return 0;
	if (e->slot_stride ? n != e->max : n > e->max)
		return 0;
	return annulus_room_for_(e->pos + annulus_need_(e, n), p->run) && ANNULUS_LOAD_(e->arm) == e->quiet;
}

/* annulus_try_reserve opens a reservation of n bytes (the slot size in a ring of
 * slots) and sets *room to them, in the ring, to be filled in place. They hold
 * anything, and are the caller's until commit, stage, abort or detach. */
static inline int annulus_try_reserve(struct annulus_producer *p, size_t n, void **room)
{
	if (!annulus_fits_(p, n)) {
		int rc = annulus_admit_(p, n);
		if (rc == ANNULUS_OK && !annulus_short_(&p->e)) {
			switch (p->e.form) {
			case ANNULUS_CAST_: rc = annulus_reserve_cast_(p, n, room); break;
			case ANNULUS_GRANULES_: rc = annulus_reserve_granules_(p, n, room); break;
			default: rc = annulus_reserve_ticket_(p, room);
			}
			if (rc)
				return rc;
			p->reserved = ANNULUS_TICKET_OPEN_;
			p->room = n;
			return ANNULUS_OK;
		}
		if (rc)
			return rc;
	}
	p->reserved = 1;
	p->room = n;
	p->run = p->e.pos;
	*room = annulus_word_(&p->e, p->e.pos) + 1;
	return ANNULUS_OK;
}

/* annulus_stage settles the reservation with its first n bytes: a message that
 * becomes visible with the next publish. Further reservations may follow. */
static inline int annulus_stage(struct annulus_producer *p, size_t n)
{
	struct annulus_end_ *e = &p->e;
	uint64_t pos = e->pos;
	if (!p->reserved)
		return ANNULUS_NOT_RESERVED;
	if (e->exact ? n != p->room : n > p->room)
		return e->exact ? ANNULUS_SIZE : ANNULUS_TOO_LARGE;
	if (p->reserved == ANNULUS_TICKET_OPEN_) {
		p->reserved = 0;
		switch (e->form) {
		case ANNULUS_CAST_: annulus_stage_cast_(p, n); break;
		case ANNULUS_GRANULES_: annulus_stage_granules_(p, n); break;
		default: annulus_stage_ticket_(p, n);
		}
		return ANNULUS_OK;
	}
	p->reserved = 0;
	e->pos += annulus_need_(e, n);
	if (e->slot_stride) {
		annulus_hold_(p, pos, annulus_slot_word_(e, pos));
	} else {
		annulus_hold_(p, pos, ANNULUS_RECORD_COMMITTED | n);
		if (annulus_need_(e, n) != annulus_need_(e, p->room))
			p->clean = e->pos; /* the caller may have written behind it */
		if (!annulus_room_for_(e->pos + ANNULUS_WORD_SIZE, p->clean))
			annulus_sweep_(p, e->pos, annulus_need_(e, n));
	}
	p->run = e->pos;
	return ANNULUS_OK;
}

/* annulus_commit is stage and publish. */
static inline int annulus_commit(struct annulus_producer *p, size_t n)
{
	int rc = annulus_stage(p, n);
	if (rc == ANNULUS_OK)
		annulus_publish(p);
	return rc;
}

/* annulus_abort gives the open reservation up, if there is one. Staged messages
 * stay staged. */
static inline void annulus_abort(struct annulus_producer *p)
{
	if (!p->reserved)
		return;
	if (p->e.ring != NULL && annulus_claims_(p->e.ring)) {
		if (p->e.form == ANNULUS_GRANULES_)
			annulus_skip_granules_(p);
		else
			annulus_skip_tickets_(p);
		annulus_shown_(p); /* others may wait behind it */
	}
	p->reserved = 0;
	p->clean = p->e.pos; /* the caller may have written into it */
	annulus_settle_(p);
}

/* annulus_put_ commits a copy for which annulus_fits_ has found room: a reservation and its
 * commit in one, of which nothing need be noted. */
static inline void annulus_put_(struct annulus_producer *p, const void *msg, size_t n)
{
	struct annulus_end_ *e = &p->e;
	uint64_t pos = e->pos, need = annulus_need_(e, n), value = ANNULUS_RECORD_COMMITTED | n;
	uint64_t *word = annulus_word_(e, pos);
	if (e->slot_stride)
		value = annulus_slot_word_(e, pos);
	else if (!annulus_room_for_(pos + need + ANNULUS_WORD_SIZE, p->clean))
		annulus_sweep_(p, pos + need, need);
	memcpy(word + 1, msg, n);
	ANNULUS_STORE_(word, value); /* [P1] */
	e->pos = pos + need;
	annulus_shown_(p);
	if (e->slot_stride && (e->pos - p->told) * e->slot_stride >= 256)
		annulus_tell_(p);
}

/* annulus_try_send commits a copy of n bytes, behind what is staged. */
static inline int annulus_try_send(struct annulus_producer *p, const void *msg, size_t n)
{
	void *room = NULL;
	if (n && annulus_fits_(p, n)) {
		annulus_put_(p, msg, n);
		return ANNULUS_OK;
	}
	if (p->staged && !p->reserved)
		annulus_publish(p);
	int rc = annulus_try_reserve(p, n, &room);
	if (rc)
		return rc;
	if (n)
		memcpy(room, msg, n);
	return annulus_commit(p, n);
}

/* annulus_wait_space_ is one step of a wait for room. */
static inline int annulus_wait_space_(struct annulus_producer *p, struct annulus_wait_ *w)
{
	if (!annulus_short_(&p->e))
		return annulus_pause_(&p->e, w, p->e.claim.watch, p->e.claim.seen);
	return annulus_pause_(&p->e, w, &p->e.peer.cursor->position, p->head);
}

/* annulus_send is annulus_try_send that waits while the ring is full: up to
 * timeout_ms milliseconds, -1 for ever. */
static inline int annulus_send(struct annulus_producer *p, const void *msg, size_t n, int timeout_ms)
{
	int rc = annulus_try_send(p, msg, n);
	if (rc != ANNULUS_FULL)
		return rc;
	struct annulus_wait_ w;
	annulus_begin_(&w, timeout_ms);
	while (rc == ANNULUS_FULL && (rc = annulus_wait_space_(p, &w)) == ANNULUS_OK)
		rc = annulus_try_send(p, msg, n);
	annulus_done_(&p->e, &w);
	return rc;
}

/* annulus_reserve is annulus_try_reserve that waits, after it has published what
 * is staged: else the consumer could make no room. */
static inline int annulus_reserve(struct annulus_producer *p, size_t n, void **room, int timeout_ms)
{
	int rc = annulus_try_reserve(p, n, room);
	if (rc != ANNULUS_FULL)
		return rc;
	struct annulus_wait_ w;
	annulus_publish(p);
	annulus_begin_(&w, timeout_ms);
	while (rc == ANNULUS_FULL && (rc = annulus_wait_space_(p, &w)) == ANNULUS_OK)
		rc = annulus_try_reserve(p, n, room);
	annulus_done_(&p->e, &w);
	return rc;
}

#endif
