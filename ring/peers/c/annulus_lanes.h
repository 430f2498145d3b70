/* The consumer of an MPSC ring: it works in one lane at a time, as the consumer of an
 * SPSC ring does, and goes on to the next one that has something when the lane at hand
 * is empty or its turn is over. Section 10 of docs/spec/layout-v1.md. Included by
 * annulus.h. */
#ifndef ANNULUS_LANES_H
#define ANNULUS_LANES_H

enum { ANNULUS_TURN_ = 64 }; /* messages from a lane while others have some */

static inline void annulus_save_lane_(struct annulus_consumer *c)
{
	struct annulus_lane_ *a = &c->lanes.all[c->lanes.at];
	a->pos = c->e.pos;
	a->messages = c->messages;
	a->bytes = c->bytes;
}

/* annulus_to_lane_ takes lane i at hand, once the one before is saved. */
static inline void annulus_to_lane_(struct annulus_consumer *c, uint64_t i)
{
	struct annulus_lane_ *a = &c->lanes.all[i];
	annulus_enter_lane_(&c->e, i);
	c->lanes.at = i;
	c->lanes.turn = 0;
	c->e.pos = a->pos;
	c->messages = a->messages;
	c->bytes = a->bytes;
}

/* annulus_open_lanes_ readies a consumer for all lanes. One whose head makes no sense is
 * given up; the first receive says so. */
static inline int annulus_open_lanes_(struct annulus_consumer *c)
{
	struct annulus_lanes_ *l = &c->lanes;
	const struct annulus_geometry *g = &c->e.ring->geometry;
	l->count = g->members;
	l->all = (struct annulus_lane_ *)calloc(l->count, sizeof(*l->all));
	if (l->all == NULL)
		return annulus_fail_(c->detail, ANNULUS_SYSTEM, "no memory for %llu lanes", (unsigned long long)l->count);
	c->e.several = 1;
	for (uint64_t i = l->count; i-- > 0;) {
		struct annulus_lane_ *a = &l->all[i];
		annulus_enter_lane_(&c->e, i);
		a->pos = a->released = a->owed = ANNULUS_LOAD_(&c->e.mine.cursor->position);
		a->messages = ANNULUS_LOAD_(&c->e.mine.cursor->messages);
		a->bytes = ANNULUS_LOAD_(&c->e.mine.cursor->bytes);
		a->dead = !c->e.slot_stride && a->pos & 7;
		l->broken |= a->dead;
	}
	annulus_to_lane_(c, 0);
	return ANNULUS_OK;
}

/* annulus_find_lanes_ finds out which lanes were ever held. A producer adds to the
 * session after it has taken its lane and before it sends anything. */
static inline void annulus_find_lanes_(struct annulus_consumer *c)
{
	struct annulus_lanes_ *l = &c->lanes;
	uint32_t session = ANNULUS_LOAD_(&c->e.peer.endpoint->session); /* [L1] */
	if (session == l->session)
		return;
	l->session = session;
	for (uint64_t i = l->active; i < l->count; i++)
		if (ANNULUS_LOAD_(&annulus_entry_at_(c->e.ring, i).holder->role) != 0)
			l->active = i + 1;
}

/* annulus_lane_word_ is where the next message of lane i will show. */
static inline const uint64_t *annulus_lane_word_(struct annulus_consumer *c, uint64_t i)
{
	const struct annulus_geometry *g = &c->e.ring->geometry;
	uint64_t pos = i == c->lanes.at ? c->e.pos : c->lanes.all[i].pos, at = pos & c->e.mask;
	return (const uint64_t *)(const void *)(c->e.ring->base + g->data_area + i * g->lane_stride + (g->slot_stride ? at * g->slot_stride : at));
}

/* annulus_lane_has_ tells whether lane i has something, and what its word was. */
static inline int annulus_lane_has_(struct annulus_consumer *c, uint64_t i, uint64_t *w)
{
	uint64_t pos = i == c->lanes.at ? c->e.pos : c->lanes.all[i].pos;
	*w = ANNULUS_LOAD_(annulus_lane_word_(c, i)); /* [P1] */
	if (c->lanes.all[i].dead)
		return 0;
	return c->e.slot_stride ? *w == annulus_slot_word_(&c->e, pos) : *w != 0;
}

