/* The sending end: taking the role, going on behind what a predecessor has
 * committed, and giving it back. Section 7 of docs/spec/layout-v1.md. What it
 * sends is in annulus_send.h. Included by annulus.h. */
#ifndef ANNULUS_PRODUCER_H
#define ANNULUS_PRODUCER_H

/* What the producer of a broadcast ring has beside: see annulus_send_cast.h. Positions but
 * for the counts. */
struct annulus_cast_writer_ {
	uint64_t raised; /* intent */
	uint64_t last;   /* of the last published record */
	uint64_t ahead;  /* bytes by which intent is raised beyond what is needed */
	uint64_t number; /* messages published */
	uint64_t bytes;  /* of these */
	uint64_t dropped;
	uint64_t at;  /* of the open reservation's record */
	uint64_t end; /* of the last staged record */
	int waits;    /* for consumers */
	int drops;    /* rather than wait */
	int dropping; /* the open reservation comes to nothing */
	uint8_t *scratch;
};

enum { ANNULUS_BATCH_ = 64 }; /* MPSC in one order: most messages that are published together */

struct annulus_producer {
	struct annulus_end_ e;
	uint64_t run;   /* a message may end here without a closer look */
	uint64_t free;  /* run, but for a pending reservation or batch */
	uint64_t clean; /* kind bytes: from pos up to here the ring is zero */
	uint64_t head;  /* the consumer's position when last looked at */
	uint64_t told;  /* the position that was last stored for others */
	uint64_t room;  /* bytes of the open reservation */
	int reserved;
	int scarce;          /* that look brought little */
	uint64_t staged;     /* messages staged and not published */
	uint64_t staged_bytes; /* of these, where places are drawn, or broadcast */
	uint64_t filled;       /* MPSC in one order: granules of these */
	uint32_t spans[ANNULUS_BATCH_]; /* and of each */
	uint64_t *first;     /* word of the first of them, */
	uint64_t first_val;  /* what it will hold */
	uint64_t first_pos;  /* and its position */
	struct annulus_cast_writer_ cast;
	char detail[ANNULUS_DETAIL];
};

/* annulus_committed_ is where the committed messages end. */
static inline uint64_t annulus_committed_(const struct annulus_producer *p) { return p->staged ? p->first_pos : p->e.pos; }

/* annulus_walk_ steps from position pos over what is committed, to limit at the
 * most. */
static inline int annulus_walk_(struct annulus_producer *p, uint64_t pos, uint64_t limit)
{
	struct annulus_end_ *e = &p->e;
	e->pos = pos;
	if (e->slot_stride) {
		while (e->pos != limit && ANNULUS_LOAD_(annulus_word_(e, e->pos)) == annulus_slot_word_(e, e->pos))
			e->pos++;
		return ANNULUS_OK;
	}
	if (pos & 7)
		return annulus_poison_(e, p->detail, "odd position", pos);
	while ((int64_t)(limit - e->pos) > 0) {
		uint64_t w = ANNULUS_LOAD_(annulus_word_(e, e->pos));
		if (w == 0)
			break;
		uint64_t need = annulus_need_(e, w & ANNULUS_RECORD_LENGTH_MASK), rest = e->size - (e->pos & e->mask);
		int pad = (w & ANNULUS_RECORD_PAD) != 0;
		if ((w & ~(ANNULUS_RECORD_LENGTH_MASK | ANNULUS_RECORD_PAD)) != ANNULUS_RECORD_COMMITTED || need > rest ||
		    (pad && (need != rest || rest == e->size)) || need > limit - e->pos - ANNULUS_WORD_SIZE)
			return annulus_poison_(e, p->detail, "header", w);
		e->pos += need;
	}
	return ANNULUS_OK;
}

/* annulus_wipe_ frees the slots that a dead producer staged behind the position
 * and did not publish: they would count as committed once that position is. */
static inline void annulus_wipe_(struct annulus_producer *p, uint64_t limit)
{
	struct annulus_end_ *e = &p->e;
	uint64_t last = e->pos;
	if (!e->slot_stride || last == limit)
		return;
	while (last + 1 != limit && ANNULUS_LOAD_(annulus_word_(e, last + 1)) == annulus_slot_word_(e, last + 1))
		last++;
	for (; last != e->pos; last--)
		ANNULUS_STORE_(annulus_word_(e, last), UINT64_C(0));
}

/* annulus_take_over_ finds the end of what is committed in an SPSC ring, or in a lane. */
static inline int annulus_take_over_(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	uint64_t tail = ANNULUS_LOAD_(&e->mine.cursor->position);
	p->head = ANNULUS_LOAD_(&e->peer.cursor->position);
	if ((int64_t)(tail - p->head) < 0)
		tail = p->head;
	if (tail - p->head > e->size || (!e->slot_stride && p->head & 7))
		return annulus_poison_(e, p->detail, "impossible head", p->head);
	int rc = annulus_walk_(p, tail, p->head + e->size);
	if (rc)
		return rc;
	annulus_wipe_(p, p->head + e->size);
	p->run = p->free = p->clean = p->told = e->pos;
	ANNULUS_STORE_(&e->mine.cursor->position, e->pos);
	return ANNULUS_OK;
}

static inline int annulus_take_over_cast_(struct annulus_producer *p); /* annulus_send_cast.h */

/* annulus_go_on_ finds the place where a predecessor has stopped. */
static inline int annulus_go_on_(struct annulus_producer *p)
{
	switch (p->e.form) {
	case ANNULUS_TICKETS_: return ANNULUS_OK;
	case ANNULUS_GRANULES_: p->head = ANNULUS_LOAD_(&p->e.peer.cursor->position); return ANNULUS_OK; /* [C1] */
	case ANNULUS_CAST_: return annulus_take_over_cast_(p);
	default: return annulus_take_over_(p);
	}
}

