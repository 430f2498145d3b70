/* Ring: a handle on the memory, and the functions that make one. See binding.h. */
#include "binding.h"

/* opened finishes an open or create, whose code is rc. */
static PyObject *opened(ring_object *r, int rc)
{
	if (rc != ANNULUS_OK) {
		fail(rc, r->c.detail);
		Py_DECREF(r);
		return NULL;
	}
	mapped_opened(&r->m, &r->c);
	return (PyObject *)r;
}

static ring_object *unopened(void)
{
	ring_object *r = (ring_object *)ring_type.tp_alloc(&ring_type, 0);
	if (r != NULL)
		annulus_clear_(&r->c);
	return r;
}

static PyObject *open_name(PyObject *module, PyObject *args)
{
	const char *name;
	(void)module;
	if (!PyArg_ParseTuple(args, "s:open", &name))
		return NULL;
	ring_object *r = unopened();
	return r ? opened(r, annulus_open(&r->c, name)) : NULL;
}

static PyObject *open_file(PyObject *module, PyObject *args)
{
	PyObject *path;
	int readonly = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "O&|p:open_file", PyUnicode_FSConverter, &path, &readonly))
		return NULL;
	ring_object *r = unopened();
	PyObject *result = r ? opened(r, annulus_open_path(&r->c, PyBytes_AS_STRING(path), readonly)) : NULL;
	Py_DECREF(path);
	return result;
}

static PyObject *open_fd(PyObject *module, PyObject *args)
{
	int fd, readonly = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "i|p:open_fd", &fd, &readonly))
		return NULL;
	ring_object *r = unopened();
	return r ? opened(r, annulus_open_fd(&r->c, fd, readonly)) : NULL;
}

/* create(path, named, kind, topology, capacity, slot_size, stride, members, fixed, redeliver,
 * overrun, mode): __init__.py has the defaults. */
static PyObject *create(PyObject *module, PyObject *args)
{
	PyObject *path;
	struct annulus_config config;
	unsigned long long capacity, slot_size, stride, members;
	int named, overrun;
	(void)module;
	memset(&config, 0, sizeof(config));
	if (!PyArg_ParseTuple(args, "O&pIIKKKKppiI:create", PyUnicode_FSConverter, &path, &named, &config.kind, &config.topology, &capacity,
			      &slot_size, &stride, &members, &config.fixed, &config.redeliver, &overrun, &config.mode))
		return NULL;
	config.capacity = capacity;
	config.slot_size = slot_size;
	config.stride = stride;
	config.members = members;
	config.overrun = (enum annulus_overrun)overrun;
	ring_object *r = unopened();
	PyObject *result = NULL;
	if (r != NULL)
		result = opened(r, named ? annulus_create(&r->c, PyBytes_AS_STRING(path), &config)
					 : annulus_create_path(&r->c, PyBytes_AS_STRING(path), &config));
	Py_DECREF(path);
	return result;
}

static int usable(ring_object *r) { return mapped_usable(&r->m, "ring"); }

static PyObject *ring_close(ring_object *r, PyObject *unused)
{
	(void)unused;
	int rc = mapped_close(&r->m);
	if (rc != ANNULUS_OK)
		return fail(rc, r->c.detail);
	Py_RETURN_NONE;
}

static PyObject *ring_exit(ring_object *r, PyObject *args)
{
	(void)args;
	return ring_close(r, NULL);
}

static void ring_dealloc(ring_object *r)
{
	mapped_close(&r->m); /* who is attached keeps the ring: nobody is */
	Py_TYPE(r)->tp_free((PyObject *)r);
}

static PyObject *ring_producer(ring_object *r, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"wait", "tag", NULL};
	const char *word = "futex";
	unsigned long long tag = 0;
	enum annulus_strategy wait;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s$K:producer", names, &word, &tag) || !parse_wait(word, &wait) || !usable(r))
		return NULL;
	PyObject *p = producer_type.tp_alloc(&producer_type, 0);
	if (p != NULL && !producer_attach(p, r, wait, tag))
		Py_CLEAR(p);
	return p;
}

static PyObject *ring_consumer(ring_object *r, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"wait", "backlog", "lossy", NULL};
	const char *word = "futex";
	int backlog = 0, lossy = 0;
	enum annulus_strategy wait;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s$pp:consumer", names, &word, &backlog, &lossy) || !parse_wait(word, &wait) ||
	    !usable(r))
		return NULL;
	PyObject *c = consumer_type.tp_alloc(&consumer_type, 0);
	if (c != NULL && !consumer_attach(c, r, wait, backlog, lossy))
		Py_CLEAR(c);
	return c;
}

static PyObject *ring_attached(ring_object *r, PyObject *args)
{
	const char *word;
	int yes, role;
	if (!PyArg_ParseTuple(args, "s:attached", &word) || !usable(r))
		return NULL;
	role = strcmp(word, "producer") == 0 ? ANNULUS_PRODUCER : strcmp(word, "consumer") == 0 ? ANNULUS_CONSUMER : -1;
	if (role < 0)
		return PyErr_Format(PyExc_ValueError, "role is '%.40s', want 'producer' or 'consumer'", word);
	int rc = annulus_attached(&r->c, (enum annulus_role)role, &yes);
	return rc ? fail(rc, NULL) : PyBool_FromLong(yes);
}

