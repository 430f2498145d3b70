/* What the files of the extension module have in common. The C headers do the work; this
 * is what Python needs around them: exceptions, the GIL, signals, buffers, forks.
 *
 *   binding.c   errors, waits, forks
 *   memory.c    what is mapped, and what a fork does to it
 *   ring.c      Ring, and the functions that make one
 *   lease.c     bytes in the ring that Python has views of
 *   producer.c  Producer, Reservation
 *   consumer.c  Consumer
 *   cell.c      Cell, and the functions that make one
 *   cell_ends.c CellWriter, CellReader
 *
 * Everything is called with the GIL held, which also guards the fields below; it is given away
 * during waits alone. */
#ifndef ANNULUS_BINDING_H
#define ANNULUS_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "annulus.h"

/* Memory that is mapped, of a ring or cell: mapped_opened puts it into a list for forks. */
typedef struct mapped {
	struct annulus *c;
	int open;
	int forked; /* this is a child, which has no mapping */
	Py_ssize_t users; /* waits and views of it that no role stands for */
	struct mapped *next, *prev;
} mapped;

void mapped_opened(mapped *m, struct annulus *c);
/* mapped_usable raises an exception and is false if it is not open, or this is a child. */
int mapped_usable(const mapped *m, const char *what);
/* mapped_close lets go of it; an error code while something is attached, or uses it. */
int mapped_close(mapped *m);

typedef struct {
	PyObject_HEAD
	struct annulus c;
	mapped m;
} ring_object;

/* What an endpoint object begins with: see endpoint_enter. */
typedef struct {
	ring_object *ring; /* NULL: detached */
	int busy;          /* a call is at work, perhaps without the GIL */
} endpoint;

/* An end of a wait. */
typedef struct {
	uint64_t at; /* on CLOCK_MONOTONIC; UINT64_MAX: none */
} deadline;

/* A lease is what memoryviews of bytes in the ring refer to. Nothing is given back while exports
 * is greater than 0, and nothing is lent once it is over. */
typedef struct lease_object {
	PyObject_HEAD
	PyObject *keeper; /* of the memory, and of the endpoint that reserved or peeked */
	void *at;
	Py_ssize_t size, exports;
	int readonly, over;
	Py_ssize_t *users; /* counts exports too, if not NULL; the keeper's */
	void (*forgotten)(struct lease_object *l); /* with the last export, if not NULL */
} lease_object;

extern PyTypeObject ring_type, producer_type, reservation_type, consumer_type, attached_type, lease_type;

lease_object *lease_new(PyObject *keeper, const void *at, size_t size, int readonly);

/* lease_let_go releases the view that was handed out, if there is one; false, with BufferError, while
 * others are left. */
int lease_let_go(lease_object *l, PyObject *view, const char *what);

/* fail raises the exception of a code, with the C library's line if it is about that, and
 * returns NULL. */
PyObject *fail(int code, const char *line);
/* invalid raises that of ANNULUS_INVALID with a text behind it, and returns NULL. */
PyObject *invalid(const char *text);

/* endpoint_enter begins a call on an endpoint: one thread at a time, not in a forked child. It
 * is false, with an exception, if that must not be. endpoint_leave ends it. */
int endpoint_enter(endpoint *e, const char *what);
static inline void endpoint_leave(endpoint *e) { e->busy = 0; }

/* parse_wait makes an enum annulus_strategy of "spin", "futex" or "semaphore". */
int parse_wait(const char *word, enum annulus_strategy *strategy);

/* parse_deadline takes a timeout in seconds, None or NULL for none. */
int parse_deadline(PyObject *timeout, deadline *d);

/* waited calls step, which waits for milliseconds, without the GIL, until it returns something
 * else than ANNULUS_TIMEOUT or the deadline is over. Signals are handled in between: -1, with
 * an exception, if a handler raised one. */
int waited(const deadline *d, int (*step)(void *arg, int ms), void *arg);

/* call_arguments are what a method was called with: up to two arguments, of these names. */
int call_arguments(const char *method, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, const char *const names[2],
		   Py_ssize_t required, PyObject *out[2]);

/* return_self is __enter__. */
PyObject *return_self(PyObject *self, PyObject *unused);

int producer_attach(PyObject *self, ring_object *r, enum annulus_strategy wait, uint64_t tag);
int consumer_attach(PyObject *self, ring_object *r, enum annulus_strategy wait, int backlog, int lossy);

/* ring_init readies the types that users name, and adds them and the functions to the module. */
int ring_init(PyObject *module);
int cell_init(PyObject *module);
int memory_init(void);

/* add_types readies types and adds them to the module under the last parts of their names. */
int add_types(PyObject *module, PyTypeObject *const *types, size_t n);

typedef struct {
	PyObject_HEAD
	struct annulus_cell c;
	mapped m;
} cell_object;

extern PyTypeObject cell_type, cell_writer_type, cell_reader_type;

int cell_writer_attach(PyObject *self, cell_object *c);
int cell_reader_attach(PyObject *self, cell_object *c, enum annulus_strategy wait);

#endif
