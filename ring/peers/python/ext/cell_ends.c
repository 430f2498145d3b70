/* CellWriter and CellReader. See binding.h. */
#include "binding.h"

typedef struct {
	PyObject_HEAD
	cell_object *cell; /* NULL: closed */
	struct annulus_cell_writer c;
	lease_object *draft; /* of the next version, with its view; NULL: none */
	PyObject *view;
} writer_object;

int cell_writer_attach(PyObject *self, cell_object *c)
{
	writer_object *w = (writer_object *)self;
	int rc = annulus_cell_writer_attach(&w->c, &c->c);
	if (rc != ANNULUS_OK) {
		fail(rc, w->c.detail);
		return 0;
	}
	Py_INCREF(c);
	w->cell = c;
	return 1;
}

static int writable(writer_object *w)
{
	if (w->cell != NULL)
		return mapped_usable(&w->cell->m, "cell");
	invalid("this writer is closed");
	return 0;
}

/* let_go ends the draft's hold on its memory, or raises BufferError. */
static int let_go(writer_object *w)
{
	if (w->draft == NULL)
		return 1;
	if (!lease_let_go(w->draft, w->view, "the draft"))
		return 0;
	w->draft->over = 1;
	Py_CLEAR(w->view);
	Py_CLEAR(w->draft);
	return 1;
}

static PyObject *writer_write(writer_object *w, PyObject *data)
{
	Py_buffer b;
	if (!writable(w) || PyObject_GetBuffer(data, &b, PyBUF_SIMPLE) != 0)
		return NULL;
	int rc = annulus_cell_write(&w->c, b.buf, (size_t)b.len);
	PyBuffer_Release(&b);
	if (rc != ANNULUS_OK)
		return fail(rc, w->c.detail);
	Py_RETURN_NONE;
}

static PyObject *writer_begin(writer_object *w, PyObject *unused)
{
	void *room = NULL;
	(void)unused;
	if (!writable(w))
		return NULL;
	int rc = annulus_cell_begin(&w->c, &room);
	if (rc != ANNULUS_OK)
		return fail(rc, w->c.detail);
	/* Whoever has a view keeps the cell, but not this writer, whose role may be taken by
	 * another while the view is written through: that is a mistake of its user, and
	 * spoils one version. */
	w->draft = lease_new((PyObject *)w->cell, room, w->cell->c.geometry.size, 0);
	if (w->draft != NULL) {
		w->draft->users = &w->cell->m.users;
		w->view = PyMemoryView_FromObject((PyObject *)w->draft);
	}
	if (w->view == NULL) {
		Py_CLEAR(w->draft);
		annulus_cell_abort(&w->c);
		return NULL;
	}
	Py_INCREF(w->view);
	return w->view;
}

static PyObject *writer_commit(writer_object *w, PyObject *args)
{
	if (!writable(w))
		return NULL;
	Py_ssize_t n = (Py_ssize_t)w->cell->c.geometry.size;
	if (!PyArg_ParseTuple(args, "|n:commit", &n))
		return NULL;
	if (w->draft == NULL)
		return fail(ANNULUS_NOT_RESERVED, NULL);
	int rc = n < 0 ? ANNULUS_TOO_LARGE : annulus_cell_fits_(&w->c, (size_t)n);
	if (rc != ANNULUS_OK)
		return fail(rc, w->c.detail);
	if (!let_go(w))
		return NULL;
	rc = annulus_cell_commit(&w->c, (size_t)n);
	if (rc != ANNULUS_OK)
		return fail(rc, w->c.detail);
	Py_RETURN_NONE;
}

static PyObject *writer_abort(writer_object *w, PyObject *unused)
{
	(void)unused;
	if (!writable(w) || !let_go(w))
		return NULL;
	annulus_cell_abort(&w->c);
	Py_RETURN_NONE;
}

static int detach(writer_object *w)
{
	int rc = ANNULUS_OK;
	if (!w->cell->m.forked)
		rc = annulus_cell_writer_detach(&w->c);
	Py_CLEAR(w->cell);
	return rc;
}

static PyObject *writer_close(writer_object *w, PyObject *unused)
{
	(void)unused;
	if (w->cell == NULL)
		Py_RETURN_NONE;
	if (!let_go(w))
		return NULL;
	int rc = detach(w);
	return rc ? fail(rc, NULL) : return_self(Py_None, NULL);
}

static PyObject *writer_exit(writer_object *w, PyObject *args)
{
	(void)args;
	return writer_close(w, NULL);
}

static void writer_dealloc(writer_object *w)
{
	Py_CLEAR(w->view);
	Py_CLEAR(w->draft);
	if (w->cell != NULL)
		detach(w);
	Py_TYPE(w)->tp_free((PyObject *)w);
}

static PyObject *writer_version(writer_object *w, void *unused)
{
	(void)unused;
	return writable(w) ? PyLong_FromUnsignedLongLong(annulus_cell_version(&w->c)) : NULL;
}