static PyObject *ring_recover(ring_object *r, PyObject *unused)
{
	uint64_t n;
	(void)unused;
	if (!usable(r))
		return NULL;
	int rc = annulus_recover(&r->c, &n);
	return rc ? fail(rc, rc == ANNULUS_PERMISSION ? r->c.detail : NULL) : PyLong_FromUnsignedLongLong(n);
}

static PyObject *ring_snapshot(ring_object *r, PyObject *unused)
{
	(void)unused;
	if (!usable(r))
		return NULL;
	return PyBytes_FromStringAndSize((const char *)r->c.base, (Py_ssize_t)r->c.geometry.total_size);
}

static PyObject *ring_number(ring_object *r, void *offset)
{
	uint64_t n;
	if (!usable(r))
		return NULL;
	memcpy(&n, (const char *)&r->c + (size_t)offset, sizeof(n));
	return PyLong_FromUnsignedLongLong(n);
}

static PyObject *ring_kind(ring_object *r, void *unused)
{
	(void)unused;
	return usable(r) ? PyUnicode_FromString(r->c.geometry.kind == ANNULUS_KIND_BYTES ? "bytes" : "slots") : NULL;
}

static PyObject *ring_topology(ring_object *r, void *unused)
{
	static const char *const names[] = {"", "spsc", "mpmc", "mpsc", "mpsc-ordered", "broadcast"};
	(void)unused;
	return usable(r) ? PyUnicode_FromString(names[r->c.geometry.topology]) : NULL; /* bounded when it was opened */
}

static PyObject *ring_element(ring_object *r, void *unused)
{
	const char *name = (const char *)r->c.header.element;
	(void)unused;
	return usable(r) ? PyUnicode_DecodeUTF8(name, (Py_ssize_t)strnlen(name, sizeof(r->c.header.element)), "replace") : NULL;
}

static PyObject *ring_closed(ring_object *r, void *unused)
{
	(void)unused;
	return PyBool_FromLong(!r->m.open);
}

#define NUMBER(name, field, doc) {name, (getter)ring_number, NULL, doc, (void *)offsetof(struct annulus, field)}

static PyGetSetDef properties[] = {
	{"kind", (getter)ring_kind, NULL, "'bytes' or 'slots'", NULL},
	{"topology", (getter)ring_topology, NULL, "'spsc', 'mpmc', 'mpsc', 'mpsc-ordered' or 'broadcast'", NULL},
	{"element", (getter)ring_element, NULL, "name of the type that the slots are of, for people", NULL},
	{"closed", (getter)ring_closed, NULL, "whether close was called", NULL},
	NUMBER("capacity", geometry.capacity, "bytes or slots"),
	NUMBER("slot_size", geometry.slot_size, "bytes of a slot; 0 for records"),
	NUMBER("max_message", geometry.max_message, "bytes of the greatest message"),
	NUMBER("members", geometry.members, "endpoints that there can be at a time; 0 in an SPSC ring"),
	NUMBER("fingerprint", header.fingerprint, "of the type that the slots are of; 0: of none"),
	{0},
};

static PyMethodDef methods[] = {
	{"producer", (PyCFunction)(void (*)(void))ring_producer, METH_VARARGS | METH_KEYWORDS, "producer(wait='futex', *, tag=0): take the sending end"},
	{"consumer", (PyCFunction)(void (*)(void))ring_consumer, METH_VARARGS | METH_KEYWORDS,
	 "consumer(wait='futex', *, backlog=False, lossy=False): take the receiving end"},
	{"attached", (PyCFunction)ring_attached, METH_VARARGS, "attached(role): whether a live process holds it"},
	{"recover", (PyCFunction)ring_recover, METH_NOARGS, "recover(): settle what the dead have left; how much it was"},
	{"snapshot", (PyCFunction)ring_snapshot, METH_NOARGS, "snapshot(): a copy of the ring's memory, for tools"},
	{"close", (PyCFunction)ring_close, METH_NOARGS, "close(): let go of the memory; the ring stays"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)ring_exit, METH_VARARGS, NULL},
	{0},
};

PyTypeObject ring_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.Ring",
	.tp_doc = "A handle on a ring's memory, by open, create or open_or_create. Endpoints keep it.",
	.tp_basicsize = sizeof(ring_object),
	.tp_dealloc = (destructor)ring_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = methods,
	.tp_getset = properties,
};

static PyMethodDef functions[] = {
	{"open", open_name, METH_VARARGS, NULL},
	{"open_file", open_file, METH_VARARGS, NULL},
	{"open_fd", open_fd, METH_VARARGS, NULL},
	{"create", create, METH_VARARGS, NULL},
	{0},
};

int ring_init(PyObject *module)
{
	static PyTypeObject *const types[] = {&ring_type, &producer_type, &consumer_type, &reservation_type};
	if (add_types(module, types, sizeof(types) / sizeof(types[0])) != 0)
		return -1;
	return PyModule_AddFunctions(module, functions);
}
