/* lease: bytes in the ring that Python has a view of. It counts who has. See binding.h. */
#include "binding.h"

lease_object *lease_new(PyObject *keeper, const void *at, size_t size, int readonly)
{
	lease_object *l = (lease_object *)lease_type.tp_alloc(&lease_type, 0);
	if (l == NULL)
		return NULL;
	Py_INCREF(keeper);
	l->keeper = keeper;
	l->at = (void *)(uintptr_t)at;
	l->size = (Py_ssize_t)size;
	l->readonly = readonly;
	return l;
}

static void lease_dealloc(PyObject *self)
{
	Py_XDECREF(((lease_object *)self)->keeper);
	Py_TYPE(self)->tp_free(self);
}

static int lease_buffer(PyObject *self, Py_buffer *b, int flags)
{
	lease_object *l = (lease_object *)self;
	if (l->over) {
		b->obj = NULL;
		PyErr_SetString(PyExc_BufferError, "these bytes were given back to the ring");
		return -1;
	}
	if (PyBuffer_FillInfo(b, self, l->at, l->size, l->readonly, flags) != 0)
		return -1;
	l->exports++;
	if (l->users != NULL)
		++*l->users;
	return 0;
}

static void lease_return(PyObject *self, Py_buffer *b)
{
	lease_object *l = (lease_object *)self;
	(void)b;
	if (l->users != NULL)
		--*l->users;
	if (--l->exports == 0 && l->forgotten)
		l->forgotten(l);
}

int lease_let_go(lease_object *l, PyObject *view, const char *what)
{
	if (view != NULL) {
		PyObject *done = PyObject_CallMethod(view, "release", NULL);
		if (done == NULL)
			return 0;
		Py_DECREF(done);
	}
	if (l->exports == 0)
		return 1;
	/* A slice of the view, say, or an array made of it. */
	PyErr_Format(PyExc_BufferError, "a view of %s is still in use: release it first", what);
	return 0;
}

static PyBufferProcs as_buffer = {lease_buffer, lease_return};

PyTypeObject lease_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "annulus._Lease",
	.tp_doc = "Bytes in a ring.",
	.tp_basicsize = sizeof(lease_object),
	.tp_dealloc = lease_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_as_buffer = &as_buffer,
};
