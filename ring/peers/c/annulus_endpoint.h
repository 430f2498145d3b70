/* What a producer and a consumer have in common: a role, a place in the ring, a
 * peer to wake, a gate to wait at. Included by annulus.h. */
#ifndef ANNULUS_ENDPOINT_H
#define ANNULUS_ENDPOINT_H

/* Never equal to an arm word, which has its VALID bit. */
#define ANNULUS_NEVER_QUIET_ UINT64_C(1)

struct annulus_side_ {
	enum annulus_role role;
	struct annulus_cursor *cursor;
	struct annulus_seq *seq;
	struct annulus_arm *arm;
	struct annulus_endpoint *endpoint;
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
	int fenced;           /* no membarrier here */
	int failed;           /* CORRUPT or LOST, for good */
	int cancelled;

	struct annulus *ring;
	struct annulus_side_ mine, peer;
	struct annulus_gate_ wake;  /* the peer sleeps here */
	struct annulus_gate_ sleep; /* this side sleeps here */
	enum annulus_strategy strategy;
};

/* A wait in progress. */
struct annulus_wait_ {
	uint64_t deadline; /* on CLOCK_MONOTONIC, UINT64_MAX: none */
	uint64_t slice;
	unsigned spun, slept;
	int prepared; /* the next pause sleeps */
	int armed;    /* a sleep was announced */
	uint32_t epoch;
};

enum {
	ANNULUS_SPINS_ = 200,        /* looks before a sleep */
	ANNULUS_SPIN_CHUNK_ = 1000,  /* looks before a look at the clock */
};
#define ANNULUS_FIRST_SLICE_ UINT64_C(1000000) /* ns of the first sleep of a wait */
#define ANNULUS_SLICE_ UINT64_C(50000000)      /* bounds one sleep: a peer may be killed before it wakes us */

static inline struct annulus_side_ annulus_side_at_(struct annulus *r, enum annulus_role role)
{
	struct annulus_side_ s;
	const struct annulus_geometry *g = &r->geometry;
	uint8_t *area = r->base + (role == ANNULUS_PRODUCER ? g->producer_area : g->consumer_area);
	s.role = role;
	s.cursor = (struct annulus_cursor *)(void *)(area + ANNULUS_LINE_CURSOR * g->stride);
	s.seq = (struct annulus_seq *)(void *)(area + ANNULUS_LINE_SEQ * g->stride);
	s.arm = (struct annulus_arm *)(void *)(area + ANNULUS_LINE_ARM * g->stride);
	s.endpoint = (struct annulus_endpoint *)(void *)(area + ANNULUS_LINE_ENDPOINT * g->stride);
	return s;
}

/* annulus_gate_at_ is the gate whose waker and sleeper are these sides. */
static inline struct annulus_gate_ annulus_gate_at_(struct annulus *r, struct annulus_side_ *waker, struct annulus_side_ *sleeper)
{
	struct annulus_gate_ g;
	uint64_t line = sleeper->role == ANNULUS_CONSUMER ? ANNULUS_LINE_SEM_DATA : ANNULUS_LINE_SEM_SPACE;
	g.seq = &waker->seq->seq;
	g.wakes = &waker->seq->wakes;
	g.arm = sleeper->arm;
	g.sem = r->base + r->geometry.shared_area + line * r->geometry.stride;
	return g;
}

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

/* annulus_attach_ takes a role. The caller finds out where to go on from. */
static inline int annulus_attach_(struct annulus_end_ *e, struct annulus *r, enum annulus_role role,
				  enum annulus_strategy strategy, char *detail)
{
	const char *who = role == ANNULUS_PRODUCER ? "producer" : "consumer";
	struct flock l;
	memset(e, 0, sizeof(*e));
	detail[0] = 0;
	if (r->base == NULL || strategy > ANNULUS_SEMAPHORE)
		return annulus_fail_(detail, ANNULUS_INVALID, "the ring is not open, or the strategy unknown");
	if (r->readonly)
		return annulus_fail_(detail, ANNULUS_PERMISSION, "the ring was opened read-only, a %s writes", who);
	e->ring = r;
	e->mine = annulus_side_at_(r, role);
	e->peer = annulus_side_at_(r, role == ANNULUS_PRODUCER ? ANNULUS_CONSUMER : ANNULUS_PRODUCER);
	e->wake = annulus_gate_at_(r, &e->mine, &e->peer);
	e->sleep = annulus_gate_at_(r, &e->peer, &e->mine);
#ifndef __GLIBC__
	if (strategy == ANNULUS_SEMAPHORE)
		return annulus_fail_(detail, ANNULUS_UNSUPPORTED, "the ring's semaphores are glibc's");
#endif
	if (__atomic_fetch_or(&r->held, 1u << role, __ATOMIC_ACQ_REL) >> role & 1)
		return annulus_fail_(detail, ANNULUS_ATTACHED, "this handle has a %s already", who);
	if (annulus_flock_(r, F_OFD_SETLK, F_WRLCK, role, &l) != 0) {
		int err = errno;
		__atomic_fetch_and(&r->held, ~(1u << role), __ATOMIC_ACQ_REL);
		if (err == EAGAIN || err == EACCES)
			return annulus_fail_(detail, ANNULUS_ATTACHED, "a %s is attached (pid %llu); wait until it closes or dies",
					     who, (unsigned long long)ANNULUS_LOAD_(&e->mine.endpoint->pid));
		return annulus_fail_(detail, ANNULUS_SYSTEM, "lock the %s role: %s", who, strerror(err));
	}
	const struct annulus_geometry *g = &r->geometry;
	e->data = r->base + g->data_area;
	e->size = g->capacity;
	e->mask = g->capacity - 1;
	e->max = g->max_message;
	e->slot_stride = g->slot_stride;
	e->slot_bits = (unsigned)__builtin_ctzll(g->capacity);
	e->arm = &e->peer.arm->arm;
	e->quiet = ANNULUS_NEVER_QUIET_;
	e->fenced = !annulus_register_();
	e->strategy = strategy;
	return ANNULUS_OK;
}

/* annulus_announce_ begins a session. */
static inline void annulus_announce_(struct annulus_end_ *e)
{
	struct annulus_endpoint *p = e->mine.endpoint;
	ANNULUS_STORE_(&p->pid, (uint64_t)getpid());
	ANNULUS_STORE_(&p->start_time, annulus_start_time_());
	ANNULUS_STORE_(&p->attached, annulus_clock_(CLOCK_REALTIME));
	ANNULUS_STORE_(&p->state, 1u);
	__atomic_fetch_add(&p->session, 1, __ATOMIC_SEQ_CST);
}

/* annulus_leave_ gives the role back. */
static inline void annulus_leave_(struct annulus_end_ *e)
{
	struct flock l;
	ANNULUS_STORE_(&e->mine.endpoint->state, 0u);
	annulus_flock_(e->ring, F_OFD_SETLK, F_UNLCK, e->mine.role, &l);
	__atomic_fetch_and(&e->ring->held, ~(1u << e->mine.role), __ATOMIC_ACQ_REL);
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

/* annulus_poison_ makes every later operation fail. */
static inline int annulus_poison_(struct annulus_end_ *e, char *detail, const char *what, uint64_t value)
{
	e->failed = ANNULUS_CORRUPT;
	e->quiet = ANNULUS_NEVER_QUIET_;
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

/* annulus_forlorn_ finds out, after sleeps in vain, whether anybody can come. */
static inline int annulus_forlorn_(struct annulus_end_ *e)
{
	struct stat st;
	int attached = 1;
	if (fstat(e->ring->fd, &st) != 0)
		return ANNULUS_OK;
	if ((uint64_t)st.st_size < e->ring->geometry.total_size)
		return e->failed = ANNULUS_LOST;
	if (!e->ring->named || st.st_nlink > 0)
		return ANNULUS_OK;
	if (annulus_attached(e->ring, e->peer.role, &attached) != ANNULUS_OK || attached)
		return ANNULUS_OK;
	return ANNULUS_REMOVED;
}

static inline void annulus_begin_(struct annulus_wait_ *w, int timeout_ms)
{
	memset(w, 0, sizeof(*w));
	w->deadline = UINT64_MAX;
	if (timeout_ms >= 0)
		w->deadline = annulus_clock_(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * 1000000;
}

/* annulus_pause_ waits a little for *word to differ from old. The caller tries
 * again when it returns OK. */
static inline int annulus_pause_(struct annulus_end_ *e, struct annulus_wait_ *w, const uint64_t *word, uint64_t old)
{
	unsigned chunk = e->strategy == ANNULUS_SPIN ? ANNULUS_SPIN_CHUNK_ : ANNULUS_SPINS_;
	if (__atomic_load_n(&e->cancelled, __ATOMIC_ACQUIRE))
		return ANNULUS_CANCELLED;
	if (e->strategy == ANNULUS_SPIN || w->spun < chunk) {
		for (unsigned i = 0; i < chunk; i++, w->spun++) {
			if (ANNULUS_LOAD_(word) != old)
				return ANNULUS_OK;
			annulus_cpu_pause_();
		}
		if (e->strategy == ANNULUS_SPIN)
			sched_yield(); /* the peer may be waiting for this processor */
		return annulus_clock_(CLOCK_MONOTONIC) < w->deadline ? ANNULUS_OK : ANNULUS_TIMEOUT;
	}
	uint64_t now = annulus_clock_(CLOCK_MONOTONIC);
	if (now >= w->deadline)
		return ANNULUS_TIMEOUT;
	if (!w->prepared) {
		w->epoch = annulus_prepare_(&e->sleep, e->strategy);
		w->prepared = w->armed = 1;
		return ANNULUS_OK; /* to look once more, now that the peer is told */
	}
	/* Short sleeps at first find what is not worth a wake to the peer. */
	w->slice = w->slice ? annulus_min_(2 * w->slice, ANNULUS_SLICE_) : ANNULUS_FIRST_SLICE_;
	w->prepared = 0;
	int rc = annulus_sleep_(&e->sleep, e->strategy, w->epoch, annulus_min_(w->slice, w->deadline - now));
	if (rc == ANNULUS_OK && ++w->slept % 4 == 0)
		rc = annulus_forlorn_(e);
	return rc;
}

static inline void annulus_done_(struct annulus_end_ *e, struct annulus_wait_ *w)
{
	if (w->armed)
		annulus_disarm_(&e->sleep);
}

static inline void annulus_cancel_(struct annulus_end_ *e)
{
	__atomic_store_n(&e->cancelled, 1, __ATOMIC_SEQ_CST);
	annulus_interrupt_(&e->sleep);
}

#endif
