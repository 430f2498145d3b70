/* The extension module: errors, waits, forks, and its making. See binding.h. */
#include "binding.h"

static PyObject *classes; /* exceptions by code */

PyObject *fail(int code, const char *line)
{
	const char *text = annulus_strerror(code);
	PyObject *key, *class = NULL;
	if (line == NULL || strncmp(line, text, strlen(text)) != 0)
		line = text;
	if ((key = PyLong_FromLong(code)) == NULL)
		return NULL;
	if (classes != NULL)
		class = PyDict_GetItemWithError(classes, key);
	Py_DECREF(key);
	if (PyErr_Occurred())
		return NULL;
	/* A name in a line may be cut in the middle of a character. */
	PyObject *message = PyUnicode_DecodeUTF8(line, (Py_ssize_t)strlen(line), "replace");
	if (message == NULL)
		return NULL;
	PyErr_SetObject(class ? class : PyExc_RuntimeError, message);
	Py_DECREF(message);
	return NULL;
}

PyObject *invalid(const char *text)
{
	char line[ANNULUS_DETAIL];
	annulus_fail_(line, ANNULUS_INVALID, "%s", text);
	return fail(ANNULUS_INVALID, line);
}

int endpoint_enter(endpoint *e, const char *what)
{
	char line[ANNULUS_DETAIL];
	const char *why = "is closed";
	if (e->ring != NULL && e->ring->m.forked)
		why = "belongs to the parent of this process: open the ring anew after a fork";
	else if (e->ring != NULL && e->busy)
		why = "is in use by another thread: one at a time uses an endpoint";
	else if (e->ring != NULL)
		return e->busy = 1;
	annulus_fail_(line, ANNULUS_INVALID, "this %s %s", what, why);
	fail(ANNULUS_INVALID, line);
	return 0;
}

int parse_wait(const char *word, enum annulus_strategy *strategy)
{
	static const char *const words[] = {"spin", "futex", "semaphore"};
	for (int i = ANNULUS_SPIN; i <= ANNULUS_SEMAPHORE; i++) {
		if (strcmp(word, words[i]) == 0) {
			*strategy = (enum annulus_strategy)i;
			return 1;
		}
	}
	PyErr_Format(PyExc_ValueError, "wait is '%.40s', want 'spin', 'futex' or 'semaphore'", word);
	return 0;
}

int parse_deadline(PyObject *timeout, deadline *d)
{
	d->at = UINT64_MAX;
	if (timeout == NULL || timeout == Py_None)
		return 1;
	double seconds = PyFloat_AsDouble(timeout);
	if (seconds == -1 && PyErr_Occurred())
		return 0;
	if (!(seconds >= 0)) {
		PyErr_Format(PyExc_ValueError, "timeout is %R, want None or seconds from 0 on", timeout);
		return 0;
	}
	if (seconds < 1e9) /* 30 years: for ever */
		d->at = annulus_clock_(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	return 1;
}

/* How long a wait may leave signals unhandled. */
enum { SLICE_MS = 100 };

int waited(const deadline *d, int (*step)(void *arg, int ms), void *arg)
{
	for (;;) {
		int rc, ms = SLICE_MS;
		if (d->at != UINT64_MAX) {
			uint64_t now = annulus_clock_(CLOCK_MONOTONIC), left = d->at > now ? d->at - now : 0;
			ms = (int)annulus_min_((left + 999999) / 1000000, SLICE_MS);
		}
		Py_BEGIN_ALLOW_THREADS
		rc = step(arg, ms);
		Py_END_ALLOW_THREADS
		if (rc != ANNULUS_TIMEOUT)
			return rc;
		if (PyErr_CheckSignals() != 0)
			return -1;
		if (annulus_clock_(CLOCK_MONOTONIC) >= d->at)
			return ANNULUS_TIMEOUT;
	}
}

int call_arguments(const char *method, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, const char *const names[2],
		   Py_ssize_t required, PyObject *out[2])
{
	Py_ssize_t kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0, most = names[1] ? 2 : 1;
	out[0] = out[1] = NULL;
	if (n > most) {
		PyErr_Format(PyExc_TypeError, "%s() takes at most %zd arguments (%zd given)", method, most, n);
		return 0;
	}
	for (Py_ssize_t i = 0; i < n; i++)
		out[i] = args[i];
	for (Py_ssize_t i = 0; i < kw; i++) {
		PyObject *name = PyTuple_GET_ITEM(kwnames, i);
		Py_ssize_t k = 0;
		while (k < most && PyUnicode_CompareWithASCIIString(name, names[k]) != 0)
			k++;
		if (k == most || out[k] != NULL) {
			PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument %R", method, name);
			return 0;
		}
		out[k] = args[n + i];
	}
	for (Py_ssize_t i = 0; i < required; i++) {
		if (out[i] == NULL) {
			PyErr_Format(PyExc_TypeError, "%s() is missing the argument '%s'", method, names[i]);
			return 0;
		}
	}
	return 1;
}

int add_types(PyObject *module, PyTypeObject *const *types, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (PyType_Ready(types[i]) < 0)
			return -1;
		Py_INCREF(types[i]);
		if (PyModule_AddObject(module, strrchr(types[i]->tp_name, '.') + 1, (PyObject *)types[i]) != 0) {
			Py_DECREF(types[i]);
			return -1;
		}
	}
	return 0;
}

