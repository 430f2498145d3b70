/* The lock bytes that say who is attached, and who lives. Section 7 of
 * docs/spec/layout-v1.md. Included by annulus.h. */
#ifndef ANNULUS_LOCK_H
#define ANNULUS_LOCK_H

/* annulus_flock_ asks for a lock byte, or after its holder. */
static inline int annulus_flock_(struct annulus *r, int command, int type, uint64_t lock, struct flock *l)
{
	int rc;
	memset(l, 0, sizeof(*l));
	l->l_type = (short)type;
	l->l_whence = SEEK_SET;
	l->l_start = (off_t)(ANNULUS_LOCK_BASE + lock);
	l->l_len = 1;
	do {
		rc = fcntl(r->fd, command, l);
	} while (rc != 0 && errno == EINTR);
	return rc;
}

/* The kernel does not tell two holders on one file description apart: what this
 * handle holds stands in held, set before the lock is taken and cleared after. */
static inline int annulus_held_(struct annulus *r, uint64_t lock)
{
	return __atomic_load_n(&r->held[lock / 64], __ATOMIC_ACQUIRE) >> lock % 64 & 1;
}

static inline void annulus_unlock_(struct annulus *r, uint64_t lock)
{
	struct flock l;
	annulus_flock_(r, F_OFD_SETLK, F_UNLCK, lock, &l);
	__atomic_fetch_and(&r->held[lock / 64], ~(UINT64_C(1) << lock % 64), __ATOMIC_ACQ_REL);
}

/* annulus_lock_ takes a lock byte: 0, EAGAIN if another process has it, EALREADY
 * if this handle has, or another errno. */
static inline int annulus_lock_(struct annulus *r, uint64_t lock)
{
	struct flock l;
	uint64_t bit = UINT64_C(1) << lock % 64;
	if (__atomic_fetch_or(&r->held[lock / 64], bit, __ATOMIC_ACQ_REL) & bit)
		return EALREADY;
	if (annulus_flock_(r, F_OFD_SETLK, F_WRLCK, lock, &l) == 0)
		return 0;
	int e = errno;
	__atomic_fetch_and(&r->held[lock / 64], ~bit, __ATOMIC_ACQ_REL);
	return e == EACCES ? EAGAIN : e;
}

/* annulus_locked_ asks the kernel whether anybody holds a lock byte: a killed
 * process does not, a stopped one does. */
static inline int annulus_locked_(struct annulus *r, uint64_t lock, int *locked)
{
	struct flock l;
	*locked = annulus_held_(r, lock);
	if (*locked) /* our own lock does not show */
		return ANNULUS_OK;
	if (annulus_flock_(r, F_OFD_GETLK, F_WRLCK, lock, &l) != 0)
		return ANNULUS_SYSTEM;
	*locked = l.l_type != F_UNLCK;
	return ANNULUS_OK;
}

#endif
