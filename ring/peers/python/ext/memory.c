/* What is mapped, and what a fork does to it. See binding.h. */
#include "binding.h"

#include <pthread.h>

static mapped all = {.next = &all, .prev = &all}; /* that are open */

/* A child shares the locks' descriptors, so that nobody would notice the death of the parent,
 * and has no mapping, so that a view it has inherited would crash it. It closes the ones, and
 * has zeros in place of the other. */
static void forked(void)
{
	for (mapped *m = all.next; m != &all; m = m->next) {
		m->forked = 1;
		if (m->c->fd >= 0)
			close(m->c->fd);
		m->c->fd = -1;
		if (m->c->base != NULL && mmap(m->c->base, m->c->geometry.total_size, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
			m->c->base = NULL;
	}
}

int memory_init(void)
{
	if (pthread_atfork(NULL, NULL, forked) == 0)
		return 0;
	PyErr_NoMemory();
	return -1;
}

void mapped_opened(mapped *m, struct annulus *c)
{
	m->c = c;
	m->open = 1;
	m->next = all.next;
	m->prev = &all;
	all.next->prev = m;
	all.next = m;
}

int mapped_usable(const mapped *m, const char *what)
{
	char line[ANNULUS_DETAIL];
	if (m->open && !m->forked)
		return 1;
	annulus_fail_(line, ANNULUS_INVALID, "this %s %s", what,
		      m->forked ? "belongs to the parent of this process: open it anew after a fork" : "is closed");
	fail(ANNULUS_INVALID, line);
	return 0;
}

int mapped_close(mapped *m)
{
	if (!m->open)
		return ANNULUS_OK;
	if (m->users > 0)
		return annulus_fail_(m->c->detail, ANNULUS_INVALID, "a reader waits, or a view is in use; end that first");
	if (m->forked)
		memset(m->c->held, 0, sizeof(m->c->held)); /* by the parent */
	int rc = annulus_close(m->c);
	if (rc != ANNULUS_OK)
		return rc;
	m->open = 0;
	m->next->prev = m->prev;
	m->prev->next = m->next;
	return ANNULUS_OK;
}