PyObject *return_self(PyObject *self, PyObject *unused)
{
	(void)unused;
	Py_INCREF(self);
	return self;
}

static PyObject *register_errors(PyObject *module, PyObject *by_code)
{
	(void)module;
	if (!PyDict_Check(by_code))
		return PyErr_Format(PyExc_TypeError, "want a dict of exception classes by code");
	Py_INCREF(by_code);
	Py_XSETREF(classes, by_code);
	Py_RETURN_NONE;
}

static PyObject *text_of(PyObject *module, PyObject *code)
{
	(void)module;
	long n = PyLong_AsLong(code);
	if (n == -1 && PyErr_Occurred())
		return NULL;
	return PyUnicode_FromString(annulus_strerror(n >= 0 && n <= INT_MAX ? (int)n : -1));
}

static PyMethodDef functions[] = {
	{"_register", register_errors, METH_O, "Set the exception classes by code."},
	{"strerror", text_of, METH_O, "strerror(code) -> the C library's text for a code."},
	{0},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT, .m_name = "annulus._annulus", .m_doc = "Annulus rings, over the C headers.", .m_size = -1, .m_methods = functions,
};

/* The codes by which errors.py makes its classes. */
static int add_codes(PyObject *module)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
#define CODE(c) {#c, ANNULUS_##c}
		CODE(FULL), CODE(EMPTY), CODE(END), CODE(TIMEOUT), CODE(CANCELLED), CODE(OVERRUN), CODE(TOO_LARGE), CODE(TOO_SMALL), CODE(SIZE),
		CODE(RESERVED), CODE(NOT_RESERVED), CODE(INVALID), CODE(HELD), CODE(CLOSED), CODE(ATTACHED), CODE(REMOVED), CODE(CORRUPT),
		CODE(LOST), CODE(SHORT), CODE(NOT_RING), CODE(ENDIAN), CODE(NOT_READY), CODE(VERSION), CODE(CHECKSUM), CODE(FEATURE),
		CODE(GEOMETRY), CODE(EXISTS), CODE(NOT_FOUND), CODE(PERMISSION), CODE(NO_SPACE), CODE(UNSUPPORTED), CODE(SYSTEM),
	};
	PyObject *all = PyDict_New();
	for (size_t i = 0; all != NULL && i < sizeof(codes) / sizeof(codes[0]); i++) {
		PyObject *n = PyLong_FromLong(codes[i].code);
		if (n == NULL || PyDict_SetItemString(all, codes[i].name, n) != 0)
			Py_CLEAR(all);
		Py_XDECREF(n);
	}
	if (all == NULL)
		return -1;
	if (PyModule_AddObject(module, "codes", all) != 0) {
		Py_DECREF(all);
		return -1;
	}
	return 0;
}

PyMODINIT_FUNC PyInit__annulus(void)
{
	PyObject *module = PyModule_Create(&definition);
	if (module == NULL)
		return NULL;
	if (add_codes(module) != 0 || PyType_Ready(&lease_type) < 0 || PyType_Ready(&attached_type) < 0 || ring_init(module) != 0 ||
	    cell_init(module) != 0 || memory_init() != 0) {
		Py_DECREF(module);
		return NULL;
	}
	return module;
}
