/* Receiving: records and slots, peek and release, the end of the stream. Sections
 * 4, 5 and 7 of docs/spec/layout-v1.md. Included by annulus.h.
 *
 * Delivery is at least once: a consumer that dies with messages in its hands
 * leaves them to the next one, and the end of the stream behind them too. (In an
 * MPMC ring they are dropped or go to another, as it was created; each consumer of a
 * broadcast ring has its own.)
 * annulus_recv has a message in its hands only during the call; whoever peeks,
 * until annulus_release.
 */
#ifndef ANNULUS_RECV_H
#define ANNULUS_RECV_H

/* annulus_drained_ notes that this end of stream was delivered, all before it
 * included. */
static inline void annulus_drained_(struct annulus_consumer *c)
{
	ANNULUS_STORE_(&c->e.mine.endpoint->drained, c->over_session);
}

/* annulus_ended_ tells the end of the stream at a word that showed nothing. */
static inline int annulus_ended_(struct annulus_consumer *c, const uint64_t *word, uint64_t absent)
{
	struct annulus_end_ *e = &c->e;
	uint32_t closed = ANNULUS_LOAD_(&e->peer.endpoint->closed); /* [P2] */
	uint32_t session = ANNULUS_LOAD_(&e->peer.endpoint->session);
	if (c->over && session == c->over_session)
		return ANNULUS_END;
	c->over = 0;
	if (closed == 0 || closed != session)
		return ANNULUS_EMPTY;
	if (e->form == ANNULUS_CAST_) { /* each consumer gets the end of the sessions it has seen */
		if (session == c->cast.ignored)
			return ANNULUS_EMPTY;
	} else if (e->form == ANNULUS_TICKETS_) { /* each consumer gets the end, once nobody has a message for it */
		int rc = annulus_on_their_way_(c);
		if (rc)
			return rc;
	} else if (closed == ANNULUS_LOAD_(&e->mine.endpoint->drained)) {
		return ANNULUS_EMPTY;
	} else if (e->form == ANNULUS_GRANULES_ && ANNULUS_LOAD_(e->claim.other) != e->pos) {
		return ANNULUS_EMPTY; /* some are on their way, or their producer is dead */
	}
	/* What was committed before the close is visible now: look once more. */
	if (c->lanes.all ? annulus_any_lane_(c) : ANNULUS_LOAD_(word) != absent)
		return ANNULUS_EMPTY;
	c->over = 1;
	c->over_session = session;
	if (c->peeked == 0 && e->form != ANNULUS_CAST_) /* else another consumer may yet have to see them, and the end */
		annulus_drained_(c);
	return ANNULUS_END;
}

/* annulus_nothing_ says why there is no message at pos, whose word is w. */
static inline int annulus_nothing_(struct annulus_consumer *c, uint64_t w)
{
	struct annulus_end_ *e = &c->e;
	if (!(ANNULUS_LOAD_(e->arm) & ANNULUS_ARM_VALID))
		return annulus_latch_(e, annulus_fail_(c->detail, ANNULUS_LOST, "the producer's arm word has lost its valid bit"));
	if (c->lanes.all) {
		if (c->peeked == 0 && annulus_owes_(c))
			annulus_signal_(e, 1);
	} else if (e->form == ANNULUS_CAST_ && !c->cast.stays) {
		/* Nobody waits for space. */
	} else if (c->peeked == 0 && c->owed != c->released) {
		/* All is released: a producer that waits for space need not
		 * wait for a quarter of the ring. */
		c->owed = c->released;
		annulus_signal_(e, 1);
	}
	return annulus_ended_(c, annulus_claims_(e->ring) ? e->claim.watch
				 : e->form == ANNULUS_CAST_  ? &e->peer.cursor->position : annulus_word_(e, e->pos), w);
}

/* annulus_next_record_ looks at the word at pos, in kind bytes: ANNULUS_EMPTY where
 * there is nothing yet. */
