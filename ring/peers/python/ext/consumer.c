/* Consumer. See binding.h. */
#include "binding.h"

/* The attached consumer lies in an object of its own, which the messages in hand keep: the Consumer may
 * go before them. */
typedef struct {
	PyObject_HEAD
	endpoint end;
	struct annulus_consumer c;
} attached_object;

typedef struct {
	PyObject_HEAD
	attached_object *a; /* NULL: never attached */
	PyObject *held;     /* a list of what was peeked: a lease and its view, and so on; leases have references to a */
	int lossy;
	int later; /* a code that a batch met behind its first message */
} consumer_object;

int consumer_attach(PyObject *self, ring_object *r, enum annulus_strategy wait, int backlog, int lossy)
{
	consumer_object *c = (consumer_object *)self;
	c->lossy = lossy;
	if ((c->held = PyList_New(0)) == NULL)
		return 0;
	if ((c->a = (attached_object *)attached_type.tp_alloc(&attached_type, 0)) == NULL)
		return 0;
	int rc = backlog ? annulus_consumer_attach_backlog(&c->a->c, &r->c, wait) : annulus_consumer_attach(&c->a->c, &r->c, wait);
	if (rc != ANNULUS_OK) {
		fail(rc, c->a->c.detail);
		return 0;
	}
	Py_INCREF(r);
	c->a->end.ring = r;
	return 1;
}

/* detach gives the role back, in a child of a fork without a word to others. */
static int detach(attached_object *a)
{
	int rc = ANNULUS_OK;
	if (!a->end.ring->m.forked)
		rc = annulus_consumer_detach(&a->c);
	Py_CLEAR(a->end.ring);
	return rc;
}

static void attached_dealloc(attached_object *a)
{
	if (a->end.ring != NULL)
		detach(a);
	Py_TYPE(a)->tp_free((PyObject *)a);
}

PyTypeObject attached_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus._Attached",
	.tp_doc = "What a Consumer and its messages share.",
	.tp_basicsize = sizeof(attached_object),
	.tp_dealloc = (destructor)attached_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
};

static int enter(consumer_object *c) { return endpoint_enter(&c->a->end, "consumer"); }
static void leave(consumer_object *c) { endpoint_leave(&c->a->end); }

/* enter_unheld is enter where no message may be in hand. */
static int enter_unheld(consumer_object *c)
{
	if (!enter(c))
		return 0;
	if (PyList_GET_SIZE(c->held) == 0)
		return 1;
	leave(c);
	fail(ANNULUS_HELD, NULL);
	return 0;
}

/* A message as it is peeked. */
typedef struct {
	consumer_object *c;
	const void *at;
	size_t size;
} peeked;

static int try_peek(peeked *m)
{
	int rc = m->c->later;
	m->c->later = ANNULUS_OK;
	if (rc == ANNULUS_OK)
		do
			rc = annulus_try_peek(&m->c->a->c, &m->at, &m->size);
		while (rc == ANNULUS_OVERRUN && m->c->lossy);
	return rc;
}

static int peek_step(void *arg, int ms)
{
	peeked *m = (peeked *)arg;
	int rc = annulus_peek(&m->c->a->c, &m->at, &m->size, ms);
	return rc == ANNULUS_OVERRUN && m->c->lossy ? ANNULUS_TIMEOUT : rc; /* a step more */
}

static int peek(peeked *m, const deadline *d)
{
	int rc = try_peek(m);
	return rc == ANNULUS_EMPTY && d != NULL ? waited(d, peek_step, m) : rc;
}

/* copied makes bytes of a peeked message. */
static PyObject *copied(const peeked *m) { return PyBytes_FromStringAndSize((const char *)m->at, (Py_ssize_t)m->size); }

/* answered is what a call returns: the message, None (tries that find nothing), an exception. */
static PyObject *answered(consumer_object *c, int rc, PyObject *message, const deadline *d)
{
	if (rc == ANNULUS_OK)
		return message;
	if (rc == ANNULUS_EMPTY && d == NULL)
		Py_RETURN_NONE;
	return rc < 0 ? NULL : fail(rc, c->a->c.detail);
}

static PyObject *recv_copy(consumer_object *c, const deadline *d)
{
	peeked m = {c, NULL, 0};
	PyObject *message = NULL;
	if (!enter_unheld(c))
		return NULL;
	int rc = peek(&m, d);
	if (rc == ANNULUS_OK) {
		message = copied(&m);
		if (message != NULL)
			annulus_release(&c->a->c);
	}
	leave(c);
	return answered(c, rc, message, d);
}