/* annulus_producer_attach_tagged takes the producer role: ANNULUS_ATTACHED while
 * another producer lives. After its death the new one goes on behind what was
 * committed. In a ring of many producers it is one more, ANNULUS_ATTACHED while the
 * endpoint table is full; a tag, if not 0, keeps its place there for its successor,
 * which gives the same tag, until it detaches: see annulus_committed. */
static inline int annulus_producer_attach_tagged(struct annulus_producer *p, struct annulus *r, enum annulus_strategy strategy,
						 uint64_t tag)
{
	struct annulus_end_ *e = &p->e;
	struct annulus_refused_ refused;
	char spoilt[ANNULUS_DETAIL] = "";
	int alive, rc;
	memset(&refused, 0, sizeof(refused));
	for (;;) {
		memset(p, 0, sizeof(*p));
		if ((rc = annulus_attach_(e, r, ANNULUS_PRODUCER, strategy, tag, &refused, p->detail)))
			return rc == ANNULUS_ATTACHED && spoilt[0]
				? annulus_fail_(p->detail, rc, "no entry is free whose lane is sound: %.90s", spoilt) : rc;
		if ((rc = annulus_go_on_(p)) == ANNULUS_OK)
			break;
		uint64_t i = e->mine.entry.index;
		if (e->mine.entry.holder && tag == 0)
			refused.bits[i / 64] |= UINT64_C(1) << i % 64;
		if (e->mine.entry.named)
			ANNULUS_STORE_(&e->mine.entry.holder->tag, UINT64_C(0));
		annulus_leave_(e);
		/* Other lanes may be sound. */
		if (rc != ANNULUS_CORRUPT || r->geometry.topology != ANNULUS_TOPOLOGY_MPSC || tag != 0)
			return rc;
		memcpy(spoilt, p->detail, sizeof(spoilt));
	}
	/* A close speaks to whoever was attached then: without a consumer, its flag
	 * is history; so it is while the only one is still attaching (state 0). */
	if (annulus_attached(r, ANNULUS_CONSUMER, &alive) == ANNULUS_OK &&
	    (!alive || (!annulus_many_(r, ANNULUS_CONSUMER) && ANNULUS_LOAD_(&e->peer.endpoint->state) == 0)))
		__atomic_fetch_and(&e->peer.arm->arm, ~ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
	annulus_announce_(e);
	return ANNULUS_OK;
}

static inline int annulus_producer_attach(struct annulus_producer *p, struct annulus *r, enum annulus_strategy strategy)
{
	return annulus_producer_attach_tagged(p, r, strategy, 0);
}

/* annulus_committed tells how far this producer and those before it have come: a
 * position of an SPSC ring or of a lane; messages sent under its tag in other rings of
 * many producers, or without one in its place of the endpoint table. One that notes it before a send and dies
 * learns, as the successor, whether that took effect: if it is greater. */
static inline uint64_t annulus_committed(const struct annulus_producer *p)
{
	if (p->e.ring == NULL)
		return 0;
	return annulus_claims_(p->e.ring) ? ANNULUS_LOAD_(&p->e.mine.entry.line->sent) : annulus_committed_(p);
}

static inline void annulus_skip_tickets_(struct annulus_producer *p); /* annulus_send_ticket.h */
static inline void annulus_skip_granules_(struct annulus_producer *p); /* annulus_send_granule.h */

/* annulus_end_session_ closes a session of the producers. Another may have come, and
 * closed a later one, since. */
static inline void annulus_end_session_(struct annulus_endpoint *side, uint32_t session)
{
	uint32_t old = ANNULUS_LOAD_(&side->closed);
	while ((int32_t)(session - old) > 0 &&
	       !__atomic_compare_exchange_n(&side->closed, &old, session, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) /* [P2] */
		;
}

/* annulus_producer_detach ends the session: what is committed stays, the
 * consumer gets ANNULUS_END behind it, the role is free. Where there are many it ends
 * with the last producer. A reservation or an unpublished batch is given up. */
static inline int annulus_producer_detach(struct annulus_producer *p)
{
	struct annulus_end_ *e = &p->e;
	if (e->ring == NULL)
		return ANNULUS_INVALID;
	p->run = e->pos; /* a later send has to look closer, and fails */
	struct annulus_endpoint *mine = e->mine.endpoint;
	if (!e->failed) {
		if (e->form == ANNULUS_TICKETS_) {
			p->staged = 0;
			p->reserved = 0;
			annulus_skip_tickets_(p);
		} else if (e->form == ANNULUS_GRANULES_) {
			p->staged = p->filled = 0;
			annulus_skip_granules_(p);
		} else if (e->form != ANNULUS_CAST_) {
			ANNULUS_STORE_(&e->mine.cursor->position, annulus_committed_(p));
		}
		uint32_t session = ANNULUS_LOAD_(&mine->session); /* before the look at the others */
		if (annulus_leaving_(e->ring, &e->mine))
			annulus_end_session_(mine, session);
		if (e->mine.entry.holder)
			ANNULUS_STORE_(&e->mine.entry.holder->tag, UINT64_C(0));
		annulus_interrupt_(&e->wake);
	}
	annulus_leave_(e);
	free(p->cast.scratch);
	p->cast.scratch = NULL;
	return ANNULUS_OK;
}

/* annulus_producer_cancel lets a waiting call, and every later one, return
 * ANNULUS_CANCELLED. Any thread or signal handler, while attached. */
static inline void annulus_producer_cancel(struct annulus_producer *p) { annulus_cancel_(&p->e); }

#endif
