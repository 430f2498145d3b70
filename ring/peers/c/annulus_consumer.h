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

struct annulus_consumer {
	struct annulus_end_ e;
	uint64_t messages, bytes; /* received since the ring was made; MPMC: by those in this place */
	uint64_t *all, *all_bytes; /* what others see of them */
	uint64_t owed;            /* position at which the producer was last told of space */
	uint64_t quarter;         /* of the capacity: how much space is worth a wake */
	uint64_t peeked;          /* messages not released yet */
	uint64_t given;           /* MPMC: tickets handed out of those held */
	int redelivered;          /* MPMC: how often the message returned last was handed over */
	uint64_t seen;            /* what the word of the next slot was when it was not there */
	uint64_t released;        /* position up to which the producer may write */
	struct annulus_lanes_ lanes;
	int over;                 /* ANNULUS_END was returned */
	uint32_t over_session;    /* for this session of the producer */
	char detail[ANNULUS_DETAIL];
};

/* annulus_consumer_attach takes the consumer role: ANNULUS_ATTACHED while
 * another consumer lives. The new one goes on at the first message that its
 * predecessor has not released. In an MPMC ring it is one more consumer,
 * ANNULUS_ATTACHED while the endpoint table is full. */
static inline int annulus_open_lanes_(struct annulus_consumer *c); /* annulus_lanes.h */

static inline int annulus_consumer_attach(struct annulus_consumer *c, struct annulus *r, enum annulus_strategy strategy)
{
	struct annulus_end_ *e = &c->e;
	memset(c, 0, sizeof(*c));
	int rc = annulus_attach_(e, r, ANNULUS_CONSUMER, strategy, 0, NULL, c->detail);
	if (rc)
		return rc;
	c->all = &e->mine.cursor->messages;
	c->all_bytes = &e->mine.cursor->bytes;
	c->quarter = annulus_max_(e->size / 4, 1);
	if (e->form == ANNULUS_TICKETS_) {
		c->all = &e->mine.entry.line->received;
		c->all_bytes = &e->mine.entry.line->received_bytes;
		/* The end was delivered, unless one that did not see it has died since. */
		uint64_t t, w;
		int left;
		c->over_session = ANNULUS_LOAD_(&e->mine.endpoint->drained);
		c->over = c->over_session != 0 && c->over_session == ANNULUS_LOAD_(&e->peer.endpoint->closed) &&
			  annulus_handed_(r, &t, &w, &left) == ANNULUS_OK && !left;
		annulus_announce_(e); /* before the flag: see annulus_last_consumer_ */
	} else {
		e->pos = c->released = c->owed = ANNULUS_LOAD_(&e->mine.cursor->position);
	}
	c->messages = ANNULUS_LOAD_(c->all);
	c->bytes = ANNULUS_LOAD_(c->all_bytes);
	if (r->geometry.topology == ANNULUS_TOPOLOGY_MPSC)
		rc = annulus_open_lanes_(c);
	else if (!e->slot_stride && e->pos & 7)
		rc = annulus_poison_(e, c->detail, "odd position", e->pos);
	if (rc) {
		annulus_leave_(e);
		return rc;
	}
	__atomic_fetch_and(&e->mine.arm->arm, ~ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
	if (e->form != ANNULUS_TICKETS_)
		annulus_announce_(e);
	return ANNULUS_OK;
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
	if (e->form == ANNULUS_TICKETS_ && (annulus_alive_(e->ring, ANNULUS_CONSUMER, e->mine.lock, &others) != ANNULUS_OK || others)) {
		__atomic_fetch_and(&e->mine.arm->arm, ~ANNULUS_ARM_CLOSED, __ATOMIC_SEQ_CST);
		return 0;
	}
	return 1;
}

/* annulus_consumer_detach ends this consumer: the sends of a live producer fail
 * with ANNULUS_CLOSED; what was not released stays in the ring. In an MPMC ring sends
 * fail if it was the last, and what it peeked and did not release is dropped, or
 * goes to another consumer, as if it had died. */
static inline int annulus_consumer_detach(struct annulus_consumer *c)
{
	struct annulus_end_ *e = &c->e;
	if (e->ring == NULL)
		return ANNULUS_INVALID;
	if (e->failed != ANNULUS_LOST) {
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
	return ANNULUS_OK;
}

/* annulus_consumer_cancel lets a waiting call, and every later one, return
 * ANNULUS_CANCELLED. Any thread or signal handler, while attached. */
static inline void annulus_consumer_cancel(struct annulus_consumer *c) { annulus_cancel_(&c->e); }

#endif
