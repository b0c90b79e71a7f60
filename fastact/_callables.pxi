# The direct lane for plain contiguous arrays, past NumPy's ufunc machinery: of bare ufuncs, and of the compiled callables
# over the ufuncs of functions with parameters.  Which functions there are is _ufuncs.pxi's business.

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble

from . import _docs

cdef extern from "numpy/ufuncobject.h":
    ctypedef struct PyUFuncObject:
        PyObject *obj  # for NumPy to keep alive, with what a ufunc was made from
        vectorcallfunc vectorcall


cdef extern from "numpy/arrayobject.h":
    cnp.ndarray new_like "PyArray_NewLikeArray"(cnp.ndarray, cnp.NPY_ORDER, cnp.PyArray_Descr *, int)


cdef inline bint may_write(cnp.ndarray out, cnp.ndarray x):
    """Whether out can take the result of x: writeable, and the same memory or disjoint."""
    cdef char *a = cnp.PyArray_BYTES(out)
    cdef char *b = cnp.PyArray_BYTES(x)
    return cnp.PyArray_ISWRITEABLE(out) and (
        a == b or a + cnp.PyArray_NBYTES(out) <= b or b + cnp.PyArray_NBYTES(x) <= a)


cdef class Lane:
    """One row of the table without NumPy's ufunc machinery: contiguous arrays and numbers for parameters."""
    cdef Loop loops[4]  # by what stands in memory
    cdef int n_array, n_parameter
    cdef vectorcallfunc ufunc_machinery  # where the lane stands in front of a ufunc: NumPy's own way to call it

    def __cinit__(self, int index, dict row, bint is_vjp):
        cdef fa_dtype memory
        cdef int i
        self.n_array = row["n_input"] + (1 if is_vjp else 0)
        self.n_parameter = row["n_parameter"]
        for memory in (FA_F32, FA_F64, FA_F16, FA_BF16):
            loop = &self.loops[<int>memory]
            loop[0] = loop_of(
                index, is_vjp, FA_F64 if memory == FA_F64 else FA_F32, self.n_array, self.n_array + self.n_parameter, 1)
            for i in range(self.n_array):
                loop.call.type[i] = memory
            loop.call.type[loop.call.n_in] = memory

    cdef object run(self, PyObject *const *arrays, const double *parameters, object out):
        """The result, or None when the ufunc has to do it.  arrays[0] is plain."""
        cdef cnp.ndarray x = <object>arrays[0]
        cdef int i
        cdef fa_call call = call_of(&self.loops[<int>dtype_of(x)])
        cdef bint single = call.dtype == FA_F32
        cdef char *data[FA_MAX_IN + FA_MAX_OUT]
        cdef ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT]
        cdef double wide[FA_MAX_IN]
        cdef float narrow[FA_MAX_IN]
        cdef ptrdiff_t item = cnp.PyArray_ITEMSIZE(x)
        cdef bint fresh = out is None
        if not fresh and not is_like(x, out):
            return None
        for i in range(self.n_array):
            if i and not is_like(x, <object>arrays[i]):
                return None
            if not fresh and not may_write(out, <object>arrays[i]):
                return None
            data[i] = cnp.PyArray_BYTES(<object>arrays[i])
            step[i] = item
        if fresh:
            out = new_like(x, cnp.NPY_CORDER, NULL, 0)  # with its dtype's metadata, as the ufunc has it
        for i in range(self.n_parameter):
            wide[i] = parameters[i]
            data[self.n_array + i] = <char *>&narrow[i] if single else <char *>&wide[i]
            step[self.n_array + i] = 0
        if self.n_parameter and single:
            fa_narrow_parameters(self.n_parameter, wide, narrow)
        data[call.n_in] = cnp.PyArray_BYTES(out)
        step[call.n_in] = item
        run_kernel(&call, <size_t>cnp.PyArray_SIZE(x), data, step)
        return out


cdef inline void run_kernel(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step):
    """Gives up the GIL where that costs less than the kernel."""
    if n < 4096:
        fa_elementwise(call, n, data, step)
    else:
        with nogil:
            fa_elementwise(call, n, data, step)