static inline int annulus_next_record_(struct annulus_consumer *c, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	for (;;) {
		uint64_t w = ANNULUS_LOAD_(annulus_word_(e, e->pos)), rest = e->size - (e->pos & e->mask);
		uint64_t length = w - ANNULUS_RECORD_COMMITTED;
		/* One comparison refuses an empty word, padding, strange bits and
		 * a length beyond the end. */
		if (length <= rest - ANNULUS_WORD_SIZE) {
			*n = length;
			return ANNULUS_OK;
		}
		if (w == 0)
			return ANNULUS_EMPTY;
		if (rest == c->e.size || w != (ANNULUS_RECORD_COMMITTED | ANNULUS_RECORD_PAD | (rest - ANNULUS_WORD_SIZE)))
			return annulus_poison_(e, c->detail, "header", w);
		e->pos += rest;
	}
}

/* annulus_next_slot_ does so in kind slots. */
static inline int annulus_next_slot_(struct annulus_consumer *c, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	c->seen = ANNULUS_LOAD_(annulus_word_(e, e->pos));
	if (c->seen != annulus_slot_word_(e, e->pos))
		return ANNULUS_EMPTY;
	*n = e->max;
	return ANNULUS_OK;
}

/* annulus_next_here_ looks at pos in a ring, or lane, of one producer. */
static inline int annulus_next_here_(struct annulus_consumer *c, size_t *n)
{
	c->seen = 0;
	return c->e.form == ANNULUS_RECORDS_ ? annulus_next_record_(c, n) : annulus_next_slot_(c, n);
}

/* annulus_next_ finds the next message and its length, and leaves it there. */
static inline int annulus_next_(struct annulus_consumer *c, const void **msg, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	int rc;
	*msg = NULL;
	*n = 0;
	if (e->ring == NULL)
		return ANNULUS_INVALID;
	if (e->failed)
		return e->failed;
	if (e->form == ANNULUS_TICKETS_)
		return annulus_next_ticket_(c, msg, n);
	if (e->form == ANNULUS_GRANULES_)
		return annulus_next_granule_(c, msg, n);
	if (e->form == ANNULUS_CAST_)
		return annulus_next_cast_(c, msg, n);
	if (c->lanes.all)
		rc = annulus_next_in_lanes_(c, n);
	else if ((rc = annulus_next_here_(c, n)) == ANNULUS_EMPTY &&
		 (!annulus_caught_up_(c) || (rc = annulus_next_here_(c, n)) == ANNULUS_EMPTY))
		rc = annulus_nothing_(c, c->seen);
	if (rc == ANNULUS_OK)
		*msg = annulus_word_(e, e->pos) + 1;
	return rc;
}

static inline void annulus_take_(struct annulus_consumer *c, size_t n)
{
	c->e.pos += c->e.form == ANNULUS_GRANULES_ ? c->span : annulus_need_(&c->e, n);
	if (c->e.form == ANNULUS_RECORDS_ && !c->lanes.all && !annulus_room_for_(c->e.pos, c->ahead))
		annulus_look_ahead_(c, annulus_need_(&c->e, n));
	c->messages++;
	c->bytes += n;
	c->peeked++;
	c->given++;
	c->lanes.turn++;
	c->cast.number++;
}

/* annulus_try_peek sets *msg and *n to the next message that was not peeked yet,
 * in place. It is valid until release, recv or detach. In a broadcast ring whose producer
 * overwrites it is a private copy, and one at a time: ANNULUS_HELD while one is peeked. */
static inline int annulus_try_peek(struct annulus_consumer *c, const void **msg, size_t *n)
{
	int rc = annulus_next_(c, msg, n);
	if (rc == ANNULUS_OK)
		annulus_take_(c, *n);
	return rc;
}

/* annulus_release gives everything peeked back to the producer. */
static inline void annulus_release(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	if (e->ring == NULL || e->failed)
		return;
	int now = 0;
	if (e->form == ANNULUS_TICKETS_)
		annulus_settle_given_(c);
	if (c->lanes.all) {
		now = annulus_release_lanes_(c);
	} else {
		ANNULUS_STORE_(c->all, c->messages);
		ANNULUS_STORE_(c->all_bytes, c->bytes);
		if (e->form == ANNULUS_CAST_)
			ANNULUS_STORE_(c->cast.place, e->pos); /* [B3] */
		else if (e->form != ANNULUS_TICKETS_)
			ANNULUS_STORE_(&e->mine.cursor->position, e->pos); /* [C1] */
		c->released = e->pos;
		now = e->pos - c->owed >= c->quarter;
	}
	c->peeked = 0;
	if (c->over && e->form != ANNULUS_CAST_)
		annulus_drained_(c);
	annulus_published_();
	if (ANNULUS_LOAD_(e->arm) == e->quiet || (e->form == ANNULUS_CAST_ && !c->cast.stays))
		return;
	/* Wake a producer that waits for space once a quarter of the ring is
	 * free, so that it does not sleep and wake for every message. */
	if (now && c->lanes.all)
		annulus_owes_(c);
	else if (now)
		c->owed = e->pos;
	annulus_signal_(e, now);
}

