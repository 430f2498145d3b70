/* Gates: how one side sleeps until the other has done something, and is woken
 * without a fence in the waker's fast path. Section 6 of docs/spec/layout-v1.md.
 * Included by annulus.h. */
#ifndef ANNULUS_GATE_H
#define ANNULUS_GATE_H

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	ANNULUS_FUTEX_WAIT_ = 0, /* shared between processes: without the private flag */
	ANNULUS_FUTEX_WAKE_ = 1,
	ANNULUS_MEMBARRIER_GLOBAL_EXPEDITED_ = 1 << 1,
	ANNULUS_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED_ = 1 << 2,
};

/* A gate. Its waker writes seq, its sleeper arm. What counts may be NULL. */
struct annulus_gate_ {
	uint32_t *seq;
	uint64_t *arm;
	uint64_t *wakes, *parks, *bounds;
	void *sem;
	int shared; /* others sleep here too: nobody takes back what may be another's */
	int blind;  /* nobody can be told of a sleep: a read-only mapping */
};

static inline void annulus_count_(uint64_t *n)
{
	if (n)
		__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/* annulus_register_ lets this process take part in the barriers of sleeping
 * peers. False: fence after each publish. */
static inline int annulus_register_(void)
{
	return syscall(SYS_membarrier, ANNULUS_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED_, 0, 0) == 0;
}

static inline int annulus_barrier_(void)
{
	return syscall(SYS_membarrier, ANNULUS_MEMBARRIER_GLOBAL_EXPEDITED_, 0, 0) == 0;
}

static inline void annulus_cpu_pause_(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* annulus_published_ stands between a publish and the load of arm. The processor
 * may still do the load first, the sleeper sees to that (membarrier); but the
 * compiler must keep them in order. */
static inline void annulus_published_(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

/* annulus_prepare_ announces a sleep and returns its epoch. The caller looks for
 * work once more, then sleeps or cancels. */
static inline uint32_t annulus_prepare_(struct annulus_gate_ *g, enum annulus_strategy strategy)
{
	uint32_t epoch;
	uint64_t old, want;
	do {
		/* In this order: no epoch takes the place of a later one. */
		old = ANNULUS_LOAD_(g->arm);
		epoch = ANNULUS_LOAD_(g->seq);
		want = ANNULUS_ARM_VALID | epoch | (old & (ANNULUS_ARM_CLOSED | ANNULUS_ARM_FENCE));
		if (strategy == ANNULUS_SEMAPHORE)
			want |= ANNULUS_ARM_SEM;
	} while (!__atomic_compare_exchange_n(g->arm, &old, want, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!annulus_barrier_()) {
		__atomic_fetch_or(g->arm, ANNULUS_ARM_FENCE, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return epoch;
}

/* annulus_disarm_ takes an announcement back, so that no waker makes a system
 * call for it. */
static inline void annulus_disarm_(struct annulus_gate_ *g)
{
	uint64_t old = ANNULUS_LOAD_(g->arm);
	if (g->shared || (uint32_t)old != ANNULUS_LOAD_(g->seq))
		return;
	uint64_t want = (old & ~ANNULUS_ARM_EPOCH_MASK) | (uint32_t)(old - 1);
	/* Failing means that CLOSED was just set: then it stays armed. */
	(void)__atomic_compare_exchange_n(g->arm, &old, want, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

#ifdef __GLIBC__
static inline int annulus_sem_wait_(sem_t *sem, uint64_t ns)
{
#if __GLIBC_PREREQ(2, 30)
	const clockid_t clock = CLOCK_MONOTONIC;
#else
	const clockid_t clock = CLOCK_REALTIME;
#endif
	uint64_t end = annulus_clock_(clock) + ns;
	struct timespec t;
	t.tv_sec = (time_t)(end / UINT64_C(1000000000));
	t.tv_nsec = (long)(end % UINT64_C(1000000000));
#if __GLIBC_PREREQ(2, 30)
	return sem_clockwait(sem, clock, &t);
#else
	return sem_timedwait(sem, &t);
#endif
}
#endif

/* annulus_sleep_ waits until the gate is woken, for at most ns nanoseconds, or
 * returns for no reason. */
static inline int annulus_sleep_(struct annulus_gate_ *g, enum annulus_strategy strategy, uint32_t epoch, uint64_t ns)
{
	long rc;
	annulus_count_(g->parks);
#ifdef __GLIBC__
	if (strategy == ANNULUS_SEMAPHORE) {
		rc = annulus_sem_wait_((sem_t *)g->sem, ns);
	} else
#endif
	{
		struct timespec t;
		(void)strategy;
		t.tv_sec = (time_t)(ns / UINT64_C(1000000000));
		t.tv_nsec = (long)(ns % UINT64_C(1000000000));
		rc = syscall(SYS_futex, g->seq, ANNULUS_FUTEX_WAIT_, epoch, &t, NULL, 0);
	}
	if (rc == 0 || errno == EAGAIN || errno == EINTR)
		return ANNULUS_OK;
	if (errno == ETIMEDOUT) {
		annulus_count_(g->bounds);
		return ANNULUS_OK;
	}
	return errno == EFAULT ? ANNULUS_LOST : ANNULUS_SYSTEM;
}

/* annulus_rouse_ wakes whoever sleeps on the gate in the manner that arm says.
 * Like all of this file it may be called in a signal handler. */
static inline void annulus_rouse_(struct annulus_gate_ *g, uint64_t arm)
{
	int e = errno;
	if (arm & ANNULUS_ARM_SEM) {
#ifdef __GLIBC__
		sem_post((sem_t *)g->sem);
#endif
		/* Elsewhere sem_t looks different: the bound ends that sleep. */
	} else if (!(arm & ANNULUS_ARM_EVENTFD)) {
		syscall(SYS_futex, g->seq, ANNULUS_FUTEX_WAKE_, 1 << 30, NULL, NULL, 0);
	}
	errno = e;
}

/* annulus_wake_ wakes the sleeper that arm, just loaded, announces. */
static inline void annulus_wake_(struct annulus_gate_ *g, uint64_t arm)
{
	if ((uint32_t)arm != ANNULUS_LOAD_(g->seq))
		return;
	__atomic_fetch_add(g->seq, 1, __ATOMIC_SEQ_CST);
	annulus_count_(g->wakes);
	annulus_rouse_(g, arm);
}

/* annulus_interrupt_ makes a sleeper look around, now or when it is about to
 * fall asleep. */
static inline void annulus_interrupt_(struct annulus_gate_ *g)
{
	__atomic_fetch_add(g->seq, 1, __ATOMIC_SEQ_CST);
	annulus_rouse_(g, ANNULUS_LOAD_(g->arm));
}

#endif
