/* Readers of a cell or block. Section 9 of docs/spec/layout-v1.md, "Reading". Included by
 * annulus.h. */
#ifndef ANNULUS_CELL_READ_H
#define ANNULUS_CELL_READ_H

/* Any number may read. One thread at a time uses a reader; it need not be closed. */
struct annulus_cell_reader {
	struct annulus_cell *cell;
	struct annulus_end_ e; /* for its waits */
	char detail[ANNULUS_DETAIL];
};

/* annulus_cell_reader_init readies a reader of an open cell or block, which waits by
 * ANNULUS_SPIN or ANNULUS_FUTEX. */
static inline int annulus_cell_reader_init(struct annulus_cell_reader *r, struct annulus_cell *c, enum annulus_strategy strategy)
{
	memset(r, 0, sizeof(*r));
	if (c->region.base == NULL || strategy > ANNULUS_FUTEX)
		return annulus_fail_(r->detail, ANNULUS_INVALID, "the cell is not open, or the strategy is neither spin nor futex");
	r->cell = c;
	r->e.ring = &c->region;
	r->e.peer.role = ANNULUS_PRODUCER;
	r->e.strategy = strategy;
	r->e.sleep.seq = &c->seq->seq;
	r->e.sleep.arm = &c->arm->arm;
	r->e.sleep.parks = c->region.readonly ? NULL : &c->arm->parks;
	r->e.sleep.bounds = c->region.readonly ? NULL : &c->arm->bounds;
	r->e.sleep.shared = 1;
	r->e.sleep.blind = c->region.readonly;
	return ANNULUS_OK;
}

/* annulus_cell_load copies the latest version to buf and sets *version to its number, *n to
 * its bytes: 0 and 0 when nothing was written yet. ANNULUS_TOO_SMALL if *n is greater than
 * size. It copies again while the writer overtakes it, and does not wait otherwise. */
static inline int annulus_cell_load(struct annulus_cell_reader *r, void *buf, size_t size, size_t *n, uint64_t *version)
{
	struct annulus_cell *c = r->cell;
	if (c == NULL)
		return ANNULUS_INVALID;
	const struct annulus_cell_geometry_ *g = &c->geometry;
	for (unsigned tried = 1;; tried++) {
		uint64_t s = ANNULUS_LOAD_(&c->state->state), length = g->size; /* [S2] */
		*version = s >> 1;
		*n = 0;
		if (*version == 0)
			return ANNULUS_LOAD_(&c->arm->arm) & ANNULUS_ARM_VALID
				? ANNULUS_OK : annulus_fail_(r->detail, ANNULUS_LOST, "the readers' arm word has lost its valid bit");
		if (g->kind == ANNULUS_CELL_KIND_BLOCK)
			length = __atomic_load_n(*version & 1 ? &c->state->length1 : &c->state->length0, __ATOMIC_RELAXED);
		if (length <= g->size && length <= size)
			annulus_copy_torn_((uint8_t *)buf, annulus_cell_copy_(c, *version), length);
		uint64_t behind = annulus_recheck_(&c->state->state) - 2 * *version; /* [S3] */
		if (behind <= 2) {
			*n = length;
			if (length > g->size)
				return annulus_fail_(r->detail, ANNULUS_CORRUPT, "a length of %llu bytes, at most %llu were expected",
						     (unsigned long long)length, (unsigned long long)g->size);
			return length <= size ? ANNULUS_OK
				: annulus_fail_(r->detail, ANNULUS_TOO_SMALL, "%zu bytes for a version of %llu", size, (unsigned long long)length);
		}
		if ((int64_t)behind < 0)
			return annulus_fail_(r->detail, ANNULUS_LOST, "its state went back from %#llx", (unsigned long long)s);
		if (tried % 64 == 0)
			sched_yield();
	}
}

/* annulus_cell_wait waits for a version beyond the one given, up to timeout_ms milliseconds,
 * -1 for ever, and loads it. ANNULUS_END: there is none, and the last writer has detached. */
static inline int annulus_cell_wait(struct annulus_cell_reader *r, uint64_t beyond, void *buf, size_t size, size_t *n, uint64_t *version,
				    int timeout_ms)
{
	struct annulus_cell *c = r->cell;
	struct annulus_wait_ w;
	int rc = ANNULUS_OK;
	if (c == NULL)
		return ANNULUS_INVALID;
	annulus_begin_(&w, timeout_ms);
	while (rc == ANNULUS_OK) {
		uint64_t s = ANNULUS_LOAD_(&c->state->state);
		if (s >> 1 <= beyond) {
			uint32_t closed = ANNULUS_LOAD_(&c->owner->closed); /* [S4] */
			if (closed != 0 && closed == ANNULUS_LOAD_(&c->owner->session)) {
				s = ANNULUS_LOAD_(&c->state->state); /* what was written before the close is visible now */
				if (s >> 1 <= beyond)
					rc = ANNULUS_END;
			}
		}
		if (s >> 1 > beyond) {
			rc = annulus_cell_load(r, buf, size, n, version);
			break;
		}
		if (rc == ANNULUS_OK)
			rc = annulus_pause_(&r->e, &w, &c->state->state, s);
	}
	annulus_done_(&r->e, &w);
	return rc;
}

/* annulus_cell_cancel lets a waiting call, and every later one, return ANNULUS_CANCELLED.
 * Any thread or signal handler. */
static inline void annulus_cell_cancel(struct annulus_cell_reader *r) { annulus_cancel_(&r->e); }

#endif