/* annulus_any_lane_ looks at all lanes, those of new producers included. */
static inline int annulus_any_lane_(struct annulus_consumer *c)
{
	uint64_t w;
	annulus_find_lanes_(c);
	for (uint64_t i = 0; i < c->lanes.active; i++)
		if (annulus_lane_has_(c, i, &w))
			return 1;
	return 0;
}

/* annulus_give_up_ ends the lane at hand, which holds what no correct producer writes:
 * it is not looked at again, the others go on. */
static inline int annulus_give_up_(struct annulus_consumer *c)
{
	char found[ANNULUS_DETAIL];
	c->lanes.all[c->lanes.at].dead = 1;
	c->e.failed = ANNULUS_OK;
	memcpy(found, c->detail, sizeof(found));
	return annulus_fail_(c->detail, ANNULUS_CORRUPT, "lane %llu is given up: %.100s", (unsigned long long)c->lanes.at, found);
}

static inline int annulus_next_here_(struct annulus_consumer *c, size_t *n); /* annulus_recv.h */
static inline int annulus_nothing_(struct annulus_consumer *c, uint64_t w);

/* annulus_next_in_lanes_ finds the next message of any lane, and its length. */
static inline int annulus_next_in_lanes_(struct annulus_consumer *c, size_t *n)
{
	struct annulus_lanes_ *l = &c->lanes;
	uint64_t first = l->at, w;
	int rc, looked = first < l->active && l->turn < ANNULUS_TURN_ && !l->all[first].dead;
	if (l->broken) {
		l->broken = 0;
		return annulus_fail_(c->detail, ANNULUS_CORRUPT, "the consumer's position in some lane is not a multiple of 8: it is given up");
	}
	if (looked) {
		if ((rc = annulus_next_here_(c, n)) != ANNULUS_EMPTY)
			return rc == ANNULUS_CORRUPT ? annulus_give_up_(c) : rc;
	}
	annulus_find_lanes_(c);
	for (uint64_t k = looked || l->turn ? 1 : 0; k <= l->active && l->active; k++) { /* the last is the one at hand */
		uint64_t i = (first + k) % l->active;
		if (!annulus_lane_has_(c, i, &w))
			continue;
		annulus_save_lane_(c);
		annulus_to_lane_(c, i);
		if ((rc = annulus_next_here_(c, n)) != ANNULUS_EMPTY)
			return rc == ANNULUS_CORRUPT ? annulus_give_up_(c) : rc;
	}
	return annulus_nothing_(c, 0);
}

/* annulus_release_lanes_ gives back what was handed out of all lanes, and tells whether
 * it is worth a wake. */
static inline int annulus_release_lanes_(struct annulus_consumer *c)
{
	struct annulus_lanes_ *l = &c->lanes;
	const struct annulus_geometry *g = &c->e.ring->geometry;
	int now = 0;
	annulus_save_lane_(c);
	for (uint64_t i = 0; i < l->active; i++) {
		struct annulus_lane_ *a = &l->all[i];
		if (a->pos == a->released)
			continue;
		struct annulus_cursor *cursor = (struct annulus_cursor *)(void *)(c->e.ring->base + g->lane_consumers + i * g->stride);
		ANNULUS_STORE_(&cursor->messages, a->messages);
		ANNULUS_STORE_(&cursor->bytes, a->bytes);
		ANNULUS_STORE_(&cursor->position, a->pos); /* [C1] */
		a->released = a->pos;
		now |= a->pos - a->owed >= c->quarter;
	}
	return now;
}

/* annulus_owes_ tells whether producers were not told of all the space there is in their
 * lanes, and takes it that they are now. */
static inline int annulus_owes_(struct annulus_consumer *c)
{
	int owes = 0;
	for (uint64_t i = 0; i < c->lanes.active; i++) {
		struct annulus_lane_ *a = &c->lanes.all[i];
		owes |= a->owed != a->released;
		a->owed = a->released;
	}
	return owes;
}

/* annulus_wait_lanes_ is one step of a wait for a message in any lane. */
static inline int annulus_wait_lanes_(struct annulus_consumer *c, struct annulus_wait_ *w)
{
	static const uint64_t never = 0;
	struct annulus_lanes_ *l = &c->lanes;
	uint64_t old, i;
	if (l->active == 0)
		return annulus_pause_(&c->e, w, &never, 0);
	i = l->watched++ % l->active;
	if (annulus_lane_has_(c, i, &old))
		return ANNULUS_OK;
	return annulus_pause_(&c->e, w, annulus_lane_word_(c, i), old);
}

#endif
