/* Producer and Reservation. See binding.h. */
#include "binding.h"

typedef struct {
	PyObject_HEAD
	endpoint end;
	struct annulus_producer c;
	lease_object *open; /* of the open reservation; not a reference: it has one to this */
} producer_object;

typedef struct {
	PyObject_HEAD
	producer_object *producer; /* NULL: settled */
	lease_object *room;
	PyObject *view; /* NULL: not asked for yet */
} reservation_object;

int producer_attach(PyObject *self, ring_object *r, enum annulus_strategy wait, uint64_t tag)
{
	producer_object *p = (producer_object *)self;
	int rc = annulus_producer_attach_tagged(&p->c, &r->c, wait, tag);
	if (rc != ANNULUS_OK) {
		fail(rc, p->c.detail);
		return 0;
	}
	Py_INCREF(r);
	p->end.ring = r;
	return 1;
}

/* closed lets the producer have another reservation. */
static void closed(producer_object *p)
{
	p->open->over = 1;
	p->open = NULL;
}

/* abandoned gives up a reservation that nobody has any more. No call waits while it is open. */
static void abandoned(lease_object *room)
{
	producer_object *p = (producer_object *)room->keeper;
	if (p->open != room)
		return;
	if (p->end.ring != NULL && !p->end.ring->m.forked)
		annulus_abort(&p->c);
	closed(p);
}

static int send_step(void *arg, int ms)
{
	void **a = (void **)arg;
	const Py_buffer *b = (const Py_buffer *)a[1];
	return annulus_send(&((producer_object *)a[0])->c, b->buf, (size_t)b->len, ms);
}

static int reserve_step(void *arg, int ms)
{
	void **a = (void **)arg;
	return annulus_reserve(&((producer_object *)a[0])->c, *(const size_t *)a[1], (void **)a[2], ms);
}

/* send is both send and, with d NULL, try_send. */
static int send(producer_object *p, PyObject *data, const deadline *d)
{
	Py_buffer b;
	if (PyObject_GetBuffer(data, &b, PyBUF_SIMPLE) != 0)
		return -1;
	int rc = -1;
	if (endpoint_enter(&p->end, "producer")) {
		rc = annulus_try_send(&p->c, b.buf, (size_t)b.len);
		if (rc == ANNULUS_FULL && d != NULL) {
			void *a[] = {p, &b};
			rc = waited(d, send_step, a);
		}
		endpoint_leave(&p->end);
	}
	PyBuffer_Release(&b);
	return rc;
}

static PyObject *producer_send(producer_object *p, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	static const char *const names[2] = {"data", "timeout"};
	PyObject *a[2];
	deadline d;
	if (!call_arguments("send", args, n, kwnames, names, 1, a) || !parse_deadline(a[1], &d))
		return NULL;
	int rc = send(p, a[0], &d);
	if (rc == ANNULUS_OK)
		Py_RETURN_NONE;
	return rc < 0 ? NULL : fail(rc, p->c.detail);
}

static PyObject *producer_try_send(producer_object *p, PyObject *data)
{
	int rc = send(p, data, NULL);
	if (rc == ANNULUS_OK)
		Py_RETURN_TRUE;
	if (rc == ANNULUS_FULL)
		Py_RETURN_FALSE;
	return rc < 0 ? NULL : fail(rc, p->c.detail);
}

static int reserve(producer_object *p, size_t n, void **room, const deadline *d)
{
	int rc = annulus_try_reserve(&p->c, n, room);
	if (rc == ANNULUS_FULL && d != NULL) {
		void *a[] = {p, &n, room};
		rc = waited(d, reserve_step, a);
	}
	return rc;
}

/* reserved is both reserve and, with d NULL, try_reserve. */
static PyObject *reserved(producer_object *p, PyObject *size, const deadline *d)
{
	size_t n = PyLong_AsSize_t(size);
	if (n == (size_t)-1 && PyErr_Occurred())
		return NULL;
	reservation_object *v = (reservation_object *)reservation_type.tp_alloc(&reservation_type, 0);
	if (v == NULL || (v->room = lease_new((PyObject *)p, NULL, 0, 0)) == NULL) {
		Py_XDECREF(v);
		return NULL;
	}
	int rc = -1;
	if (endpoint_enter(&p->end, "producer")) {
		rc = reserve(p, n, &v->room->at, d);
		endpoint_leave(&p->end);
	}
	if (rc == ANNULUS_OK) {
		Py_INCREF(p);
		v->producer = p;
		v->room->size = (Py_ssize_t)n;
		p->open = v->room;
		return (PyObject *)v;
	}
	Py_DECREF(v);
	if (rc == ANNULUS_FULL)
		Py_RETURN_NONE;
	return rc < 0 ? NULL : fail(rc, p->c.detail);
}

static PyObject *producer_reserve(producer_object *p, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	static const char *const names[2] = {"size", "timeout"};
	PyObject *a[2];
	deadline d;
	if (!call_arguments("reserve", args, n, kwnames, names, 1, a) || !parse_deadline(a[1], &d))
		return NULL;
	return reserved(p, a[0], &d);
}

