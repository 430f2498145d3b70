/* Cell: a handle on the memory of a cell or block, and the functions that make one. See
 * binding.h. */
#include "binding.h"

static PyObject *opened(cell_object *c, int rc)
{
	if (rc != ANNULUS_OK) {
		fail(rc, c->c.region.detail);
		Py_DECREF(c);
		return NULL;
	}
	mapped_opened(&c->m, &c->c.region);
	return (PyObject *)c;
}

static cell_object *unopened(void)
{
	cell_object *c = (cell_object *)cell_type.tp_alloc(&cell_type, 0);
	if (c != NULL)
		annulus_clear_(&c->c.region);
	return c;
}

static PyObject *open_cell(PyObject *module, PyObject *args)
{
	const char *name;
	(void)module;
	if (!PyArg_ParseTuple(args, "s:open_cell", &name))
		return NULL;
	cell_object *c = unopened();
	return c ? opened(c, annulus_cell_open(&c->c, name)) : NULL;
}

static PyObject *open_cell_file(PyObject *module, PyObject *args)
{
	PyObject *path;
	int readonly = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "O&|p:open_cell_file", PyUnicode_FSConverter, &path, &readonly))
		return NULL;
	cell_object *c = unopened();
	PyObject *result = c ? opened(c, annulus_cell_open_path(&c->c, PyBytes_AS_STRING(path), readonly)) : NULL;
	Py_DECREF(path);
	return result;
}

static PyObject *open_cell_fd(PyObject *module, PyObject *args)
{
	int fd, readonly = 0;
	(void)module;
	if (!PyArg_ParseTuple(args, "i|p:open_cell_fd", &fd, &readonly))
		return NULL;
	cell_object *c = unopened();
	return c ? opened(c, annulus_cell_open_fd(&c->c, fd, readonly)) : NULL;
}

/* create_cell(path, named, size, block) */
static PyObject *create_cell(PyObject *module, PyObject *args)
{
	PyObject *path;
	unsigned long long size;
	int named, block;
	(void)module;
	if (!PyArg_ParseTuple(args, "O&pKp:create_cell", PyUnicode_FSConverter, &path, &named, &size, &block))
		return NULL;
	cell_object *c = unopened();
	PyObject *result = NULL;
	uint32_t kind = block ? ANNULUS_CELL_KIND_BLOCK : ANNULUS_CELL_KIND_VALUE;
	if (c != NULL)
		result = opened(c, named ? annulus_cell_create(&c->c, PyBytes_AS_STRING(path), kind, size)
					 : annulus_cell_create_path(&c->c, PyBytes_AS_STRING(path), kind, size));
	Py_DECREF(path);
	return result;
}

static int usable(cell_object *c) { return mapped_usable(&c->m, "cell"); }

static PyObject *cell_close(cell_object *c, PyObject *unused)
{
	(void)unused;
	int rc = mapped_close(&c->m);
	if (rc != ANNULUS_OK)
		return fail(rc, c->c.region.detail);
	Py_RETURN_NONE;
}

static PyObject *cell_exit(cell_object *c, PyObject *args)
{
	(void)args;
	return cell_close(c, NULL);
}

static void cell_dealloc(cell_object *c)
{
	mapped_close(&c->m); /* a writer keeps the cell: there is none */
	Py_TYPE(c)->tp_free((PyObject *)c);
}

static PyObject *cell_writer(cell_object *c, PyObject *unused)
{
	(void)unused;
	if (!usable(c))
		return NULL;
	PyObject *w = cell_writer_type.tp_alloc(&cell_writer_type, 0);
	if (w != NULL && !cell_writer_attach(w, c))
		Py_CLEAR(w);
	return w;
}

static PyObject *cell_reader(cell_object *c, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"wait", NULL};
	const char *word = "futex";
	enum annulus_strategy wait;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s:reader", names, &word) || !parse_wait(word, &wait) || !usable(c))
		return NULL;
	PyObject *r = cell_reader_type.tp_alloc(&cell_reader_type, 0);
	if (r != NULL && !cell_reader_attach(r, c, wait))
		Py_CLEAR(r);
	return r;
}

static PyObject *cell_snapshot(cell_object *c, PyObject *unused)
{
	(void)unused;
	if (!usable(c))
		return NULL;
	return PyBytes_FromStringAndSize((const char *)c->c.region.base, (Py_ssize_t)c->c.geometry.total_size);
}

static PyObject *cell_size(cell_object *c, void *unused)
{
	(void)unused;
	return usable(c) ? PyLong_FromUnsignedLongLong(c->c.geometry.size) : NULL;
}

static PyObject *cell_block(cell_object *c, void *unused)
{
	(void)unused;
	return usable(c) ? PyBool_FromLong(c->c.geometry.kind == ANNULUS_CELL_KIND_BLOCK) : NULL;
}

static PyObject *cell_closed(cell_object *c, void *unused)
{
	(void)unused;
	return PyBool_FromLong(!c->m.open);
}

static PyGetSetDef properties[] = {
	{"size", (getter)cell_size, NULL, "bytes of a version; of a block: at most", NULL},
	{"block", (getter)cell_block, NULL, "whether versions may differ in length", NULL},
	{"closed", (getter)cell_closed, NULL, "whether close was called", NULL},
	{0},
};

static PyMethodDef methods[] = {
	{"writer", (PyCFunction)cell_writer, METH_NOARGS, "writer(): take the writer's role"},
	{"reader", (PyCFunction)(void (*)(void))cell_reader, METH_VARARGS | METH_KEYWORDS, "reader(wait='futex'): one of any number"},
	{"snapshot", (PyCFunction)cell_snapshot, METH_NOARGS, "snapshot(): a copy of the cell's memory, for tools"},
	{"close", (PyCFunction)cell_close, METH_NOARGS, "close(): let go of the memory; the cell stays"},
	{"__enter__", return_self, METH_NOARGS, NULL},
	{"__exit__", (PyCFunction)cell_exit, METH_VARARGS, NULL},
	{0},
};

PyTypeObject cell_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus.Cell",
	.tp_doc = "A handle on the memory of a cell or block: the latest value of something, torn never.",
	.tp_basicsize = sizeof(cell_object),
	.tp_dealloc = (destructor)cell_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_methods = methods,
	.tp_getset = properties,
};

static PyMethodDef functions[] = {
	{"open_cell", open_cell, METH_VARARGS, NULL},
	{"open_cell_file", open_cell_file, METH_VARARGS, NULL},
	{"open_cell_fd", open_cell_fd, METH_VARARGS, NULL},
	{"create_cell", create_cell, METH_VARARGS, NULL},
	{0},
};

int cell_init(PyObject *module)
{
	static PyTypeObject *const types[] = {&cell_type, &cell_writer_type, &cell_reader_type};
	if (add_types(module, types, sizeof(types) / sizeof(types[0])) != 0)
		return -1;
	return PyModule_AddFunctions(module, functions);
}