static PyMethodDef writer_methods[] = {
	{"write", (PyCFunction)writer_write, METH_O, "write(data): make a copy the latest version"},
	{"begin", (PyCFunction)writer_begin, METH_NOARGS, "begin(): a view of where the next version goes, to be filled until commit"},
	{"commit", (PyCFunction)writer_commit, METH_VARARGS, "commit(n=cell.size): make its first n bytes the latest version"},
	{"abort", (PyCFunction)writer_abort, METH_NOARGS, "abort(): give it up"},
	{"close", (PyCFunction)writer_close, METH_NOARGS, "close(): give the role back; readers that wait get the end"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)writer_exit, METH_VARARGS, NULL},
	{0},
};

static PyGetSetDef writer_properties[] = {
	{"version", (getter)writer_version, NULL, "that was written last; 0: none", NULL},
	{0},
};

PyTypeObject cell_writer_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.CellWriter",
	.tp_doc = "The writer of a cell, by Cell.writer. It never waits.",
	.tp_basicsize = sizeof(writer_object),
	.tp_dealloc = (destructor)writer_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = writer_methods,
	.tp_getset = writer_properties,
};

typedef struct {
	PyObject_HEAD
	cell_object *cell;
	struct annulus_cell_reader c;
	uint64_t version; /* that was read last */
	int busy;
} reader_object;

int cell_reader_attach(PyObject *self, cell_object *c, enum annulus_strategy wait)
{
	reader_object *r = (reader_object *)self;
	int rc = annulus_cell_reader_init(&r->c, &c->c, wait);
	if (rc != ANNULUS_OK) {
		fail(rc, r->c.detail);
		return 0;
	}
	Py_INCREF(c);
	r->cell = c;
	return 1;
}

static int enter(reader_object *r)
{
	if (!mapped_usable(&r->cell->m, "cell"))
		return 0;
	if (r->busy) {
		invalid("this reader is in use by another thread: one at a time uses it");
		return 0;
	}
	r->cell->m.users++;
	return r->busy = 1;
}

static void leave(reader_object *r)
{
	r->cell->m.users--;
	r->busy = 0;
}

/* wait_step waits for a version, and leaves it where it is. */
static int wait_step(void *arg, int ms)
{
	reader_object *r = (reader_object *)arg;
	uint64_t version;
	size_t n;
	int rc = annulus_cell_wait(&r->c, r->version, NULL, 0, &n, &version, ms);
	return rc == ANNULUS_TOO_SMALL ? ANNULUS_OK : rc;
}

/* latest is a copy of the latest version, None if there is none. */
static PyObject *latest(reader_object *r)
{
	for (size_t size = 0, n;;) {
		uint64_t version;
		PyObject *b = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
		if (b == NULL)
			return NULL;
		int rc = annulus_cell_load(&r->c, PyBytes_AS_STRING(b), size, &n, &version);
		if (rc == ANNULUS_OK && version == 0) {
			Py_DECREF(b);
			Py_RETURN_NONE;
		}
		if (rc == ANNULUS_OK && (n == size || _PyBytes_Resize(&b, (Py_ssize_t)n) == 0)) {
			r->version = version;
			return b;
		}
		Py_XDECREF(b);
		if (PyErr_Occurred())
			return NULL;
		if (rc != ANNULUS_TOO_SMALL)
			return fail(rc, r->c.detail);
		size = n;
	}
}

static PyObject *reader_load(reader_object *r, PyObject *unused)
{
	(void)unused;
	if (!enter(r))
		return NULL;
	PyObject *value = latest(r);
	leave(r);
	return value;
}

static PyObject *reader_next(reader_object *r, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	static const char *const names[2] = {"timeout", NULL};
	PyObject *a[2], *value = NULL;
	deadline d;
	if (!call_arguments("next", args, n, kwnames, names, 0, a) || !parse_deadline(a[0], &d) || !enter(r))
		return NULL;
	int rc = waited(&d, wait_step, r);
	if (rc == ANNULUS_OK)
		value = latest(r);
	else if (rc > 0)
		fail(rc, r->c.detail);
	leave(r);
	return value;
}

static PyObject *reader_cancel(reader_object *r, PyObject *unused)
{
	(void)unused;
	if (r->cell->m.open && !r->cell->m.forked)
		annulus_cell_cancel(&r->c);
	Py_RETURN_NONE;
}

static void reader_dealloc(reader_object *r)
{
	Py_CLEAR(r->cell);
	Py_TYPE(r)->tp_free((PyObject *)r);
}

static PyObject *reader_version(reader_object *r, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(r->version);
}

static PyMethodDef reader_methods[] = {
	{"load", (PyCFunction)reader_load, METH_NOARGS, "load(): a copy of the latest version, None if there is none yet"},
	{"next", (PyCFunction)(void (*)(void))reader_next, METH_FASTCALL | METH_KEYWORDS,
	 "next(timeout=None): wait for a later version than the last one that was read"},
	{"cancel", (PyCFunction)reader_cancel, METH_NOARGS, "cancel(): end a wait in another thread, and every later one"},
	{0},
};

static PyGetSetDef reader_properties[] = {
	{"version", (getter)reader_version, NULL, "that was read last; 0: none", NULL},
	{0},
};

PyTypeObject cell_reader_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.CellReader",
	.tp_doc = "A reader of a cell, by Cell.reader. One thread at a time uses it; cancel may come from any.",
	.tp_basicsize = sizeof(reader_object),
	.tp_dealloc = (destructor)reader_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = reader_methods,
	.tp_getset = reader_properties,
};