static PyObject *producer_try_reserve(producer_object *p, PyObject *size) { return reserved(p, size, NULL); }

static PyObject *producer_publish(producer_object *p, PyObject *unused)
{
	(void)unused;
	if (!endpoint_enter(&p->end, "producer"))
		return NULL;
	annulus_publish(&p->c);
	endpoint_leave(&p->end);
	Py_RETURN_NONE;
}

/* stage_copy stages one message of a batch. */
static int stage_copy(producer_object *p, PyObject *data, const deadline *d)
{
	Py_buffer b;
	void *room;
	if (PyObject_GetBuffer(data, &b, PyBUF_SIMPLE) != 0)
		return -1;
	int rc = reserve(p, (size_t)b.len, &room, d);
	if (rc == ANNULUS_OK) {
		if (b.len > 0)
			memcpy(room, b.buf, (size_t)b.len);
		rc = annulus_stage(&p->c, (size_t)b.len);
	}
	PyBuffer_Release(&b);
	return rc;
}

static PyObject *producer_send_batch(producer_object *p, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	static const char *const names[2] = {"messages", "timeout"};
	PyObject *a[2], *message;
	deadline d;
	Py_ssize_t sent = 0;
	int rc = ANNULUS_OK;
	if (!call_arguments("send_batch", args, n, kwnames, names, 1, a) || !parse_deadline(a[1], &d))
		return NULL;
	PyObject *messages = PyObject_GetIter(a[0]);
	if (messages == NULL)
		return NULL;
	if (!endpoint_enter(&p->end, "producer")) {
		Py_DECREF(messages);
		return NULL;
	}
	while (rc == ANNULUS_OK && (message = PyIter_Next(messages)) != NULL) {
		rc = stage_copy(p, message, &d);
		sent += rc == ANNULUS_OK;
		Py_DECREF(message);
	}
	annulus_publish(&p->c); /* those before one that failed are sent */
	endpoint_leave(&p->end);
	Py_DECREF(messages);
	if (PyErr_Occurred())
		return NULL;
	if (rc != ANNULUS_OK && rc != ANNULUS_TIMEOUT)
		return fail(rc, p->c.detail);
	return PyLong_FromSsize_t(sent);
}

static PyObject *producer_cancel(producer_object *p, PyObject *unused)
{
	(void)unused;
	if (p->end.ring != NULL && !p->end.ring->m.forked)
		annulus_producer_cancel(&p->c);
	Py_RETURN_NONE;
}

/* detach gives the role back, in a child of a fork without a word to others. */
static int detach(producer_object *p)
{
	int rc = ANNULUS_OK;
	if (!p->end.ring->m.forked)
		rc = annulus_producer_detach(&p->c);
	Py_CLEAR(p->end.ring);
	return rc;
}

static PyObject *producer_close(producer_object *p, PyObject *unused)
{
	(void)unused;
	if (p->end.ring == NULL)
		Py_RETURN_NONE;
	if (!p->end.ring->m.forked && !endpoint_enter(&p->end, "producer"))
		return NULL;
	endpoint_leave(&p->end);
	if (p->open != NULL) { /* given up */
		if (!lease_let_go(p->open, NULL, "a reservation"))
			return NULL;
		abandoned(p->open);
	}
	int rc = detach(p);
	return rc ? fail(rc, p->c.detail) : return_self(Py_None, NULL);
}

static PyObject *producer_exit(producer_object *p, PyObject *args)
{
	(void)args;
	return producer_close(p, NULL);
}

static void producer_dealloc(producer_object *p)
{
	if (p->end.ring != NULL)
		detach(p);
	Py_TYPE(p)->tp_free((PyObject *)p);
}

static PyObject *producer_committed(producer_object *p, void *unused)
{
	(void)unused;
	if (!endpoint_enter(&p->end, "producer"))
		return NULL;
	endpoint_leave(&p->end);
	return PyLong_FromUnsignedLongLong(annulus_committed(&p->c));
}

static PyObject *producer_dropped(producer_object *p, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(annulus_dropped(&p->c));
}

static PyObject *producer_closed(producer_object *p, void *unused)
{
	(void)unused;
	return PyBool_FromLong(p->end.ring == NULL);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef producer_methods[] = {
	{"send", FAST(producer_send), METH_FASTCALL | METH_KEYWORDS, "send(data, timeout=None): send a copy; wait while the ring is full"},
	{"try_send", (PyCFunction)producer_try_send, METH_O, "try_send(data): False if the ring is full"},
	{"send_batch", FAST(producer_send_batch), METH_FASTCALL | METH_KEYWORDS,
	 "send_batch(messages, timeout=None): send them, at once as far as they fit; how many"},
	{"reserve", FAST(producer_reserve), METH_FASTCALL | METH_KEYWORDS, "reserve(size, timeout=None): room for one message, to be written in place"},
	{"try_reserve", (PyCFunction)producer_try_reserve, METH_O, "try_reserve(size): None if the ring is full"},
	{"publish", (PyCFunction)producer_publish, METH_NOARGS, "publish(): make visible what is staged"},
	{"cancel", (PyCFunction)producer_cancel, METH_NOARGS, "cancel(): end a wait in another thread, and every later one"},
	{"close", (PyCFunction)producer_close, METH_NOARGS, "close(): give the role back; the consumer gets the end of the stream"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)producer_exit, METH_VARARGS, NULL},
	{0},
};

