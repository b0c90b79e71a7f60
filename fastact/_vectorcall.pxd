# What a cdef class needs so that calls of its instances reach a C function of theirs (PEP 590), which Cython does not
# declare by itself.

from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef PyObject *(*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *) except NULL
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
    unsigned long Py_TPFLAGS_HAVE_VECTORCALL
    Py_ssize_t PyVectorcall_NARGS(size_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)
    PyObject *PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *) except NULL


cdef inline void use_vectorcall(object instance, vectorcallfunc *slot) noexcept:
    """Lets calls of instance's class reach the instance's slot."""
    cls = type(instance)
    cdef PyTypeObject *type_object = <PyTypeObject *>cls
    type_object.tp_vectorcall_offset = <char *>slot - <char *><PyObject *>instance
    type_object.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL
