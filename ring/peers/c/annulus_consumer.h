/* The receiving end: taking the role and giving it back. Section 7 of
 * docs/spec/layout-v1.md. What it receives is in annulus_recv.h. Included by
 * annulus.h. */
#ifndef ANNULUS_CONSUMER_H
#define ANNULUS_CONSUMER_H

/* A lane of an MPSC ring, as its consumer keeps it while it works in another. */
struct annulus_lane_ {
	uint64_t pos;             /* of the next message */
	uint64_t released, owed;  /* as those of struct annulus_consumer */
	uint64_t messages, bytes; /* received since the ring was made */
	int dead;                 /* given up */
};

/* What the consumer of an MPSC ring has beside: see annulus_lanes.h. */
struct annulus_lanes_ {
	struct annulus_lane_ *all; /* NULL in other rings */
	uint64_t count, active;    /* of those from active on none was ever held */
	uint64_t at;               /* the lane at hand */
	uint64_t turn;             /* messages of this turn of it */
	uint64_t watched;          /* whose word was waited for last */
	uint32_t session;          /* of the producers, when active was found out */
	int broken;                /* a lane was given up, not reported yet */
};

/* What a consumer of a broadcast ring has beside: see annulus_recv_cast.h. */
struct annulus_cast_reader_ {
	const uint64_t *intent;
	uint64_t *place;  /* where its position is told */
	uint64_t number;  /* of the next message */
	uint64_t tail;    /* the producer has come at least so far */
	uint64_t missed;  /* messages lost to overruns */
	int stays;        /* what is not released stays in the ring */
	uint32_t ignored; /* this session of the producer had ended before */
	uint8_t *room;    /* a private copy of what is peeked, where it does not stay */
	uint64_t size;    /* of that */
};

struct annulus_consumer {
	struct annulus_end_ e;
	uint64_t messages, bytes; /* received since the ring was made; MPMC: by those in this place */
	uint64_t *all, *all_bytes; /* what others see of them */
	uint64_t owed;            /* position at which the producer was last told of space */
	uint64_t quarter;         /* of the capacity: how much space is worth a wake */
	uint64_t peeked;          /* messages not released yet */
	uint64_t given;           /* MPMC: tickets handed out of those held */
	int redelivered;          /* MPMC: how often the message returned last was handed over */
	uint64_t span;            /* MPSC in one order: granules of the next record */
	uint64_t seen;            /* what the word of the next slot was when it was not there */
	uint64_t released;        /* position up to which the producer may write */
	uint64_t ahead;           /* position at which to ask for more cache lines */
	uint64_t tail;            /* the producer has come at least so far */
	uint64_t caught;          /* messages when it last caught up with the producer */
	uint64_t rested;          /* position of the last rest */
	struct annulus_lanes_ lanes;
	struct annulus_cast_reader_ cast;
	int over;                 /* ANNULUS_END was returned */
	uint32_t over_session;    /* for this session of the producer */
	char detail[ANNULUS_DETAIL];
};

static inline int annulus_open_lanes_(struct annulus_consumer *c); /* annulus_lanes.h */
static inline int annulus_start_cast_(struct annulus_consumer *c, int backlog); /* annulus_recv_cast.h */

static inline int annulus_consumer_attach_(struct annulus_consumer *c, struct annulus *r, enum annulus_strategy strategy, int backlog)
{
	struct annulus_end_ *e = &c->e;
	memset(c, 0, sizeof(*c));
	int rc = annulus_attach_(e, r, ANNULUS_CONSUMER, strategy, 0, NULL, c->detail);
	if (rc)
		return rc;
	c->all = &e->mine.cursor->messages;
	c->all_bytes = &e->mine.cursor->bytes;
	c->quarter = annulus_max_(e->size / 4, 1);
	if (e->mine.entry.line) {
		c->all = &e->mine.entry.line->received;
		c->all_bytes = &e->mine.entry.line->received_bytes;
	}
	if (e->form == ANNULUS_CAST_) {
		rc = annulus_start_cast_(c, backlog);
	} else if (e->form == ANNULUS_TICKETS_) {
		/* The end was delivered, unless one that did not see it has died since. */
		uint64_t t, w;
		int left;
		c->over_session = ANNULUS_LOAD_(&e->mine.endpoint->drained);
		c->over = c->over_session != 0 && c->over_session == ANNULUS_LOAD_(&e->peer.endpoint->closed) &&
			  annulus_handed_(r, &t, &w, &left) == ANNULUS_OK && !left;
		annulus_announce_(e); /* before the flag: see annulus_last_consumer_ */
	} else {
		if (e->form == ANNULUS_GRANULES_)
			annulus_announce_(e); /* likewise */
		e->pos = c->released = c->owed = c->ahead = c->tail = ANNULUS_LOAD_(&e->mine.cursor->position);
	}
	c->messages = ANNULUS_LOAD_(c->all);
	c->bytes = ANNULUS_LOAD_(c->all_bytes);
	c->caught = c->messages;
	c->rested = e->pos;
	if (r->geometry.topology == ANNULUS_TOPOLOGY_MPSC)
		rc = annulus_open_lanes_(c);
	else if (rc == ANNULUS_OK && e->form == ANNULUS_RECORDS_ && e->pos & 7)
		rc = annulus_poison_(e, c->detail, "odd position", e->pos);
	if (rc) {
		annulus_leave_(e);
		return rc;
	}
	if (e->form == ANNULUS_CAST_)
		return ANNULUS_OK;
	__atomic_fetch_and(&e->mine.arm->arm, ~ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
	if (!annulus_claims_(r))
		annulus_announce_(e);
	return ANNULUS_OK;
}

/* annulus_consumer_attach takes the consumer role: ANNULUS_ATTACHED while
 * another consumer lives. The new one goes on at the first message that its
 * predecessor has not released. In an MPMC ring it is one more consumer,
 * ANNULUS_ATTACHED while the endpoint table is full. In a broadcast ring too, and it
 * starts with the next message; where the producer overwrites, the handle may be
 * read-only, and the table full. */
static inline int annulus_consumer_attach(struct annulus_consumer *c, struct annulus *r, enum annulus_strategy strategy)
{
	return annulus_consumer_attach_(c, r, strategy, 0);
}

/* annulus_consumer_attach_backlog is that for broadcast rings, and starts with messages that
 * were sent before: where the producer overwrites with as many as can be found, else with the
 * last. In other rings it is annulus_consumer_attach. */
static inline int annulus_consumer_attach_backlog(struct annulus_consumer *c, struct annulus *r, enum annulus_strategy strategy)
{
	return annulus_consumer_attach_(c, r, strategy, 1);
}

static inline void annulus_settle_given_(struct annulus_consumer *c); /* annulus_recv_ticket.h */

/* annulus_last_consumer_ makes sends fail if this is the last consumer, and tells
 * so. One that has come meanwhile takes the flag away, or has it taken away here:
 * then this was not the last. */
static inline int annulus_last_consumer_(struct annulus_end_ *e)
{
	int others = 0;
	if (!annulus_leaving_(e->ring, &e->mine))
		return 0;
	__atomic_fetch_or(&e->mine.arm->arm, ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
	if (annulus_many_(e->ring, ANNULUS_CONSUMER) && (annulus_alive_(e->ring, ANNULUS_CONSUMER, e->mine.lock, &others) != ANNULUS_OK || others)) {
		__atomic_fetch_and(&e->mine.arm->arm, ~ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
		return 0;
	}
	return 1;
}

/* annulus_consumer_detach ends this consumer: the sends of a live producer fail
 * with ANNULUS_CLOSED; what was not released stays in the ring. In an MPMC ring sends
 * fail if it was the last, and what it peeked and did not release is dropped, or
 * goes to another consumer, as if it had died. In a broadcast ring the producer goes on. */
static inline int annulus_consumer_detach(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	if (e->ring == NULL)
		return ANNULUS_INVALID;
	if (e->form == ANNULUS_CAST_) {
		if (c->cast.stays) { /* nobody waits for it any more */
			ANNULUS_STORE_(&e->mine.entry.holder->state, (uint32_t)ANNULUS_STATE_LEAVING);
			annulus_interrupt_(&e->wake);
		}
	} else if (e->failed != ANNULUS_LOST) {
		struct annulus_endpoint *p = e->mine.endpoint;
		uint32_t session = ANNULUS_LOAD_(&p->session); /* before the look at the others */
		if (e->form == ANNULUS_TICKETS_ && !e->failed && !(e->ring->header.required & ANNULUS_FEATURE_REDELIVER)) {
			c->given = e->claim.claimed;
			annulus_settle_given_(c);
		}
		if (annulus_last_consumer_(e))
			ANNULUS_STORE_(&p->closed, session);
		annulus_interrupt_(&e->wake);
	}
	annulus_leave_(e);
	free(c->lanes.all);
	c->lanes.all = NULL;
	free(c->cast.room);
	c->cast.room = NULL;
	return ANNULUS_OK;
}

/* annulus_consumer_cancel lets a waiting call, and every later one, return
 * ANNULUS_CANCELLED. Any thread or signal handler, while attached. */
static inline void annulus_consumer_cancel(struct annulus_consumer *c) { annulus_cancel_(&c->e); }

#endif