/* annulus_try_recv copies the next message to buf and releases it, with all that
 * was peeked before. *n is its length; with ANNULUS_TOO_SMALL, if it is greater
 * than size, the message stays. */
static inline int annulus_try_recv(struct annulus_consumer *c, void *buf, size_t size, size_t *n)
{
	struct annulus_end_ *e = &c->e;
	const void *msg;
	if (annulus_receives_(c, size, n)) {
		const uint64_t *word = annulus_word_(e, e->pos);
		uint64_t need = ANNULUS_WORD_SIZE + annulus_align_(*n, ANNULUS_WORD_SIZE);
		e->pos += need;
		if (!annulus_room_for_(e->pos, c->ahead))
			annulus_look_ahead_(c, need);
		memcpy(buf, word + 1, *n);
		c->messages++;
		c->bytes += *n;
		annulus_release(c);
		return ANNULUS_OK;
	}
	int rc = annulus_next_(c, &msg, n);
	if (rc)
		return rc;
	if (*n > size)
		return annulus_fail_(c->detail, ANNULUS_TOO_SMALL, "%zu bytes for a message of %zu", size, *n);
	if (*n)
		memcpy(buf, msg, *n);
	annulus_take_(c, *n);
	annulus_release(c);
	return ANNULUS_OK;
}

/* annulus_wait_data_ is one step of a wait for a message. */
static inline int annulus_wait_data_(struct annulus_consumer *c, struct annulus_wait_ *w)
{
	struct annulus_end_ *e = &c->e;
	if (annulus_claims_(e->ring))
		return annulus_pause_(e, w, e->claim.watch, e->claim.seen);
	if (c->lanes.all)
		return annulus_wait_lanes_(c, w);
	if (e->form == ANNULUS_CAST_)
		return annulus_pause_(e, w, &e->peer.cursor->position, e->pos);
	const uint64_t *word = annulus_word_(e, e->pos);
	uint64_t old = 0;
	if (e->slot_stride && (old = ANNULUS_LOAD_(word)) == annulus_slot_word_(e, e->pos))
		return ANNULUS_OK;
	return annulus_pause_(e, w, word, old);
}

/* annulus_recv is annulus_try_recv that waits while the ring is empty: up to
 * timeout_ms milliseconds, -1 for ever. */
static inline int annulus_recv(struct annulus_consumer *c, void *buf, size_t size, size_t *n, int timeout_ms)
{
	int rc = annulus_try_recv(c, buf, size, n);
	if (rc != ANNULUS_EMPTY)
		return rc;
	struct annulus_wait_ w;
	annulus_begin_(&w, timeout_ms);
	while (rc == ANNULUS_EMPTY && (rc = annulus_wait_data_(c, &w)) == ANNULUS_OK)
		rc = annulus_try_recv(c, buf, size, n);
	annulus_done_(&c->e, &w);
	return rc;
}

/* annulus_peek is annulus_try_peek that waits likewise. */
static inline int annulus_peek(struct annulus_consumer *c, const void **msg, size_t *n, int timeout_ms)
{
	int rc = annulus_try_peek(c, msg, n);
	if (rc != ANNULUS_EMPTY)
		return rc;
	struct annulus_wait_ w;
	annulus_begin_(&w, timeout_ms);
	while (rc == ANNULUS_EMPTY && (rc = annulus_wait_data_(c, &w)) == ANNULUS_OK)
		rc = annulus_try_peek(c, msg, n);
	annulus_done_(&c->e, &w);
	return rc;
}

#endif