/* hand_out puts a view of a peeked message into the list of what is held, and returns it. */
static PyObject *hand_out(consumer_object *c, const peeked *m)
{
	lease_object *l = lease_new((PyObject *)c->a, m->at, m->size, 1);
	if (l == NULL)
		return NULL;
	PyObject *view = PyMemoryView_FromObject((PyObject *)l);
	if (view != NULL && (PyList_Append(c->held, (PyObject *)l) != 0 || PyList_Append(c->held, view) != 0))
		Py_CLEAR(view);
	Py_DECREF(l);
	return view;
}

static PyObject *peek_view(consumer_object *c, const deadline *d)
{
	peeked m = {c, NULL, 0};
	PyObject *view = NULL;
	if (!enter(c))
		return NULL;
	int rc = peek(&m, d);
	if (rc == ANNULUS_OK)
		view = hand_out(c, &m);
	leave(c);
	return answered(c, rc, view, d);
}

/* batch waits for one message and takes what else is there, up to most. */
static PyObject *batch(consumer_object *c, Py_ssize_t most, const deadline *d, int views)
{
	peeked m = {c, NULL, 0};
	if (most < 1)
		return PyErr_Format(PyExc_ValueError, "most is %zd, want 1 or more", most);
	PyObject *all = PyList_New(0);
	if (all == NULL || !(views ? enter(c) : enter_unheld(c))) {
		Py_XDECREF(all);
		return NULL;
	}
	int rc = peek(&m, d);
	while (rc == ANNULUS_OK) {
		PyObject *message = views ? hand_out(c, &m) : copied(&m);
		if (message == NULL || PyList_Append(all, message) != 0)
			rc = -1;
		Py_XDECREF(message);
		if (rc != ANNULUS_OK || PyList_GET_SIZE(all) == most)
			break;
		rc = try_peek(&m);
		if (rc != ANNULUS_OK) {
			if (rc != ANNULUS_EMPTY && rc != ANNULUS_HELD && rc != ANNULUS_END)
				c->later = rc; /* it might not be said again */
			rc = ANNULUS_OK;
			break;
		}
	}
	if (!views && rc == ANNULUS_OK)
		annulus_release(&c->a->c);
	leave(c);
	if (rc == ANNULUS_OK)
		return all;
	Py_DECREF(all);
	return rc < 0 ? NULL : fail(rc, c->a->c.detail);
}

