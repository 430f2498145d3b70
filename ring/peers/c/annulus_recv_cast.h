/* Receiving from a broadcast ring: what annulus_recv.h does there. Section 12 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_RECV_CAST_H
#define ANNULUS_RECV_CAST_H

/* annulus_start_cast_ finds where to begin, and announces it. A producer that waits for
 * consumers either sees the announcement when it looks for the slowest of them, or
 * has looked before: then what it stored before that look is seen here behind it. */
static inline int annulus_start_cast_(struct annulus_consumer *c, int backlog)
{
	struct annulus_end_ *e = &c->e;
	struct annulus_cast_reader_ *s = &c->cast;
	enum annulus_from_ from = ANNULUS_BEHIND_;
	s->intent = &e->peer.endpoint->intent;
	s->place = &e->mine.entry.line->drawn;
	s->stays = !annulus_observers_(e->ring);
	if (backlog) {
		from = s->stays ? ANNULUS_LATEST_ : ANNULUS_BACKLOG_;
	} else {
		uint32_t session = ANNULUS_LOAD_(&e->peer.endpoint->session);
		if (ANNULUS_LOAD_(&e->peer.endpoint->closed) == session)
			s->ignored = session;
	}
	for (int again = 0; again < 2; again++) {
		int rc = annulus_cast_place_(e->ring, from, &e->pos, &s->number, c->detail);
		if (rc)
			return rc;
		ANNULUS_STORE_(s->place, e->pos); /* [B3] pairs with the load in annulus_survey_ */
		if (again == 0)
			annulus_announce_(e);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	s->tail = c->released = c->owed = e->pos;
	return ANNULUS_OK;
}

/* annulus_overtaken_ goes to the latest message, when the producer has overwritten what
 * was due. OK: nothing was lost. */
static inline int annulus_overtaken_(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	uint64_t pos = 0, number = 0, before = c->cast.number;
	int rc = annulus_cast_place_(e->ring, ANNULUS_LATEST_, &pos, &number, c->detail);
	if (rc)
		return annulus_latch_(e, rc);
	if ((int64_t)(pos - e->pos) <= 0 || (int64_t)(number - before) < 0)
		return annulus_poison_(e, c->detail, "overtaken by latest", pos);
	e->pos = c->cast.tail = pos;
	c->cast.number = number;
	if (number == before)
		return ANNULUS_OK;
	c->cast.missed += number - before;
	ANNULUS_STORE_(&e->mine.entry.line->skipped, c->cast.missed);
	return annulus_fail_(c->detail, ANNULUS_OVERRUN, "%llu messages lost; receive faster, or make the ring greater",
			     (unsigned long long)(number - before));
}

/* annulus_grow_ makes room for a private copy of n bytes. */
static inline int annulus_grow_(struct annulus_consumer *c, uint64_t n)
{
	struct annulus_cast_reader_ *s = &c->cast;
	uint64_t size = annulus_min_(annulus_max_(2 * n, 4096), c->e.max);
	uint8_t *room = (uint8_t *)realloc(s->room, size);
	if (room == NULL)
		return annulus_fail_(c->detail, ANNULUS_SYSTEM, "no memory for a message of %llu bytes", (unsigned long long)n);
	s->room = room;
	s->size = size;
	return ANNULUS_OK;
}

/* annulus_next_cast_ finds the next message: in place where the producer waits, else a
 * private copy, of which there is one. Whatever is loaded may be anything until intent
 * has been looked at. */
static inline int annulus_next_cast_(struct annulus_consumer *c, const void **msg, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	struct annulus_cast_reader_ *s = &c->cast;
	if (!s->stays && c->peeked)
		return ANNULUS_HELD;
	/* Nothing is lost by one jump to the latest message, one over padding. */
	for (int tried = 0; tried < 4; tried++) {
		if (e->pos == s->tail) {
			uint64_t tail = ANNULUS_LOAD_(&e->peer.cursor->position); /* [B2] */
			if (tail == e->pos)
				return annulus_nothing_(c, tail);
			if ((int64_t)(tail - e->pos) < 0)
				return annulus_poison_(e, c->detail, "tail went back to", tail);
			s->tail = tail;
		}
		uint64_t i = e->pos & e->mask, rest = e->size - i, w = ANNULUS_LOAD_(annulus_word_(e, e->pos)); /* [B2] */
		uint64_t length = w & ANNULUS_CAST_LENGTH_MASK;
		int rc, whole = !(w & ANNULUS_CAST_PAD) && length <= e->max && annulus_record_(length) <= rest;
		if (whole && !s->stays && length <= s->size)
			annulus_copy_torn_(s->room, e->data + i + ANNULUS_WORD_SIZE, length);
		if (annulus_recheck_(s->intent) - e->pos > e->size) { /* [B1] */
			if ((rc = annulus_overtaken_(c)))
				return rc;
			continue;
		}
		if ((uint32_t)(w >> ANNULUS_CAST_NUMBER_SHIFT) != (uint32_t)s->number || !whole) {
			if (i == 0 || w != (s->number << ANNULUS_CAST_NUMBER_SHIFT | ANNULUS_CAST_PAD | (rest - ANNULUS_WORD_SIZE)))
				return annulus_poison_(e, c->detail, "header", w);
			e->pos += rest;
			continue;
		}
		if (!s->stays && length > s->size) { /* the header at least was whole */
			if ((rc = annulus_grow_(c, length)))
				return rc;
			tried--;
			continue;
		}
		*n = length;
		*msg = s->stays ? (const void *)(e->data + i + ANNULUS_WORD_SIZE) : s->room;
		if (*msg == NULL)
			*msg = ""; /* of no bytes, before there was a copy of any */
		return ANNULUS_OK;
	}
	return annulus_poison_(e, c->detail, "no message although tail is", s->tail);
}

/* annulus_missed tells how many messages this consumer of a broadcast ring has lost to
 * overruns. */
static inline uint64_t annulus_missed(const struct annulus_consumer *c) { return c->cast.missed; }

#endif