static PyGetSetDef producer_properties[] = {
	{"committed", (getter)producer_committed, NULL, "how far this producer and those before it have come", NULL},
	{"dropped", (getter)producer_dropped, NULL, "messages that the producers of a broadcast ring have dropped", NULL},
	{"closed", (getter)producer_closed, NULL, "whether close was called", NULL},
	{0},
};

PyTypeObject producer_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.Producer",
	.tp_doc = "An attached sending end, by Ring.producer. One thread at a time uses it; cancel may come from any.",
	.tp_basicsize = sizeof(producer_object),
	.tp_dealloc = (destructor)producer_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = producer_methods,
	.tp_getset = producer_properties,
};

/* current tells whether a reservation is the producer's, which may have closed since. */
static int current(const reservation_object *v) { return v->producer != NULL && !v->room->over; }

static int let_go(reservation_object *v)
{
	int ok = lease_let_go(v->room, v->view, "the reservation");
	if (ok)
		Py_CLEAR(v->view);
	return ok;
}

/* settle is commit and stage. */
static PyObject *settle(reservation_object *v, PyObject *args, int publish)
{
	Py_ssize_t n = v->room->size;
	if (!PyArg_ParseTuple(args, "|n", &n))
		return NULL;
	if (!current(v))
		return fail(ANNULUS_NOT_RESERVED, NULL);
	if (n < 0 || n > v->room->size)
		return fail(ANNULUS_TOO_LARGE, NULL);
	producer_object *p = v->producer;
	if (!endpoint_enter(&p->end, "producer"))
		return NULL;
	int rc = -1;
	if (let_go(v)) {
		rc = annulus_stage(&p->c, (size_t)n);
		if (rc == ANNULUS_OK && publish)
			annulus_publish(&p->c);
	}
	endpoint_leave(&p->end);
	if (rc == ANNULUS_OK) {
		closed(p);
		Py_RETURN_NONE;
	}
	return rc < 0 ? NULL : fail(rc, NULL);
}

static PyObject *reservation_commit(reservation_object *v, PyObject *args) { return settle(v, args, 1); }
static PyObject *reservation_stage(reservation_object *v, PyObject *args) { return settle(v, args, 0); }

static PyObject *reservation_abort(reservation_object *v, PyObject *unused)
{
	(void)unused;
	if (!current(v))
		Py_RETURN_NONE;
	if (!let_go(v))
		return NULL;
	abandoned(v->room);
	Py_RETURN_NONE;
}

static PyObject *reservation_exit(reservation_object *v, PyObject *args)
{
	(void)args;
	return reservation_abort(v, NULL);
}

static void reservation_dealloc(reservation_object *v)
{
	if (v->producer != NULL && !v->room->over)
		v->room->forgotten = abandoned; /* when the last view goes, if there is one */
	Py_CLEAR(v->view);
	if (v->producer != NULL && v->room->exports == 0)
		abandoned(v->room);
	Py_CLEAR(v->room);
	Py_CLEAR(v->producer);
	Py_TYPE(v)->tp_free((PyObject *)v);
}

static int reservation_buffer(PyObject *self, Py_buffer *b, int flags)
{
	return PyObject_GetBuffer((PyObject *)((reservation_object *)self)->room, b, flags);
}

static PyObject *reservation_view(reservation_object *v, void *unused)
{
	(void)unused;
	if (v->view == NULL)
		v->view = PyMemoryView_FromObject((PyObject *)v->room);
	Py_XINCREF(v->view);
	return v->view;
}

static Py_ssize_t reservation_length(PyObject *self) { return ((reservation_object *)self)->room->size; }

static PyMethodDef reservation_methods[] = {
	{"commit", (PyCFunction)reservation_commit, METH_VARARGS, "commit(n=len(self)): send the first n bytes"},
	{"stage", (PyCFunction)reservation_stage, METH_VARARGS, "stage(n=len(self)): a commit that becomes visible with the next publish or send"},
	{"abort", (PyCFunction)reservation_abort, METH_NOARGS, "abort(): give the room back"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)reservation_exit, METH_VARARGS, NULL},
	{0},
};

static PyGetSetDef reservation_properties[] = {
	{"view", (getter)reservation_view, NULL, "the room in the ring, to be written; released when the reservation is settled", NULL},
	{0},
};

static PyBufferProcs reservation_as_buffer = {reservation_buffer, NULL};
static PySequenceMethods reservation_as_sequence = {.sq_length = reservation_length};

PyTypeObject reservation_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.Reservation",
	.tp_doc = "Room in the ring for one message, by Producer.reserve. Without a commit or stage it is given up.",
	.tp_basicsize = sizeof(reservation_object),
	.tp_dealloc = (destructor)reservation_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = reservation_methods,
	.tp_getset = reservation_properties,
	.tp_as_buffer = &reservation_as_buffer,
	.tp_as_sequence = &reservation_as_sequence,
};