#define TIMED(function, call)                                                                                     \
	static PyObject *function(consumer_object *c, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)     \
	{                                                                                                         \
		static const char *const names[2] = {"timeout", NULL};                                            \
		PyObject *a[2];                                                                                   \
		deadline d;                                                                                       \
		if (!call_arguments(#call, args, n, kwnames, names, 0, a) || !parse_deadline(a[0], &d))           \
			return NULL;                                                                              \
		return call(c, &d);                                                                               \
	}

TIMED(consumer_recv, recv_copy)
TIMED(consumer_peek, peek_view)

static PyObject *consumer_try_recv(consumer_object *c, PyObject *unused)
{
	(void)unused;
	return recv_copy(c, NULL);
}

static PyObject *consumer_try_peek(consumer_object *c, PyObject *unused)
{
	(void)unused;
	return peek_view(c, NULL);
}

static PyObject *batched(consumer_object *c, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, int views)
{
	static const char *const names[2] = {"most", "timeout"};
	PyObject *a[2];
	deadline d;
	if (!call_arguments(views ? "peek_batch" : "recv_batch", args, n, kwnames, names, 1, a) || !parse_deadline(a[1], &d))
		return NULL;
	Py_ssize_t most = PyLong_AsSsize_t(a[0]);
	if (most == -1 && PyErr_Occurred())
		return NULL;
	return batch(c, most, &d, views);
}

static PyObject *consumer_recv_batch(consumer_object *c, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	return batched(c, args, n, kwnames, 0);
}

static PyObject *consumer_peek_batch(consumer_object *c, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	return batched(c, args, n, kwnames, 1);
}

/* let_go releases all views that were handed out, or raises BufferError if others were made of
 * them. */
static int let_go(consumer_object *c)
{
	for (Py_ssize_t i = 0; i + 1 < PyList_GET_SIZE(c->held); i += 2) {
		lease_object *l = (lease_object *)PyList_GET_ITEM(c->held, i);
		if (!lease_let_go(l, PyList_GET_ITEM(c->held, i + 1), "a message"))
			return 0;
		l->over = 1;
	}
	return 1;
}

static PyObject *consumer_release(consumer_object *c, PyObject *unused)
{
	(void)unused;
	if (!enter(c))
		return NULL;
	int ok = let_go(c) && PyList_SetSlice(c->held, 0, PyList_GET_SIZE(c->held), NULL) == 0;
	if (ok)
		annulus_release(&c->a->c);
	leave(c);
	if (!ok)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *consumer_next(consumer_object *c)
{
	const deadline d = {UINT64_MAX};
	peeked m = {c, NULL, 0};
	PyObject *message = NULL;
	if (!enter_unheld(c))
		return NULL;
	int rc = peek(&m, &d);
	if (rc == ANNULUS_OK && (message = copied(&m)) != NULL)
		annulus_release(&c->a->c);
	leave(c);
	return rc == ANNULUS_END ? NULL : answered(c, rc, message, &d);
}

static PyObject *consumer_cancel(consumer_object *c, PyObject *unused)
{
	(void)unused;
	if (c->a->end.ring != NULL && !c->a->end.ring->m.forked)
		annulus_consumer_cancel(&c->a->c);
	Py_RETURN_NONE;
}

static PyObject *consumer_close(consumer_object *c, PyObject *unused)
{
	endpoint *e = &c->a->end;
	(void)unused;
	if (e->ring == NULL)
		Py_RETURN_NONE;
	if (!e->ring->m.forked && !enter(c))
		return NULL;
	int ok = let_go(c) && PyList_SetSlice(c->held, 0, PyList_GET_SIZE(c->held), NULL) == 0;
	leave(c);
	if (!ok)
		return NULL;
	int rc = detach(c->a);
	return rc ? fail(rc, c->a->c.detail) : return_self(Py_None, NULL);
}

static PyObject *consumer_exit(consumer_object *c, PyObject *args)
{
	(void)args;
	return consumer_close(c, NULL);
}

static void consumer_dealloc(consumer_object *c)
{
	Py_CLEAR(c->held);
	Py_CLEAR(c->a);
	Py_TYPE(c)->tp_free((PyObject *)c);
}

static PyObject *consumer_redelivered(consumer_object *c, void *unused)
{
	(void)unused;
	return PyLong_FromLong(annulus_redelivered(&c->a->c));
}

static PyObject *consumer_missed(consumer_object *c, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(annulus_missed(&c->a->c));
}

static PyObject *consumer_closed(consumer_object *c, void *unused)
{
	(void)unused;
	return PyBool_FromLong(c->a->end.ring == NULL);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
	{"recv", FAST(consumer_recv), METH_FASTCALL | METH_KEYWORDS, "recv(timeout=None): the next message, a copy"},
	{"try_recv", (PyCFunction)consumer_try_recv, METH_NOARGS, "try_recv(): None if there is none now"},
	{"recv_batch", FAST(consumer_recv_batch), METH_FASTCALL | METH_KEYWORDS,
	 "recv_batch(most, timeout=None): wait for one message, take what else is there"},
	{"peek", FAST(consumer_peek), METH_FASTCALL | METH_KEYWORDS, "peek(timeout=None): a view of the next message, valid until release"},
	{"try_peek", (PyCFunction)consumer_try_peek, METH_NOARGS, "try_peek(): None if there is none now"},
	{"peek_batch", FAST(consumer_peek_batch), METH_FASTCALL | METH_KEYWORDS, "peek_batch(most, timeout=None): views, as recv_batch"},
	{"release", (PyCFunction)consumer_release, METH_NOARGS, "release(): give back all that was peeked; its views cannot be used any more"},
	{"cancel", (PyCFunction)consumer_cancel, METH_NOARGS, "cancel(): end a wait in another thread, and every later one"},
	{"close", (PyCFunction)consumer_close, METH_NOARGS, "close(): give the role back; what was not released stays in the ring"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)consumer_exit, METH_VARARGS, NULL},
	{0},
};

static PyGetSetDef properties[] = {
	{"redelivered", (getter)consumer_redelivered, NULL, "how often the last message was in the hands of a consumer that died (MPMC)", NULL},
	{"missed", (getter)consumer_missed, NULL, "messages that were lost to overruns (broadcast)", NULL},
	{"closed", (getter)consumer_closed, NULL, "whether close was called", NULL},
	{0},
};

static PyObject *consumer_iter(PyObject *self) { return return_self(self, NULL); }

PyTypeObject consumer_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.Consumer",
	.tp_doc = "An attached receiving end, by Ring.consumer. One thread at a time uses it; cancel may come from any.\n"
		  "Iterated over, it gives copies of all messages up to the end of the stream.",
	.tp_basicsize = sizeof(consumer_object),
	.tp_dealloc = (destructor)consumer_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = methods,
	.tp_getset = properties,
	.tp_iter = consumer_iter,
	.tp_iternext = (iternextfunc)consumer_next,
};
