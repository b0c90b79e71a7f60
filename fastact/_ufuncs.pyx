"""Makes every elementwise function from the C table: a NumPy ufunc each, and for those with parameters a callable
over it with a direct lane for plain contiguous arrays.  No arithmetic, no name of a particular activation but gelu's."""

cimport numpy as cnp
from libc.stdlib cimport malloc
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from ._core cimport (
    FA_F32, FA_F64, FA_MAX_IN, FA_MAX_OUT, elementwise, fa_call, fa_dtype, fa_kernel, kernels_for, relu_integer,
)

import numpy as np

from . import _core, _docs

cdef extern from "Python.h":
    ctypedef PyObject *(*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *) except NULL
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
    unsigned long Py_TPFLAGS_HAVE_VECTORCALL
    Py_ssize_t PyVectorcall_NARGS(size_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)

cnp.import_array()
cnp.import_ufunc()

cdef struct Loop:
    int index
    bint is_vjp
    fa_dtype dtype
    int n_in
    int n_out


cdef inline fa_call call_of(const Loop *loop) noexcept nogil:
    cdef fa_call call
    call.kernel = kernels_for(loop.dtype).vjp[loop.index] if loop.is_vjp else kernels_for(loop.dtype).value[loop.index]
    call.item = 4 if loop.dtype == FA_F32 else 8
    call.n_in = loop.n_in
    call.n_out = loop.n_out
    return call


cdef void float_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef fa_call call = call_of(<const Loop *>data)
    elementwise(&call, <size_t>dimensions[0], args, <const ptrdiff_t *>steps)


cdef void integer_relu_loop(
    char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data
) noexcept nogil:
    relu_integer(<size_t>data, <size_t>dimensions[0], args[0], steps[0], args[1], steps[1])


cdef void copy_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    """relu of what cannot be negative; data is the item size."""
    cdef size_t item = <size_t>data, i, byte
    for i in range(<size_t>dimensions[0]):
        for byte in range(item):
            args[1][<cnp.npy_intp>i * steps[1] + <cnp.npy_intp>byte] = args[0][<cnp.npy_intp>i * steps[0] + <cnp.npy_intp>byte]


cdef class LoopTable:
    """The loops of one ufunc while they are collected; the arrays handed to NumPy live for ever, as it demands."""
    cdef cnp.PyUFuncGenericFunction *functions
    cdef void **data
    cdef char *types
    cdef int count, n_operands

    def __cinit__(self, int n_operands, int capacity):
        self.functions = <cnp.PyUFuncGenericFunction *>malloc(capacity * sizeof(cnp.PyUFuncGenericFunction))
        self.data = <void **>malloc(capacity * sizeof(void *))
        self.types = <char *>malloc(capacity * n_operands)
        self.count = 0
        self.n_operands = n_operands

    cdef void add(self, cnp.PyUFuncGenericFunction function, void *data, int type_number):
        self.functions[self.count] = function
        self.data[self.count] = data
        for i in range(self.n_operands):
            self.types[self.count * self.n_operands + i] = <char>type_number
        self.count += 1


cdef void add_integer_relu(LoopTable loops):
    """relu keeps bool and integers."""
    for character in "?bBhHiIlLqQ":
        dtype = np.dtype(character)
        item = <void *><size_t>dtype.itemsize
        if dtype.kind == "i":
            loops.add(integer_relu_loop, item, dtype.num)
        else:
            loops.add(copy_loop, item, dtype.num)


cdef list kept = []  # what NumPy holds bare pointers to


cdef object make_ufunc(int index, dict row, bint is_vjp):
    cdef int n_in = row["n_input"] + row["n_parameter"] + (1 if is_vjp else 0)
    cdef int n_out = row["n_gradient"] if is_vjp else 1
    cdef LoopTable loops = LoopTable(n_in + n_out, 16)
    cdef Loop *loop
    if row["name"] == "relu" and not is_vjp:
        add_integer_relu(loops)
    for dtype, type_number in ((FA_F32, cnp.NPY_FLOAT), (FA_F64, cnp.NPY_DOUBLE)):
        loop = <Loop *>malloc(sizeof(Loop))
        loop[0] = Loop(index, is_vjp, dtype, n_in, n_out)
        loops.add(float_loop, <void *>loop, type_number)
    name, doc = row["name"].encode(), _docs.ufunc(row, is_vjp).encode()
    kept.extend((name, doc, loops))
    return cnp.PyUFunc_FromFuncAndData(
        loops.functions, loops.data, loops.types, loops.count, n_in, n_out, cnp.PyUFunc_None, name, doc, 0)


