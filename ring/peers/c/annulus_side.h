/* The control words: the two sides of a ring, the gates between them, and the
 * entries of the endpoint table. Sections 3, 6 and 8 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_SIDE_H
#define ANNULUS_SIDE_H

#define ANNULUS_NOBODY_ UINT64_MAX /* no lock byte */

enum annulus_role { ANNULUS_PRODUCER = 0, ANNULUS_CONSUMER = 1 };

/* An entry of the endpoint table: the place of one producer or consumer. */
struct annulus_entry_ {
	uint64_t index;
	struct annulus_member *line;
	struct annulus_holder *holder;
	uint64_t lock;
	int named; /* its tag came with this endpoint, not with one before */
};

struct annulus_side_ {
	enum annulus_role role;
	uint64_t lock; /* the role's, or the entry's */
	struct annulus_cursor *cursor;
	struct annulus_seq *seq;
	struct annulus_arm *arm;
	struct annulus_endpoint *endpoint;
	struct annulus_entry_ entry; /* of an attached endpoint of which there may be many */
};

static inline struct annulus_side_ annulus_side_at_(struct annulus *r, enum annulus_role role)
{
	struct annulus_side_ s;
	const struct annulus_geometry *g = &r->geometry;
	uint8_t *area = r->base + (role == ANNULUS_PRODUCER ? g->producer_area : g->consumer_area);
	memset(&s, 0, sizeof(s));
	s.role = role;
	s.lock = role == ANNULUS_PRODUCER ? ANNULUS_LOCK_PRODUCER : ANNULUS_LOCK_CONSUMER;
	s.cursor = (struct annulus_cursor *)(void *)(area + ANNULUS_LINE_CURSOR * g->stride);
	s.seq = (struct annulus_seq *)(void *)(area + ANNULUS_LINE_SEQ * g->stride);
	s.arm = (struct annulus_arm *)(void *)(area + ANNULUS_LINE_ARM * g->stride);
	s.endpoint = (struct annulus_endpoint *)(void *)(area + ANNULUS_LINE_ENDPOINT * g->stride);
	return s;
}

/* annulus_entry_at_ is entry i of the endpoint table. */
static inline struct annulus_entry_ annulus_entry_at_(struct annulus *r, uint64_t i)
{
	struct annulus_entry_ m;
	const struct annulus_geometry *g = &r->geometry;
	uint8_t *lines = r->base + g->endpoint_table + i * ANNULUS_MEMBER_LINES * g->stride;
	memset(&m, 0, sizeof(m));
	m.index = i;
	m.line = (struct annulus_member *)(void *)(lines + ANNULUS_LINE_MEMBER * g->stride);
	m.holder = (struct annulus_holder *)(void *)(lines + ANNULUS_LINE_HOLDER * g->stride);
	m.lock = ANNULUS_LOCK_MEMBER + i;
	return m;
}

/* annulus_number_ is a role as entries name it. */
static inline uint32_t annulus_number_(enum annulus_role role)
{
	return role == ANNULUS_PRODUCER ? ANNULUS_ROLE_PRODUCER : ANNULUS_ROLE_CONSUMER;
}

/* annulus_many_ tells whether the endpoints of a role take entries of the endpoint
 * table, be it that there is one at a time. */
static inline int annulus_many_(const struct annulus *r, enum annulus_role role)
{
	switch (r->geometry.topology) {
	case ANNULUS_TOPOLOGY_SPSC: return 0;
	case ANNULUS_TOPOLOGY_MPSC: return role == ANNULUS_PRODUCER;
	case ANNULUS_TOPOLOGY_CAST: return role == ANNULUS_CONSUMER;
	}
	return 1;
}

/* annulus_sole_ tells whether there is one endpoint of a role at a time although they take
 * entries: it holds the role's lock byte beside that of its entry. */
static inline int annulus_sole_(const struct annulus *r, enum annulus_role role)
{
	return r->geometry.topology == ANNULUS_TOPOLOGY_MPSC_ORDERED && role == ANNULUS_CONSUMER;
}

/* annulus_observers_ tells whether the consumers of a ring need no place in it: nobody
 * waits for them. */
static inline int annulus_observers_(const struct annulus *r)
{
	return r->geometry.topology == ANNULUS_TOPOLOGY_CAST && !(r->header.required & (ANNULUS_FEATURE_BLOCK | ANNULUS_FEATURE_DROP));
}

/* annulus_gate_at_ is the gate whose waker and sleeper are these sides. Of many,
 * who share it, each counts for itself. */
static inline struct annulus_gate_ annulus_gate_at_(struct annulus *r, struct annulus_side_ *waker, struct annulus_side_ *sleeper)
{
	struct annulus_gate_ g;
	uint64_t line = sleeper->role == ANNULUS_CONSUMER ? ANNULUS_LINE_SEM_DATA : ANNULUS_LINE_SEM_SPACE;
	g.seq = &waker->seq->seq;
	g.arm = &sleeper->arm->arm;
	g.wakes = &waker->seq->wakes;
	g.parks = &sleeper->arm->parks;
	g.bounds = &sleeper->arm->bounds;
	g.sem = r->base + r->geometry.shared_area + line * r->geometry.stride;
	g.shared = annulus_many_(r, sleeper->role);
	g.blind = r->readonly;
	if (annulus_many_(r, waker->role))
		g.wakes = waker->entry.holder ? &waker->entry.holder->wakes : NULL;
	if (g.shared) {
		g.parks = sleeper->entry.holder ? &sleeper->entry.holder->parks : NULL;
		g.bounds = NULL;
	}
	return g;
}


/* annulus_alive_ tells whether a live endpoint of a role is attached, other than
 * the one with lock byte but. Of many, one that is leaving does not count. */
static inline int annulus_alive_(struct annulus *r, enum annulus_role role, uint64_t but, int *alive)
{
	*alive = 0;
	if (!annulus_many_(r, role))
		return annulus_locked_(r, role == ANNULUS_PRODUCER ? ANNULUS_LOCK_PRODUCER : ANNULUS_LOCK_CONSUMER, alive);
	for (uint64_t i = 0; i < r->geometry.members; i++) {
		struct annulus_entry_ m = annulus_entry_at_(r, i);
		if (m.lock == but || ANNULUS_LOAD_(&m.holder->role) != annulus_number_(role) ||
		    ANNULUS_LOAD_(&m.holder->state) != ANNULUS_STATE_ATTACHED)
			continue;
		int rc = annulus_locked_(r, m.lock, alive);
		if (rc || *alive)
			return rc;
	}
	return ANNULUS_OK;
}

/* annulus_attached asks the kernel whether anybody holds a role: a killed
 * process does not, a stopped one does. */
static inline int annulus_attached(struct annulus *r, enum annulus_role role, int *attached)
{
	return annulus_alive_(r, role, ANNULUS_NOBODY_, attached);
}

#endif