cdef inline bint as_double(object value, double *result) except -1:
    if PyFloat_CheckExact(value):
        result[0] = PyFloat_AS_DOUBLE(value)
        return True
    if PyLong_CheckExact(value):
        try:
            result[0] = PyLong_AsDouble(value)
        except OverflowError:
            return False  # bind() says what is wrong
        return True
    return False


cdef class _Callable:
    """A function over one or more ufuncs, which reads, binds and pickles like a Python function."""
    cdef vectorcallfunc vectorcall
    cdef dict __dict__
    cdef object __weakref__
    cdef readonly object ufunc
    cdef int n_array
    cdef str label  # its name in errors

    def _describe(self, row, bint is_vjp, signature, doc):
        self.label = ("vjp." if is_vjp else "") + row["name"]
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
            raise TypeError(f"{self.label}() misses its operand {missing[0]!r}: expected {self.label}{self.__text_signature__}")
        return args + tuple(kwargs.pop(name) for name in names)


cdef class Parametric(_Callable):
    """A function whose parameters are further operands of its ufunc."""
    cdef Lane lane
    cdef tuple names, defaults
    cdef double numbers[FA_MAX_IN]  # the defaults
    cdef int n_required
    cdef bint has_lane

    def __init__(self, int index, dict row, bint is_vjp, ufunc):
        self.ufunc = ufunc
        self.lane = Lane(index, row, is_vjp)
        self.has_lane = ufunc.nout == 1
        self.n_array = self.lane.n_array
        self.vectorcall = parametric_call
        use_vectorcall(self, &self.vectorcall)
        self.names, self.defaults = _docs.parameters(row)
        self.n_required = self.defaults.count(None)
        for position, value in enumerate(self.defaults):
            self.numbers[<int>position] = 0 if value is None else value
        self._describe(row, is_vjp, _docs.signature(row, is_vjp), _docs.function(row, is_vjp))

    cdef list bind(self, tuple args, dict kwargs):
        """Parameter values by position and name; takes the names it knows out of kwargs."""
        values = list(self.defaults)
        given = args[self.n_array:]
        if len(given) > len(values):
            raise TypeError(f"{self.label}() got {len(args)} operands: expected {self.label}{self.__text_signature__}")
        values[:len(given)] = given
        for position, name in enumerate(self.names):
            named = name in kwargs
            if named:
                if position < len(given):
                    raise TypeError(f"{self.label}() got {name!r} by position and by name: give it once")
                values[position] = kwargs.pop(name)
            if values[position] is None:
                what = f"got {name}=None" if named or position < len(given) else f"misses its parameter {name!r}"
                raise TypeError(f"{self.label}() {what}: expected {self.label}{self.__text_signature__}")
            if PyLong_CheckExact(values[position]) and values[position].bit_length() > 1024:
                raise OverflowError(
                    f"{self.label}() got for {name} an integer of {values[position].bit_length()} bits: expected a number that "
                    "float64 can hold, of at most 1.8e308")
        return values

    def __call__(self, *args, **kwargs):
        arrays = self.arrays_of(args, kwargs)
        return self.through_ufunc(arrays, self.bind(args, kwargs), kwargs)

    cdef object through_ufunc(self, tuple arrays, list values, dict kwargs):
        x = arrays[0]
        if getattr(x, "dtype", None) is None and not hasattr(x, "__array_ufunc__"):
            x = np.asarray(x)
        operands = (x, *arrays[1:], *values)
        if "sig" not in kwargs and "signature" not in kwargs and in_single(operands, kwargs.get("dtype")):
            if is_half(own_dtype(x)) and "dtype" not in kwargs and not all([fits(v, own_dtype(x)) for v in values]):
                kwargs["dtype"] = np.float32  # what NumPy makes of both; half loops take single parameters
            operands = (x, *arrays[1:], *[narrowed(v) if is_weak(v) else v for v in values])
        return self.ufunc(*operands, **kwargs)


cdef bint is_weak(object value):
    """A number of Python's, which takes the dtype it meets; NumPy's scalars have one of their own."""
    return isinstance(value, (float, int)) and not isinstance(value, np.generic)


cdef object own_dtype(object value):
    """The dtype, also of what has none of its own but becomes an array (pandas.DataFrame)."""
    return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype


cdef bint fits(object value, object dtype):
    if is_weak(value):
        return True
    own = own_dtype(value)
    return isinstance(own, np.dtype) and np.can_cast(own, dtype)


cdef bint in_single(tuple operands, object dtype):
    """Whether the loop for these operands computes in float32; where their dtypes are not NumPy's it is not known."""
    if dtype is not None:
        return isinstance(getattr(operands[0], "dtype", None), np.dtype) and np.can_cast(dtype, np.float32)
    return all([fits(operand, np.float32) for operand in operands])


cdef bint is_half(object dtype):
    return dtype.itemsize == 2 and dtype.kind not in "iu"


cdef object narrowed(object value):
    """A number as a float32 scalar, rounded as the direct lane does and in silence."""
    cdef double wide = value
    cdef float narrow
    fa_narrow_parameters(1, &wide, &narrow)
    return np.frombuffer((<char *>&narrow)[:sizeof(narrow)], np.float32)[0]


cdef class Choice(_Callable):
    """A function whose keyword chooses among ufuncs: gelu's approximate."""
    cdef readonly dict ufuncs
    cdef dict lanes
    cdef Lane default_lane
    cdef str keyword

    def __init__(self, str keyword, dict forms, bint is_vjp):
        self.keyword = keyword
        rows = {form: table[name][1] for form, name in forms.items()}
        self.ufuncs = {form: ufunc(name, is_vjp) for form, name in forms.items()}
        self.lanes = {form: Lane(*table[name], is_vjp) for form, name in forms.items()}
        self.ufunc = next(iter(self.ufuncs.values()))
        self.n_array = 2 if is_vjp else 1
        self.vectorcall = choice_call
        use_vectorcall(self, &self.vectorcall)
        self.default_lane = next(iter(self.lanes.values()))
        choice, row = next(iter(rows.items()))
        signature = f"({_docs.operands(row, is_vjp)}, {keyword}={choice!r}, **ufunc_keywords)"
        self._describe(row, is_vjp, signature, _docs.function(row, is_vjp, keyword, rows))

    def __call__(self, *args, **kwargs):
        arrays = self.arrays_of(args, kwargs)
        if len(args) > self.n_array + 1 or (len(args) > self.n_array and self.keyword in kwargs):
            raise TypeError(f"{self.label}() got too many operands: expected {self.label}{self.__text_signature__}")
        if len(args) > self.n_array:
            choice = args[self.n_array]
        else:
            choice = kwargs.pop(self.keyword, next(iter(self.ufuncs)))
        if not isinstance(choice, str) or choice not in self.ufuncs:
            expected = " or ".join(map(repr, self.ufuncs))
            raise ValueError(f"{self.label}() got {self.keyword}={choice!r}: expected {expected}")
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
    cdef bint direct = (
        n_array + function.n_required <= n <= n_array + n_parameter and only_out(names) and function.has_lane
        and is_plain(<object>operands[0]))
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
            elif name == function.keyword and isinstance(<object>operands[n + i], str):
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


cdef PyObject *ufunc_call(PyObject *callable, PyObject *const *operands, size_t flags, PyObject *names) except NULL:
    """The direct lane of a bare ufunc: plain arrays, and at most the result's array after them or as out."""
    cdef Lane lane = <Lane>(<PyUFuncObject *>callable).obj
    cdef Py_ssize_t n = PyVectorcall_NARGS(flags)
    if ((n == lane.n_array and only_out(names)) or (n == lane.n_array + 1 and names == NULL)) and is_plain(<object>operands[0]):
        result = lane.run(operands, NULL, <object>operands[lane.n_array] if n > lane.n_array or names != NULL else None)
        if result is not None:
            Py_INCREF(result)
            return <PyObject *>result
    return lane.ufunc_machinery(callable, operands, flags, names)


def put_before(Lane lane, ufunc):
    """Let calls of a ufunc without parameters come to the lane first.  It stays a numpy.ufunc: its vectorcall slot (PEP 590)
    is a field of the struct that NumPy's C interface publishes."""
    cdef PyUFuncObject *plain = <PyUFuncObject *><PyObject *>ufunc
    lane.ufunc_machinery = plain.vectorcall
    plain.obj = <PyObject *>lane
    Py_INCREF(lane)
    plain.vectorcall = ufunc_call
