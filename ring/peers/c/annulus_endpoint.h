/* What a producer and a consumer have in common: a role, a place in the ring, a
 * peer to wake, a gate to wait at. Included by annulus.h. */
#ifndef ANNULUS_ENDPOINT_H
#define ANNULUS_ENDPOINT_H

/* Never equal to an arm word, which has its VALID bit. */
#define ANNULUS_NEVER_QUIET_ UINT64_C(1)

/* How messages are claimed and published. */
enum annulus_form_kind_ { ANNULUS_RECORDS_, ANNULUS_SLOTS_, ANNULUS_TICKETS_, ANNULUS_GRANULES_, ANNULUS_CAST_ };

/* What an endpoint whose places are drawn has beside: see annulus_ticket.h. */
struct annulus_claim_ {
	uint64_t *counter;     /* this side's tickets: tail or head */
	const uint64_t *other; /* the other side's */
	uint64_t payload;      /* its offset in a slot */
	int length;            /* slots hold a length */
	int stale;             /* the intent names tickets that were not drawn */
	uint64_t held;         /* first ticket held */
	uint64_t claimed;      /* tickets held from there */
	uint64_t *watch;       /* the word that the last try failed at */
	uint64_t seen;         /* what it was */
	uint64_t at;           /* its ticket */
	unsigned vain;         /* tries that failed there */
};

struct annulus_end_ {
	uint8_t *data;
	uint64_t mask;        /* capacity - 1 */
	uint64_t pos;         /* position of the next record or slot */
	const uint64_t *arm;  /* the peer's arm word */
	uint64_t quiet;       /* its last value that asked for nothing */
	uint64_t size, max;
	uint64_t slot_stride; /* 0: kind bytes */
	unsigned slot_bits;   /* capacity is 1 << slot_bits */
	enum annulus_form_kind_ form;
	int exact;            /* every message has max bytes */
	int several;          /* a wait is for any of several words */
	unsigned step;        /* pauses between two looks of a wait; 0: one */
	int fenced;           /* no membarrier here */
	int failed;           /* CORRUPT or LOST, for good */
	int cancelled;

	struct annulus *ring;
	struct annulus_side_ mine, peer;
	struct annulus_gate_ wake;  /* the peer sleeps here */
	struct annulus_gate_ sleep; /* this side sleeps here */
	enum annulus_strategy strategy;
	unsigned idle; /* sleeps of this wait */
	struct annulus_claim_ claim;
	struct annulus_member own_line; /* of a consumer without a place in the ring */
	struct annulus_holder own_holder;
};

/* annulus_start_time_ is field 22 of /proc/self/stat; the name before it may
 * hold blanks and brackets. */
