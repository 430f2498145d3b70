/* The writer of a cell or block. Section 9 of docs/spec/layout-v1.md, "Writing". Included
 * by annulus.h. */
#ifndef ANNULUS_CELL_WRITE_H
#define ANNULUS_CELL_WRITE_H

/* One at a time has the writer's role; it never waits. One thread at a time uses it. */
struct annulus_cell_writer {
	struct annulus_cell *cell;
	uint64_t odd; /* what state is while the next version is being written */
	struct annulus_gate_ wake;
	int fenced; /* no membarrier here */
	int open;   /* annulus_cell_begin was called */
	char detail[ANNULUS_DETAIL];
};

/* annulus_cell_writer_attach takes the writer's role: ANNULUS_ATTACHED while another writer
 * lives. After its death the new one goes on with the next version. */
static inline int annulus_cell_writer_attach(struct annulus_cell_writer *w, struct annulus_cell *c)
{
	memset(w, 0, sizeof(*w));
	if (c->region.base == NULL)
		return annulus_fail_(w->detail, ANNULUS_INVALID, "the cell is not open");
	if (c->region.readonly)
		return annulus_fail_(w->detail, ANNULUS_PERMISSION, "the cell was opened read-only, a writer writes");
	int err = annulus_lock_(&c->region, ANNULUS_CELL_LOCK_WRITER);
	if (err == EALREADY || err == EAGAIN)
		return annulus_fail_(w->detail, ANNULUS_ATTACHED, "a writer is attached (pid %llu); wait until it closes or dies",
				     (unsigned long long)ANNULUS_LOAD_(&c->owner->pid));
	if (err)
		return annulus_fail_(w->detail, ANNULUS_SYSTEM, "lock the writer's role: %s", strerror(err));
	w->cell = c;
	w->fenced = !annulus_register_();
	w->wake.seq = &c->seq->seq;
	w->wake.arm = &c->arm->arm;
	w->wake.wakes = &c->seq->wakes;
	/* Where a predecessor died in a write state is odd: its version is written again. */
	w->odd = ANNULUS_LOAD_(&c->state->state) | 1;
	ANNULUS_STORE_(&c->owner->pid, (uint64_t)getpid());
	ANNULUS_STORE_(&c->owner->start_time, annulus_start_time_());
	ANNULUS_STORE_(&c->owner->attached, annulus_clock_(CLOCK_REALTIME));
	ANNULUS_STORE_(&c->owner->state, (uint32_t)ANNULUS_STATE_ATTACHED);
	__atomic_fetch_add(&c->owner->session, 1, __ATOMIC_SEQ_CST);
	return ANNULUS_OK;
}

/* annulus_cell_version tells the version that was written last, by this writer or those
 * before it; 0: none. */
static inline uint64_t annulus_cell_version(const struct annulus_cell_writer *w) { return w->odd >> 1; }

static inline uint8_t *annulus_cell_copy_(const struct annulus_cell *c, uint64_t version)
{
	return c->data + (version & 1) * c->geometry.copy_stride;
}

/* annulus_cell_begin opens a reservation and sets *room to where the next version goes, in
 * shared memory, to be filled in place: the cell's size, of anything. */
static inline int annulus_cell_begin(struct annulus_cell_writer *w, void **room)
{
	if (w->cell == NULL)
		return ANNULUS_INVALID;
	if (w->open)
		return ANNULUS_RESERVED;
	if (!(ANNULUS_LOAD_(w->wake.arm) & ANNULUS_ARM_VALID))
		return annulus_fail_(w->detail, ANNULUS_LOST, "the readers' arm word has lost its valid bit");
	/* [S1] A full fence: the caller may fill it by any stores. */
	__atomic_store_n(&w->cell->state->state, w->odd, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	w->open = 1;
	*room = annulus_cell_copy_(w->cell, (w->odd + 1) >> 1);
	return ANNULUS_OK;
}

/* annulus_cell_fits_ looks whether n bytes are a version. */
static inline int annulus_cell_fits_(struct annulus_cell_writer *w, size_t n)
{
	const struct annulus_cell_geometry_ *g = &w->cell->geometry;
	int fixed = g->kind == ANNULUS_CELL_KIND_VALUE;
	if (fixed ? n == g->size : n <= g->size)
		return ANNULUS_OK;
	return annulus_fail_(w->detail, fixed ? ANNULUS_SIZE : ANNULUS_TOO_LARGE, "%zu bytes, the cell was made for %llu", n,
			     (unsigned long long)g->size);
}

/* annulus_cell_commit makes what was reserved the latest version: n bytes of a block, all of
 * a cell. */
static inline int annulus_cell_commit(struct annulus_cell_writer *w, size_t n)
{
	if (!w->open)
		return ANNULUS_NOT_RESERVED;
	struct annulus_cell *c = w->cell;
	int rc = annulus_cell_fits_(w, n);
	if (rc)
		return rc;
	uint64_t version = (w->odd + 1) >> 1;
	__atomic_store_n(version & 1 ? &c->state->length1 : &c->state->length0, c->geometry.kind == ANNULUS_CELL_KIND_BLOCK ? n : 0,
			 __ATOMIC_RELAXED);
	w->open = 0;
	ANNULUS_STORE_(&c->state->state, w->odd + 1); /* [S2] */
	w->odd += 2;
	annulus_published_();
	uint64_t arm = ANNULUS_LOAD_(w->wake.arm);
	if (w->fenced || arm & ANNULUS_ARM_FENCE) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		arm = ANNULUS_LOAD_(w->wake.arm);
	}
	if (arm & ANNULUS_ARM_VALID)
		annulus_wake_(&w->wake, arm);
	return ANNULUS_OK;
}

/* annulus_cell_abort gives a reservation up; readers stay with the version they have. */
static inline void annulus_cell_abort(struct annulus_cell_writer *w) { w->open = 0; }

/* annulus_cell_write makes a copy of n bytes the latest version. */
static inline int annulus_cell_write(struct annulus_cell_writer *w, const void *value, size_t n)
{
	void *room = NULL;
	int rc = w->cell ? annulus_cell_fits_(w, n) : ANNULUS_INVALID;
	if (rc == ANNULUS_OK)
		rc = annulus_cell_begin(w, &room);
	if (rc)
		return rc;
	if (n)
		memcpy(room, value, n);
	return annulus_cell_commit(w, n);
}

/* annulus_cell_writer_detach ends the session: the last version stays, readers that wait
 * get ANNULUS_END, the role is free. */
static inline int annulus_cell_writer_detach(struct annulus_cell_writer *w)
{
	struct annulus_cell *c = w->cell;
	if (c == NULL)
		return ANNULUS_INVALID;
	ANNULUS_STORE_(&c->owner->closed, ANNULUS_LOAD_(&c->owner->session)); /* [S4] */
	ANNULUS_STORE_(&c->owner->state, 0u);
	annulus_interrupt_(&w->wake);
	annulus_unlock_(&c->region, ANNULUS_CELL_LOCK_WRITER);
	w->cell = NULL;
	return ANNULUS_OK;
}

#endif