cdef inline bint is_plain(object x):
    """An exact ndarray of float32 or float64 that kernels take as it stands."""
    return (
        cnp.PyArray_CheckExact(x) and cnp.PyArray_NDIM(x) > 0 and cnp.PyArray_ISCARRAY_RO(x)
        and (cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT or cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE)
    )


cdef inline bint same_layout(cnp.ndarray a, cnp.ndarray b):
    cdef int i
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b) or cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


cdef inline bint may_write(cnp.ndarray out, cnp.ndarray x):
    """Whether out can take the result of x: writeable, and the same memory or disjoint."""
    cdef char *a = cnp.PyArray_BYTES(out)
    cdef char *b = cnp.PyArray_BYTES(x)
    return cnp.PyArray_ISWRITEABLE(out) and (
        a == b or a + cnp.PyArray_NBYTES(out) <= b or b + cnp.PyArray_NBYTES(x) <= a)


cdef class Lane:
    """One row of the table without NumPy's ufunc machinery: contiguous arrays and numbers for parameters."""
    cdef Loop loops[2]
    cdef int n_array, n_parameter

    def __cinit__(self, int index, dict row, bint is_vjp):
        self.n_array = row["n_input"] + (1 if is_vjp else 0)
        self.n_parameter = row["n_parameter"]
        for dtype in (FA_F32, FA_F64):
            self.loops[<int>dtype] = Loop(index, is_vjp, dtype, self.n_array + self.n_parameter, 1)

    cdef object run(self, PyObject *const *arrays, const double *parameters, object out):
        """The result, or None when the ufunc has to do it.  arrays[0] is plain."""
        cdef cnp.ndarray x = <object>arrays[0]
        cdef int i, type_number = cnp.PyArray_TYPE(x)
        cdef fa_call call = call_of(&self.loops[<int>(FA_F32 if type_number == cnp.NPY_FLOAT else FA_F64)])
        cdef char *data[FA_MAX_IN + FA_MAX_OUT]
        cdef ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT]
        cdef double wide[FA_MAX_IN]
        cdef float narrow[FA_MAX_IN]
        cdef bint fresh = out is None
        if not fresh and not (is_plain(out) and same_layout(x, out)):
            return None
        for i in range(self.n_array):
            if i and not (is_plain(<object>arrays[i]) and same_layout(x, <object>arrays[i])):
                return None
            if not fresh and not may_write(out, <object>arrays[i]):
                return None
            data[i] = cnp.PyArray_BYTES(<object>arrays[i])
            step[i] = call.item
        if fresh:
            out = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), type_number, 0)
        for i in range(self.n_parameter):
            wide[i], narrow[i] = parameters[i], <float>parameters[i]
            data[self.n_array + i] = <char *>&narrow[i] if type_number == cnp.NPY_FLOAT else <char *>&wide[i]
            step[self.n_array + i] = 0
        data[call.n_in] = cnp.PyArray_BYTES(out)
        step[call.n_in] = call.item
        run_kernel(&call, <size_t>cnp.PyArray_SIZE(x), data, step)
        return out


cdef inline void run_kernel(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step):
    """Gives up the GIL where that costs less than the kernel."""
    if n < 4096:
        elementwise(call, n, data, step)
    else:
        with nogil:
            elementwise(call, n, data, step)


cdef inline bint as_double(object value, double *result) except -1:
    if PyFloat_CheckExact(value):
        result[0] = PyFloat_AS_DOUBLE(value)
        return True
    if PyLong_CheckExact(value):
        result[0] = PyLong_AsDouble(value)
        return True
    return False


