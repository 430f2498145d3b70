/* How a blocking call waits: looks at first, then sleeps, each bounded. Included by
 * annulus.h. */
#ifndef ANNULUS_WAIT_H
#define ANNULUS_WAIT_H

/* A wait in progress. */
struct annulus_wait_ {
	uint64_t deadline; /* on CLOCK_MONOTONIC, UINT64_MAX: none */
	uint64_t slice;
	unsigned spun;
	int prepared; /* the next pause sleeps */
	int armed;    /* a sleep was announced */
	uint32_t epoch;
};

enum {
	ANNULUS_SPINS_ = 200,        /* looks before a sleep */
	ANNULUS_SPIN_CHUNK_ = 1000,  /* looks before a look at the clock */
	ANNULUS_SPIN_SEVERAL_ = 20,  /* looks at one of several words; divides both */
};
#define ANNULUS_GLANCE_ 1000000 /* ns between the looks of who cannot be woken */
#define ANNULUS_FIRST_SLICE_ UINT64_C(1000000) /* ns of the first sleep of a wait */
#define ANNULUS_SLICE_ UINT64_C(50000000)      /* bounds one sleep: a peer may be killed before it wakes us */

/* annulus_forlorn_ finds out, after sleeps in vain, whether anybody can come. */
static inline int annulus_forlorn_(struct annulus_end_ *e)
{
	struct stat st;
	int attached = 1;
	if (fstat(e->ring->fd, &st) != 0)
		return ANNULUS_OK;
	if ((uint64_t)st.st_size < e->ring->geometry.total_size)
		return annulus_latch_(e, ANNULUS_LOST);
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
	unsigned most = e->strategy == ANNULUS_SPIN ? ANNULUS_SPIN_CHUNK_ : ANNULUS_SPINS_;
	unsigned chunk = e->several ? (unsigned)ANNULUS_SPIN_SEVERAL_ : most;
	if (__atomic_load_n(&e->cancelled, __ATOMIC_ACQUIRE))
		return ANNULUS_CANCELLED;
	if (e->strategy == ANNULUS_SPIN || w->spun < most) {
		for (unsigned i = 0; i < chunk; i++, w->spun++) {
			if ((e->step == 0 || i % e->step == 0) && ANNULUS_LOAD_(word) != old)
				return ANNULUS_OK;
			annulus_cpu_pause_();
		}
		if (w->spun % most != 0)
			return ANNULUS_OK;
		if (e->strategy == ANNULUS_SPIN)
			sched_yield(); /* the peer may be waiting for this processor */
		return annulus_clock_(CLOCK_MONOTONIC) < w->deadline ? ANNULUS_OK : ANNULUS_TIMEOUT;
	}
	uint64_t now = annulus_clock_(CLOCK_MONOTONIC);
	if (now >= w->deadline)
		return ANNULUS_TIMEOUT;
	if (e->sleep.blind) {
		struct timespec t = {0, ANNULUS_GLANCE_};
		nanosleep(&t, NULL);
		return ++e->idle % 64 == 0 ? annulus_forlorn_(e) : ANNULUS_OK;
	}
	if (!w->prepared) {
		w->epoch = annulus_prepare_(&e->sleep, e->strategy);
		w->prepared = w->armed = 1;
		return ANNULUS_OK; /* to look once more, now that the peer is told */
	}
	/* Short sleeps at first find what is not worth a wake to the peer. */
	w->slice = w->slice ? annulus_min_(2 * w->slice, ANNULUS_SLICE_) : ANNULUS_FIRST_SLICE_;
	w->prepared = 0;
	int rc = annulus_sleep_(&e->sleep, e->strategy, w->epoch, annulus_min_(w->slice, w->deadline - now));
	if (rc == ANNULUS_OK && ++e->idle % 4 == 0)
		rc = annulus_forlorn_(e);
	return rc;
}

static inline void annulus_done_(struct annulus_end_ *e, struct annulus_wait_ *w)
{
	e->idle = 0;
	if (w->armed)
		annulus_disarm_(&e->sleep);
}

static inline void annulus_cancel_(struct annulus_end_ *e)
{
	__atomic_store_n(&e->cancelled, 1, __ATOMIC_SEQ_CST);
	if (!e->sleep.blind)
		annulus_interrupt_(&e->sleep);
}

#endif