static inline uint64_t annulus_start_time_(void)
{
	char b[1024];
	FILE *f = fopen("/proc/self/stat", "re");
	if (!f)
		return 0;
	size_t n = fread(b, 1, sizeof(b) - 1, f);
	fclose(f);
	b[n] = 0;
	char *p = strrchr(b, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

/* annulus_take_role_ takes the lock byte of a role that one has at a time. */
static inline int annulus_take_role_(struct annulus *r, struct annulus_side_ *s, const char *who, char *detail)
{
	uint64_t pid = ANNULUS_LOAD_(&s->endpoint->pid);
	for (uint64_t i = 0; annulus_many_(r, s->role) && i < r->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		if (ANNULUS_LOAD_(&m.holder->role) == annulus_number_(s->role) && ANNULUS_LOAD_(&m.holder->state) != 0)
			pid = ANNULUS_LOAD_(&m.holder->pid);
	}
	int err = annulus_lock_(r, s->lock);
	if (err == EALREADY)
		return annulus_fail_(detail, ANNULUS_ATTACHED, "this handle has a %s already", who);
	if (err == EAGAIN)
		return annulus_fail_(detail, ANNULUS_ATTACHED, "a %s is attached (pid %llu); wait until it closes or dies", who,
				     (unsigned long long)pid);
	return err ? annulus_fail_(detail, ANNULUS_SYSTEM, "lock the %s role: %s", who, strerror(err)) : ANNULUS_OK;
}

/* annulus_enter_lane_ makes lane i the place where an endpoint of an MPSC ring works. */
static inline void annulus_enter_lane_(struct annulus_end_ *e, uint64_t i)
{
	const struct annulus_geometry *g = &e->ring->geometry;
	struct annulus_cursor *producer = (struct annulus_cursor *)(void *)(e->ring->base + g->lane_producers + i * g->stride);
	struct annulus_cursor *consumer = (struct annulus_cursor *)(void *)(e->ring->base + g->lane_consumers + i * g->stride);
	e->data = e->ring->base + g->data_area + i * g->lane_stride;
	e->mine.cursor = e->mine.role == ANNULUS_PRODUCER ? producer : consumer;
	e->peer.cursor = e->mine.role == ANNULUS_PRODUCER ? consumer : producer;
}

/* annulus_attach_ takes a role. The caller finds out where to go on from. */
static inline int annulus_attach_(struct annulus_end_ *e, struct annulus *r, enum annulus_role role,
				  enum annulus_strategy strategy, uint64_t tag, struct annulus_refused_ *refused, char *detail)
{
	const char *who = role == ANNULUS_PRODUCER ? "producer" : "consumer";
	memset(e, 0, sizeof(*e));
	detail[0] = 0;
	if (r->base == NULL || strategy > ANNULUS_SEMAPHORE)
		return annulus_fail_(detail, ANNULUS_INVALID, "the ring is not open, or the strategy unknown");
	int observes = role == ANNULUS_CONSUMER && annulus_observers_(r);
	if (r->readonly && !observes)
		return annulus_fail_(detail, ANNULUS_PERMISSION, "the ring was opened read-only, a %s writes", who);
	e->mine = annulus_side_at_(r, role);
	e->peer = annulus_side_at_(r, role == ANNULUS_PRODUCER ? ANNULUS_CONSUMER : ANNULUS_PRODUCER);
	if (r->geometry.members && strategy == ANNULUS_SEMAPHORE)
		return annulus_fail_(detail, ANNULUS_INVALID, "the endpoints of a ring of many sleep on futexes or spin, not on semaphores");
#ifndef __GLIBC__
	if (strategy == ANNULUS_SEMAPHORE)
		return annulus_fail_(detail, ANNULUS_UNSUPPORTED, "the ring's semaphores are glibc's");
#endif
	int rc = ANNULUS_OK;
	if (r->readonly)
		rc = ANNULUS_ATTACHED;
	else if (!annulus_many_(r, role) || annulus_sole_(r, role))
		rc = annulus_take_role_(r, &e->mine, who, detail);
	if (rc == ANNULUS_OK && annulus_many_(r, role)) {
		rc = annulus_join_(r, &e->mine, tag, refused, detail);
		if (rc && annulus_sole_(r, role))
			annulus_unlock_(r, ANNULUS_LOCK_CONSUMER);
	}
	if (rc == ANNULUS_ATTACHED && observes) {
		e->mine.entry.line = &e->own_line;
		e->mine.entry.holder = &e->own_holder;
		e->mine.lock = ANNULUS_NOBODY_;
		rc = ANNULUS_OK;
	}
	if (rc)
		return rc;
	e->ring = r; /* only now: a detach after an attach that failed has nothing to give back */
	/* Only now: the counts are the entry's. */
	e->wake = annulus_gate_at_(r, &e->mine, &e->peer);
	e->sleep = annulus_gate_at_(r, &e->peer, &e->mine);
	const struct annulus_geometry *g = &r->geometry;
	e->data = r->base + g->data_area;
	if (g->topology == ANNULUS_TOPOLOGY_MPSC && role == ANNULUS_PRODUCER)
		annulus_enter_lane_(e, e->mine.entry.index);
	e->size = g->capacity;
	e->mask = g->capacity - 1;
	e->max = g->max_message;
	e->slot_stride = g->slot_stride;
	e->form = g->topology == ANNULUS_TOPOLOGY_MPMC ? ANNULUS_TICKETS_ : g->granules ? ANNULUS_GRANULES_ : g->topology == ANNULUS_TOPOLOGY_CAST ? ANNULUS_CAST_ : g->kind == ANNULUS_KIND_SLOTS ? ANNULUS_SLOTS_ : ANNULUS_RECORDS_;
	if (g->granules) {
		e->size = g->granules;
		e->mask = g->granules - 1;
	}
	e->claim.payload = g->slot_payload;
	e->claim.length = g->slot_payload == ANNULUS_SLOT_PAYLOAD_LENGTH;
	e->claim.counter = &e->mine.cursor->position;
	e->claim.other = &e->peer.cursor->position;
	e->exact = e->slot_stride && !e->claim.length;
	e->slot_bits = (unsigned)__builtin_ctzll(g->capacity);
	e->arm = &e->peer.arm->arm;
	e->quiet = ANNULUS_NEVER_QUIET_;
	e->fenced = !annulus_register_();
	e->strategy = strategy;
	/* Each look takes the line away from the consumer, who stores to it for every message. */
	if (role == ANNULUS_PRODUCER && e->form <= ANNULUS_SLOTS_)
		e->step = (unsigned)annulus_min_(annulus_max_(e->size * annulus_max_(e->slot_stride, 1) / 4096, 1), 64);
	return ANNULUS_OK;
}

/* annulus_announce_ begins a session. Of many, the entry speaks for the
 * endpoint, and its state comes before the session: see annulus_producer_detach. */
static inline void annulus_announce_(struct annulus_end_ *e)
{
	struct annulus_endpoint *p = e->mine.endpoint;
	struct annulus_holder *h = e->mine.entry.holder;
	ANNULUS_STORE_(h ? &h->pid : &p->pid, (uint64_t)getpid());
	ANNULUS_STORE_(h ? &h->start_time : &p->start_time, annulus_start_time_());
	ANNULUS_STORE_(h ? &h->attached : &p->attached, annulus_clock_(CLOCK_REALTIME));
	if (h)
		ANNULUS_STORE_(&h->role, annulus_number_(e->mine.role));
	ANNULUS_STORE_(h ? &h->state : &p->state, (uint32_t)ANNULUS_STATE_ATTACHED);
	if (!e->ring->readonly)
		__atomic_fetch_add(&p->session, 1, __ATOMIC_SEQ_CST); /* [L1] pairs with the load in annulus_find_lanes_ */
}

/* annulus_leave_ gives the role back. */
static inline void annulus_leave_(struct annulus_end_ *e)
{
	struct annulus_holder *h = e->mine.entry.holder;
	ANNULUS_STORE_(h ? &h->state : &e->mine.endpoint->state, 0u);
	if (e->mine.lock != ANNULUS_NOBODY_)
		annulus_unlock_(e->ring, e->mine.lock);
	if (annulus_sole_(e->ring, e->mine.role))
		annulus_unlock_(e->ring, ANNULUS_LOCK_CONSUMER);
	e->quiet = ANNULUS_NEVER_QUIET_; /* no short way any more */
	e->ring = NULL;
}

/* annulus_slot_word_ is the word of the committed slot at a position. */
static inline uint64_t annulus_slot_word_(const struct annulus_end_ *e, uint64_t pos)
{
	return pos >> e->slot_bits << ANNULUS_SLOT_LAP_SHIFT | ANNULUS_SLOT_COMMITTED;
}

/* annulus_word_ is the word of the record or slot at a position. */
static inline uint64_t *annulus_word_(const struct annulus_end_ *e, uint64_t pos)
{
	uint64_t i = pos & e->mask;
	return (uint64_t *)(void *)(e->data + (e->slot_stride ? i * e->slot_stride : i));
}

/* annulus_need_ is what a message of n bytes adds to the position. */
static inline uint64_t annulus_need_(const struct annulus_end_ *e, uint64_t n)
{
	return e->slot_stride ? 1 : ANNULUS_WORD_SIZE + annulus_align_(n, ANNULUS_WORD_SIZE);
}

/* annulus_latch_ makes every later operation fail with rc: none takes the short way. */
static inline int annulus_latch_(struct annulus_end_ *e, int rc)
{
	e->quiet = ANNULUS_NEVER_QUIET_;
	return e->failed = rc;
}

/* annulus_poison_ latches ANNULUS_CORRUPT and says why. */
static inline int annulus_poison_(struct annulus_end_ *e, char *detail, const char *what, uint64_t value)
{
	annulus_latch_(e, ANNULUS_CORRUPT);
	return annulus_fail_(detail, ANNULUS_CORRUPT, "%s %#llx at position %llu", what, (unsigned long long)value,
			     (unsigned long long)e->pos);
}

/* annulus_signal_ is the slow half of the look at the peer's arm word after a
 * publish. With now 0 a sleeper is left asleep, to be looked at again. */
static inline void annulus_signal_(struct annulus_end_ *e, int now)
{
	uint64_t w = ANNULUS_LOAD_(e->arm);
	int fence = e->fenced || w & ANNULUS_ARM_FENCE;
	if (fence) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		w = ANNULUS_LOAD_(e->arm);
	}
	if (!(w & ANNULUS_ARM_VALID))
		return; /* the next operation finds out */
	if (!now && (uint32_t)w == ANNULUS_LOAD_(e->wake.seq))
		return;
	annulus_wake_(&e->wake, w);
	e->quiet = fence || w & ANNULUS_ARM_CLOSED ? ANNULUS_NEVER_QUIET_ : w;
}

#endif