cdef class _Callable:
    """A function over one or more ufuncs, which reads, binds and pickles like a Python function."""
    cdef vectorcallfunc vectorcall
    cdef dict __dict__
    cdef readonly object ufunc
    cdef int n_array

    def _describe(self, row, bint is_vjp, signature, doc):
        attributes = {
            "__name__": row["name"], "__qualname__": row["name"], "__module__": "fastact.vjp" if is_vjp else "fastact",
            "__doc__": doc, "__text_signature__": signature}
        for name, value in attributes.items():
            setattr(self, name, value)

    def __repr__(self):
        return f"<function {self.__module__}.{self.__name__}{self.__text_signature__}>"

    def __reduce__(self):
        return self.__name__

    def __get__(self, instance, owner):
        return self

    @property
    def __signature__(self):
        from inspect import Signature
        scope = {}
        exec(f"def f{self.__text_signature__}: pass", {"inf": float("inf")}, scope)  # text of our own, not a user's
        return Signature.from_callable(scope["f"])

    cdef object arrays_of(self, tuple args, dict kwargs):
        """The leading array operands; x and g may be given by name."""
        if len(args) >= self.n_array:
            return args[:self.n_array]
        names = ("x", "g")[len(args):self.n_array]
        missing = [name for name in names if name not in kwargs]
        if missing:
            raise TypeError(f"{self.__name__}() misses its operand {missing[0]!r}: expected {self.__name__}{self.__text_signature__}")
        return args + tuple(kwargs.pop(name) for name in names)


cdef class Parametric(_Callable):
    """A function whose parameters are further operands of its ufunc."""
    cdef Lane lane
    cdef tuple names, defaults
    cdef double numbers[FA_MAX_IN]  # the defaults

    def __init__(self, int index, dict row, bint is_vjp, ufunc):
        self.ufunc = ufunc
        self.lane = Lane(index, row, is_vjp)
        self.n_array = self.lane.n_array
        self.vectorcall = parametric_call
        self.names, self.defaults = _docs.parameters(row)
        for position, value in enumerate(self.defaults):
            self.numbers[<int>position] = value
        self._describe(row, is_vjp, _docs.signature(row, is_vjp), _docs.function(row, is_vjp))

    cdef list bind(self, tuple args, dict kwargs):
        """Parameter values by position and name; takes the names it knows out of kwargs."""
        values = list(self.defaults)
        given = args[self.n_array:]
        if len(given) > len(values):
            raise TypeError(f"{self.__name__}() got {len(args)} operands: expected {self.__name__}{self.__text_signature__}")
        values[:len(given)] = given
        for position, name in enumerate(self.names):
            if name in kwargs:
                if position < len(given):
                    raise TypeError(f"{self.__name__}() got {name!r} by position and by name: give it once")
                values[position] = kwargs.pop(name)
        return values

    def __call__(self, *args, **kwargs):
        arrays = self.arrays_of(args, kwargs)
        return self.through_ufunc(arrays, self.bind(args, kwargs), kwargs)

    cdef object through_ufunc(self, tuple arrays, list values, dict kwargs):
        x = arrays[0]
        if getattr(x, "dtype", None) is None and not hasattr(x, "__array_ufunc__"):
            x = np.asarray(x)
        dtype = getattr(x, "dtype", None)
        if isinstance(dtype, np.dtype) and dtype.kind in "biu" and dtype.itemsize <= 2:
            values = [np.float32(v) if isinstance(v, (float, int)) else v for v in values]
        return self.ufunc(x, *arrays[1:], *values, **kwargs)


cdef class Choice(_Callable):
    """A function whose keyword chooses among ufuncs: gelu's approximate."""
    cdef readonly dict ufuncs
    cdef dict lanes
    cdef Lane default_lane
    cdef str keyword

    def __init__(self, str keyword, dict rows, dict ufuncs, dict lanes, bint is_vjp):
        self.keyword = keyword
        self.ufuncs = ufuncs
        self.lanes = lanes
        self.ufunc = next(iter(ufuncs.values()))
        self.n_array = 2 if is_vjp else 1
        self.vectorcall = choice_call
        self.default_lane = next(iter(lanes.values()))
        choice, row = next(iter(rows.items()))
        signature = f"({_docs.operands(row, is_vjp)}, {keyword}={choice!r}, **ufunc_keywords)"
        self._describe(row, is_vjp, signature, _docs.function(row, is_vjp, keyword, rows))

    def __call__(self, *args, **kwargs):
        arrays = self.arrays_of(args, kwargs)
        if len(args) > self.n_array + 1 or (len(args) > self.n_array and self.keyword in kwargs):
            raise TypeError(f"{self.__name__}() got too many operands: expected {self.__name__}{self.__text_signature__}")
        if len(args) > self.n_array:
            choice = args[self.n_array]
        else:
            choice = kwargs.pop(self.keyword, None) or next(iter(self.ufuncs))
        if choice not in self.ufuncs:
            expected = " or ".join(map(repr, self.ufuncs))
            raise ValueError(f"{self.__name__}() got {self.keyword}={choice!r}: expected {expected}")
        return self.ufuncs[choice](*arrays, **kwargs)


cdef inline bint only_out(PyObject *names):
    """Whether the keywords of a call are none, or out alone."""
    return names == NULL or (PyTuple_GET_SIZE(names) == 1 and <object>PyTuple_GET_ITEM(names, 0) == "out")


cdef PyObject *slow_call(object function, PyObject *const *operands, size_t flags, PyObject *names) except NULL:
    """The call with its operands as a tuple and a dict."""
    cdef Py_ssize_t n = PyVectorcall_NARGS(flags), i
    args = tuple([<object>operands[i] for i in range(n)])
    kwargs = {}
    if names != NULL:
        for i in range(PyTuple_GET_SIZE(names)):
            kwargs[<object>PyTuple_GET_ITEM(names, i)] = <object>operands[n + i]
    result = function.__call__(*args, **kwargs)
    Py_INCREF(result)
    return <PyObject *>result


cdef PyObject *parametric_call(PyObject *callable, PyObject *const *operands, size_t flags, PyObject *names) except NULL:
    """The direct lane: plain arrays and numbers, and at most out by name."""
    cdef Parametric function = <Parametric>callable
    cdef Py_ssize_t n = PyVectorcall_NARGS(flags), i
    cdef double numbers[FA_MAX_IN]
    cdef int n_array = function.n_array, n_parameter = function.lane.n_parameter
    cdef bint direct = n_array <= n <= n_array + n_parameter and only_out(names) and is_plain(<object>operands[0])
    if direct:
        for i in range(n_parameter):
            numbers[i] = function.numbers[i]
            if n_array + i < n and not as_double(<object>operands[n_array + i], &numbers[i]):
                direct = False
    if direct:
        result = function.lane.run(operands, numbers, None if names == NULL else <object>operands[n])
        if result is not None:
            Py_INCREF(result)
            return <PyObject *>result
    return slow_call(function, operands, flags, names)


cdef PyObject *choice_call(PyObject *callable, PyObject *const *operands, size_t flags, PyObject *names) except NULL:
    """The direct lane: plain arrays, the choice by name or not at all, and at most out beside it."""
    cdef Choice function = <Choice>callable
    cdef Py_ssize_t n = PyVectorcall_NARGS(flags), i
    cdef Lane lane = function.default_lane
    cdef bint direct = n == function.n_array and is_plain(<object>operands[0])
    out = None
    if direct and names != NULL:
        for i in range(PyTuple_GET_SIZE(names)):
            name = <object>PyTuple_GET_ITEM(names, i)
            if name == "out":
                out = <object>operands[n + i]
            elif name == function.keyword:
                lane = function.lanes.get(<object>operands[n + i])
            else:
                lane = None
            if lane is None:
                direct = False
                break
    if direct:
        result = lane.run(operands, NULL, out)
        if result is not None:
            Py_INCREF(result)
            return <PyObject *>result
    return slow_call(function, operands, flags, names)


cdef void use_vectorcall(object cls, _Callable instance):
    """Let calls of a class reach its instances' vectorcall (PEP 590), which Cython does not declare by itself."""
    cdef PyTypeObject *type_object = <PyTypeObject *>cls
    type_object.tp_vectorcall_offset = <char *>&instance.vectorcall - <char *><PyObject *>instance
    type_object.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL


def make_functions(bint is_vjp):
    """Every function of the table by name: {name: ufunc or callable}."""
    functions, ufuncs, lanes = {}, {}, {}
    rows = {row["name"]: row for row in _core.activation_table()}
    for index, (name, row) in enumerate(rows.items()):
        ufuncs[name] = make_ufunc(index, row, is_vjp)
        if row["n_parameter"]:
            functions[name] = Parametric(index, row, is_vjp, ufuncs[name])
        else:
            functions[name] = ufuncs[name]
            lanes[name] = Lane(index, row, is_vjp)
    forms = {"none": "gelu", "tanh": "gelu_tanh"}
    functions["gelu"] = Choice(
        "approximate", {form: rows[name] for form, name in forms.items()},
        {form: ufuncs[name] for form, name in forms.items()}, {form: lanes[name] for form, name in forms.items()}, is_vjp)
    del functions["gelu_tanh"]
    for function in functions.values():
        if isinstance(function, _Callable):
            use_vectorcall(type(function), function)
    return functions
