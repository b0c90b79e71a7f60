"""Direct lane and gufuncs of the softmax family, and the entry to the row losses.  Arguments beyond plain arrays are
handled in reductions.py and losses.py; no arithmetic on elements here."""

cimport numpy as cnp
from cpython.exc cimport PyErr_NoMemory
from cpython.long cimport PyLong_AsLong, PyLong_CheckExact
from libc.stdint cimport int64_t
from ._core cimport FA_F32, FA_F64, fa_dtype, row_entries

import numpy as np

cnp.import_array()
cnp.import_ufunc()

cdef extern from "rows_api.h" nogil:
    ctypedef struct fa_row_loss:
        const void *weight
        double weight_sum
        double smoothing
        double factor

    ctypedef struct fa_row_array:
        char *data
        ptrdiff_t step[3]

    ctypedef struct fa_row_shape:
        fa_dtype dtype
        size_t outer, inner, n

    ctypedef struct fa_row_loss_call:
        fa_row_loss loss
        const int64_t *index
        int64_t ignore_index
        fa_row_array target, gradient
        void *each
        double *sum

    ctypedef struct fa_row_entries:
        int (*map)(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y) noexcept nogil
        int (*logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array y) noexcept nogil
        int (*vjp)(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx) noexcept nogil
        int (*vjp_logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx) noexcept nogil
        int (*losses)(int which, const fa_row_shape *shape, fa_row_array x, const fa_row_loss_call *call) noexcept nogil
        ptrdiff_t (*bad_index)(const int64_t *index, size_t count, size_t n, int64_t ignore_index) noexcept nogil
        double (*weight_of)(
            fa_dtype dtype, const int64_t *index, size_t count, int64_t ignore_index, const void *weight) noexcept nogil

    enum:
        FA_SOFTMAX
        FA_LOG_SOFTMAX
        FA_SOFTMIN
        FA_VJP_SOFTMAX
        FA_VJP_LOG_SOFTMAX
        FA_CROSS_ENTROPY
        FA_CROSS_ENTROPY_PROBABILITIES
        FA_NLL
        FA_PROBABILITY_CROSS_ENTROPY

cdef const fa_row_entries *rows = <const fa_row_entries *>row_entries()

# What a call does: a map, logsumexp, or one of the vector-Jacobian products.
cdef enum Kind:
    MAP, LOGSUMEXP, VJP, VJP_LOGSUMEXP

cdef enum:
    MAX_DIMS = 64
    MAX_OPERANDS = 3

cdef struct Job:
    Kind kind
    int which
    int n_operands


cdef int run(const Job *job, const fa_row_shape *shape, const fa_row_array *operand) noexcept nogil:
    if job.kind == MAP:
        return rows.map(job.which, shape, operand[0], operand[1])
    if job.kind == LOGSUMEXP:
        return rows.logsumexp(shape, operand[0], operand[1])
    if job.kind == VJP:
        return rows.vjp(job.which, shape, operand[0], operand[1], operand[2])
    return rows.vjp_logsumexp(shape, operand[0], operand[1], operand[2])


cdef inline fa_dtype dtype_of(cnp.ndarray x) noexcept:
    return FA_F32 if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else FA_F64


# --- gufuncs: one call with the outer dimensions coalesced -------------------------------------------------------

cdef struct Loop:
    Job job
    fa_dtype dtype


cdef void gufunc_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef const Loop *loop = <const Loop *>data
    cdef fa_row_shape shape
    cdef fa_row_array operand[MAX_OPERANDS]
    cdef int i, core = loop.job.n_operands
    shape.dtype, shape.outer, shape.inner, shape.n = loop.dtype, 1, <size_t>dimensions[0], <size_t>dimensions[1]
    for i in range(loop.job.n_operands):
        operand[i].data, operand[i].step[0], operand[i].step[1] = args[i], 0, steps[i]
        operand[i].step[2] = 0
        if not (i == 1 and (loop.job.kind == LOGSUMEXP or loop.job.kind == VJP_LOGSUMEXP)):
            operand[i].step[2] = steps[core]
            core += 1
    if run(&loop.job, &shape, operand) != 0:
        with gil:
            raise_memory_error()


cdef void raise_memory_error() noexcept:

    try:
        PyErr_NoMemory()
    except MemoryError:
        pass


cdef list kept = []  # what NumPy holds bare pointers to
cdef Loop loops[16]
cdef void *loop_data[16]
cdef char loop_types[16 * MAX_OPERANDS]
cdef cnp.PyUFuncGenericFunction loop_functions[16]
cdef int n_loops = 0


cdef object make_gufunc(name, signature, doc, Kind kind, int which, int n_operands):
    global n_loops
    cdef int first = n_loops, i
    cdef char *types = loop_types + MAX_OPERANDS * first
    for position, (dtype, number) in enumerate(((FA_F32, cnp.NPY_FLOAT), (FA_F64, cnp.NPY_DOUBLE))):
        loops[n_loops] = Loop(Job(kind, which, n_operands), dtype)
        loop_data[n_loops] = &loops[n_loops]
        loop_functions[n_loops] = gufunc_loop
        for i in range(n_operands):
            types[position * n_operands + i] = <char><int>number
        n_loops += 1
    texts = [text.encode() for text in (name, doc, signature)]
    kept.append(texts)
    return cnp.PyUFunc_FromFuncAndDataAndSignature(
        loop_functions + first, loop_data + first, types, 2, n_operands - 1, 1, cnp.PyUFunc_None,
        texts[0], texts[1], 0, texts[2])


# --- any layout of plain arrays ----------------------------------------------------------------------------------

cdef struct Layout:
    int n_dims
    Py_ssize_t dim[MAX_DIMS]
    ptrdiff_t step[MAX_OPERANDS][MAX_DIMS]


cdef bint merges(const Layout *layout, list arrays, int d) noexcept:
    """Whether dimension d continues the layout's last one in every operand."""
    cdef int i, last = layout.n_dims - 1
    for i in range(len(arrays)):
        if layout.step[i][last] != cnp.PyArray_STRIDE(arrays[i], d) * cnp.PyArray_DIM(arrays[0], d):
            return False
    return True


cdef void lay_out(Layout *layout, list arrays, int axis) noexcept:
    """The dimensions but axis, those that can be walked as one merged."""
    cdef int d, i
    layout.n_dims = 0
    for d in range(cnp.PyArray_NDIM(arrays[0])):
        if d == axis or cnp.PyArray_DIM(arrays[0], d) == 1:
            continue
        if layout.n_dims and merges(layout, arrays, d):
            layout.dim[layout.n_dims - 1] *= cnp.PyArray_DIM(arrays[0], d)
        else:
            layout.dim[layout.n_dims] = cnp.PyArray_DIM(arrays[0], d)
            layout.n_dims += 1
        for i in range(len(arrays)):
            layout.step[i][layout.n_dims - 1] = cnp.PyArray_STRIDE(arrays[i], d)


cdef int walk(const Job *job, fa_row_shape *shape, fa_row_array *operand, const Layout *layout, int d) noexcept nogil:
    """Runs the job over the dimensions from d on; the last two are the C entry's own loops."""
    cdef int i, left = layout.n_dims - d
    cdef Py_ssize_t k
    cdef fa_row_array moved[MAX_OPERANDS]
    if left > 2:
        for i in range(job.n_operands):
            moved[i] = operand[i]
        for k in range(layout.dim[d]):
            if walk(job, shape, moved, layout, d + 1) != 0:
                return -1
            for i in range(job.n_operands):
                moved[i].data += layout.step[i][d]
        return 0
    shape.outer = <size_t>layout.dim[d] if left == 2 else 1
    shape.inner = <size_t>layout.dim[layout.n_dims - 1] if left else 1
    for i in range(job.n_operands):
        operand[i].step[0] = layout.step[i][d] if left == 2 else 0
        operand[i].step[1] = layout.step[i][layout.n_dims - 1] if left else 0
    return run(job, shape, operand)


cdef object over_axis(Job job, list arrays, int axis):
    """Runs the job on aligned native arrays of one dtype and dimension; an operand without rows has length 1 on axis."""
    cdef Layout layout
    cdef fa_row_shape shape
    cdef fa_row_array operand[MAX_OPERANDS]
    cdef cnp.ndarray x = arrays[0]
    cdef int i, status
    lay_out(&layout, arrays, axis)
    for d in range(layout.n_dims):
        if layout.dim[d] == 0:
            return
    shape.dtype, shape.n = dtype_of(x), <size_t>cnp.PyArray_DIM(x, axis)
    for i in range(job.n_operands):
        operand[i].data = cnp.PyArray_BYTES(arrays[i])
        operand[i].step[2] = cnp.PyArray_STRIDE(arrays[i], axis)
    with nogil:
        status = walk(&job, &shape, operand, &layout, 0)
    if status != 0:
        raise MemoryError


def map_axis(int which, x, y, int axis):
    """A map (FA_SOFTMAX, FA_LOG_SOFTMAX, FA_SOFTMIN) of x into y."""
    over_axis(Job(MAP, which, 2), [x, y], axis)


def logsumexp_axis(x, y, int axis):
    """logsumexp of x into y, which has length 1 on axis."""
    over_axis(Job(LOGSUMEXP, 0, 2), [x, y], axis)


def vjp_axis(int which, y, g, dx, int axis):
    """vjp of softmax (FA_VJP_SOFTMAX) or log_softmax (FA_VJP_LOG_SOFTMAX) into dx."""
    over_axis(Job(VJP, which, 3), [y, g, dx], axis)


def vjp_logsumexp_axis(x, g, dx, int axis):
    """vjp of logsumexp into dx; g has length 1 on axis."""
    over_axis(Job(VJP_LOGSUMEXP, 0, 3), [x, g, dx], axis)


# --- the direct lane ---------------------------------------------------------------------------------------------

cdef inline bint is_plain(object x):
    return (
        cnp.PyArray_CheckExact(x) and cnp.PyArray_NDIM(x) > 0 and cnp.PyArray_ISCARRAY_RO(x)
        and (cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT or cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE)
    )


cdef inline bint same_memory_or_disjoint(cnp.ndarray x, cnp.ndarray y):
    cdef char *a = cnp.PyArray_BYTES(x)
    cdef char *b = cnp.PyArray_BYTES(y)
    return a == b or a + cnp.PyArray_NBYTES(x) <= b or b + cnp.PyArray_NBYTES(y) <= a


cdef inline bint takes(cnp.ndarray x, object out):
    """Whether out is a plain array for the result of x."""
    cdef int i
    if not is_plain(out) or not cnp.PyArray_ISWRITEABLE(out) or cnp.PyArray_TYPE(out) != cnp.PyArray_TYPE(x):
        return False
    if cnp.PyArray_NDIM(out) != cnp.PyArray_NDIM(x):
        return False
    for i in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(out, i) != cnp.PyArray_DIM(x, i):
            return False
    return same_memory_or_disjoint(x, out)


cdef inline int plain_axis(cnp.ndarray x, object axis):
    """axis from 0 on, or -1 if it takes more thought."""
    cdef long a
    if not PyLong_CheckExact(axis):
        return -1
    a = PyLong_AsLong(axis)
    if a < 0:
        a += cnp.PyArray_NDIM(x)
    return <int>a if 0 <= a < cnp.PyArray_NDIM(x) else -1


cdef inline void plain_rows(cnp.ndarray x, int axis, fa_row_shape *shape, ptrdiff_t *step):
    """The rows of a C-contiguous array along axis."""
    cdef int d
    shape.dtype, shape.outer, shape.inner, shape.n = dtype_of(x), 1, 1, <size_t>cnp.PyArray_DIM(x, axis)
    for d in range(axis):
        shape.outer *= <size_t>cnp.PyArray_DIM(x, d)
    for d in range(axis + 1, cnp.PyArray_NDIM(x)):
        shape.inner *= <size_t>cnp.PyArray_DIM(x, d)
    step[1] = cnp.PyArray_ITEMSIZE(x)
    step[2] = <ptrdiff_t>shape.inner * step[1]
    step[0] = <ptrdiff_t>shape.n * step[2]


cdef object direct(int which, object x, object axis, object out):
    """softmax or log_softmax of a plain array, or None when reductions.py has to look at the arguments."""
    cdef fa_row_shape shape
    cdef fa_row_array source, target
    cdef int a, status
    if not is_plain(x):
        return None
    a = plain_axis(x, axis)
    if a < 0:
        return None
    if out is None:
        out = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
    elif not takes(x, out):
        return None
    plain_rows(x, a, &shape, source.step)
    source.data = cnp.PyArray_BYTES(x)
    target.step = source.step
    target.data = cnp.PyArray_BYTES(out)
    with nogil:
        status = rows.map(which, &shape, source, target)
    if status != 0:
        raise MemoryError
    return out


cdef object general = None  # reductions.py's way through; set when that module loads


def set_general(functions):
    """reductions.py hands its argument handling over: (map_general, logsumexp_general)."""
    global general
    general = functions


def softmax(x, axis=-1, *, where=None, out=None, dtype=None):
    """Softmax: e^x divided by its sum over `axis`.

    Parameters
    ----------
    x : array_like
        float32 or float64; bool and 8 and 16 bit integers compute in float32, wider integers in float64, float16 in
        float32 and back.
    axis : int, tuple of ints, or None, default -1
        What sums to 1; None: the whole array.
    where : array_like of bool, optional
        Broadcast against x. Where False the element is left out, whatever stands there, and the result is 0.
    out : ndarray, optional
        Takes the result; may be x itself.
    dtype : dtype, optional
        x is converted to it first.

    Returns
    -------
    ndarray or scalar
        Of x's shape; out if given.

    Raises
    ------
    numpy.exceptions.AxisError
        If `axis` is not one of x's.
    ValueError
        For axis=(), or an out or where of another shape.
    TypeError
        For complex, longdouble, object, string and datetime elements.

    Notes
    -----
    At most 1.0 ULP (float32; 2.0 ULP float64) from the true value at any length and spread; the same bits for any
    layout, number of threads and instruction set among AVX2, AVX-512 and NEON. A NaN makes its row NaN, as do +inf and
    a row that is all -inf; a row that is left out altogether gives 0. A masked array's mask acts as `where`. No
    floating-point warning is raised. `softmax.gufunc` is the gufunc (n)->(n), which other libraries' arrays go through.

    References
    ----------
    Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.softmax(np.array([1000.0, 1001.0, 1002.0])).round(4)
    array([0.09  , 0.2447, 0.6652])
    """
    if where is None and dtype is None:
        result = direct(FA_SOFTMAX, x, axis, out)
        if result is not None:
            return result
    return general[0](softmax, FA_SOFTMAX, x, axis, where, out, dtype)


def log_softmax(x, axis=-1, *, where=None, out=None, dtype=None):
    """The logarithm of softmax: x minus logsumexp(x) over `axis`.

    Parameters
    ----------
    x : array_like
        As `softmax`.
    axis : int, tuple of ints, or None, default -1
        The axis of the sum; None: the whole array.
    where : array_like of bool, optional
        Broadcast against x. Where False the element is left out, whatever stands there, and the result is -inf.
    out : ndarray, optional
        Takes the result; may be x itself.
    dtype : dtype, optional
        x is converted to it first.

    Returns
    -------
    ndarray or scalar
        Of x's shape; out if given.

    Raises
    ------
    numpy.exceptions.AxisError, ValueError, TypeError
        As `softmax`.

    Notes
    -----
    Accuracy, same bits and special values as `softmax`. What the others add to the maximum is kept apart to the end, so
    that log_softmax([0, -20, -25])[0] is -2.08e-9, not 0.

    References
    ----------
    Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.log_softmax(np.array([0.0, -20.0, -25.0]))[0]
    np.float64(-2.0750415...e-09)
    """
    if where is None and dtype is None:
        result = direct(FA_LOG_SOFTMAX, x, axis, out)
        if result is not None:
            return result
    return general[0](log_softmax, FA_LOG_SOFTMAX, x, axis, where, out, dtype)


def softmin(x, axis=-1, *, where=None, out=None, dtype=None):
    """Softmin: softmax of -x.

    Parameters
    ----------
    x : array_like
        As `softmax`.
    axis : int, tuple of ints, or None, default -1
        What sums to 1; None: the whole array.
    where : array_like of bool, optional
        Broadcast against x. Where False the element is left out and the result is 0.
    out : ndarray, optional
        Takes the result; may be x itself.
    dtype : dtype, optional
        x is converted to it first.

    Returns
    -------
    ndarray or scalar
        Of x's shape; out if given.

    Raises
    ------
    numpy.exceptions.AxisError, ValueError, TypeError
        As `softmax`.

    Notes
    -----
    Accuracy, same bits and special values are those of `softmax`.

    References
    ----------
    Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.softmin(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    if where is None and dtype is None:
        result = direct(FA_SOFTMIN, x, axis, out)
        if result is not None:
            return result
    return general[0](softmin, FA_SOFTMIN, x, axis, where, out, dtype)


cdef object direct_logsumexp(object x, object axis, bint keepdims):
    cdef fa_row_shape shape
    cdef fa_row_array source, target
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef int a, d, status, n_dims = 0
    if not is_plain(x):
        return None
    a = plain_axis(x, axis)
    if a < 0 or (cnp.PyArray_NDIM(x) == 1 and not keepdims):
        return None
    for d in range(cnp.PyArray_NDIM(x)):
        if d != a or keepdims:
            dims[n_dims] = 1 if d == a else cnp.PyArray_DIM(x, d)
            n_dims += 1
    out = cnp.PyArray_EMPTY(n_dims, dims, cnp.PyArray_TYPE(x), 0)
    plain_rows(x, a, &shape, source.step)
    source.data = cnp.PyArray_BYTES(x)
    target.data = cnp.PyArray_BYTES(out)
    target.step[1] = source.step[1]
    target.step[0] = <ptrdiff_t>shape.inner * source.step[1]
    with nogil:
        status = rows.logsumexp(&shape, source, target)
    if status != 0:
        raise MemoryError
    return out


def logsumexp(x, axis=-1, *, keepdims=False, where=None, out=None, dtype=None):
    """The logarithm of the sum of e^x over `axis`.

    Parameters
    ----------
    x : array_like
        As `softmax`.
    axis : int, tuple of ints, or None, default -1
        What is summed over; None: the whole array.
    keepdims : bool, default False
        Keep the reduced axes with length 1.
    where : array_like of bool, optional
        Broadcast against x. Where False the element is left out, whatever stands there.
    out : ndarray, optional
        Takes the result.
    dtype : dtype, optional
        x is converted to it first.

    Returns
    -------
    ndarray or scalar
        x's shape without `axis`; out if given.

    Raises
    ------
    numpy.exceptions.AxisError, ValueError, TypeError
        As `softmax`.

    Notes
    -----
    At most 1.0 ULP (float32) from the true value; where the result nearly cancels the error stays below
    2^-34 max(1, |max|). A NaN gives NaN; +inf gives +inf; nothing, or nothing but -inf, gives -inf. A masked array's mask
    acts as `where`. `logsumexp.gufunc` is the gufunc (n)->(), which other libraries' arrays go through.

    References
    ----------
    Blanchard, Higham, Higham, Accurately computing the log-sum-exp and softmax functions, 2021.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.logsumexp(np.array([1000.0, 1000.0]))
    np.float64(1000.6931471805599)
    """
    if where is None and dtype is None and out is None:
        result = direct_logsumexp(x, axis, keepdims)
        if result is not None:
            return result
    return general[1](logsumexp, x, axis, keepdims, where, out, dtype)


GUFUNCS = (
    (softmax, "(n)->(n)", MAP, FA_SOFTMAX, 2),
    (log_softmax, "(n)->(n)", MAP, FA_LOG_SOFTMAX, 2),
    (softmin, "(n)->(n)", MAP, FA_SOFTMIN, 2),
    (logsumexp, "(n)->()", LOGSUMEXP, 0, 2),
)
for _function, _signature, _kind, _which, _count in GUFUNCS:
    _function.__module__ = "fastact"
    _function.gufunc = make_gufunc(
        _function.__name__, _signature, f"{_function.__name__} over the last axis; see fastact.{_function.__name__}.",
        _kind, _which, _count)


# --- losses ------------------------------------------------------------------------------------------------------

def row_loss(
    int which, cnp.ndarray x, int axis, index, target, weight, double weight_sum, double smoothing, int64_t ignore_index,
    double factor, each, gradient,
):
    """The sum of the losses of the rows of x, an aligned native array that is C-contiguous or has at most two
    dimensions.  index: int64, contiguous, one for each row; or target: like x.  each takes the losses of the rows and
    gradient that of factor times their sum, unless they are None."""
    cdef fa_row_shape shape
    cdef fa_row_array source
    cdef fa_row_loss_call call
    cdef double total = 0
    cdef int status
    call.loss.weight = NULL if weight is None else <const void *>cnp.PyArray_BYTES(weight)
    call.loss.weight_sum, call.loss.smoothing, call.loss.factor = weight_sum, smoothing, factor
    call.ignore_index = ignore_index
    call.index = NULL if index is None else <const int64_t *>cnp.PyArray_BYTES(index)
    call.each = NULL if each is None else <void *>cnp.PyArray_BYTES(each)
    call.sum = &total
    steps_of(x, axis, &shape, &source)
    call.target.data = call.gradient.data = NULL
    if target is not None:
        steps_of(target, axis, NULL, &call.target)
    if gradient is not None:
        steps_of(gradient, axis, NULL, &call.gradient)
    with nogil:
        status = rows.losses(which, &shape, source, &call)
    if status != 0:
        raise MemoryError
    return total


cdef void steps_of(cnp.ndarray x, int axis, fa_row_shape *shape, fa_row_array *array):
    cdef fa_row_shape own
    plain_rows(x, axis, &own, array.step)
    if cnp.PyArray_NDIM(x) <= 2:
        array.step[0] = array.step[1] = array.step[2] = 0
        array.step[2] = cnp.PyArray_STRIDE(x, axis)
        if cnp.PyArray_NDIM(x) == 2:
            array.step[0 if axis == 1 else 1] = cnp.PyArray_STRIDE(x, 1 - axis)
    array.data = cnp.PyArray_BYTES(x)
    if shape != NULL:
        shape[0] = own


cdef object float32, float64
float32, float64 = np.float32, np.float64


def direct_cross_entropy(x, index, axis, ignore_index, reduction, bint with_gradient):
    """Cross-entropy of plain logits (rows, classes) and int64 indices, reduced by "mean" or "sum": loss, or (loss,
    gradient); None when losses.py has to look at the arguments, or to say what is wrong with them."""
    cdef fa_row_shape shape
    cdef fa_row_array source
    cdef fa_row_loss_call call
    cdef double total = 0, count = 1
    cdef int status
    if not (is_plain(x) and cnp.PyArray_NDIM(x) == 2 and plain_axis(x, axis) == 1 and PyLong_CheckExact(ignore_index)):
        return None
    if not (cnp.PyArray_CheckExact(index) and cnp.PyArray_TYPE(index) == cnp.NPY_INT64 and cnp.PyArray_NDIM(index) == 1
            and cnp.PyArray_ISCARRAY_RO(index) and cnp.PyArray_DIM(index, 0) == cnp.PyArray_DIM(x, 0)):
        return None
    plain_rows(x, 1, &shape, source.step)
    call.index = <const int64_t *>cnp.PyArray_BYTES(index)
    call.ignore_index = ignore_index
    if rows.bad_index(call.index, shape.outer, shape.n, call.ignore_index) >= 0:
        return None
    if reduction == "mean":
        count = rows.weight_of(shape.dtype, call.index, shape.outer, call.ignore_index, NULL)
        if count == 0:
            return None
    elif reduction != "sum":
        return None
    source.data = cnp.PyArray_BYTES(x)
    call.loss.weight, call.loss.weight_sum, call.loss.smoothing = NULL, <double>shape.n, 0
    call.loss.factor = 1 / count
    call.each, call.sum = NULL, &total
    call.target.data = call.gradient.data = NULL
    gradient = None
    if with_gradient:
        gradient = cnp.PyArray_EMPTY(2, cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
        call.gradient.data = cnp.PyArray_BYTES(gradient)
        call.gradient.step = source.step
    with nogil:
        status = rows.losses(FA_CROSS_ENTROPY, &shape, source, &call)
    if status != 0:
        raise MemoryError
    loss = float32(total / count) if shape.dtype == FA_F32 else float64(total / count)
    return (loss, gradient) if with_gradient else loss


def bad_index(cnp.ndarray index, Py_ssize_t n, int64_t ignore_index):
    """Position of the first index outside [0, n) that is not ignore_index, or -1; index is int64 and contiguous."""
    return rows.bad_index(
        <const int64_t *>cnp.PyArray_BYTES(index), <size_t>cnp.PyArray_SIZE(index), <size_t>n, ignore_index)


def weight_of(cnp.ndarray index, int64_t ignore_index, weight):
    """The sum of weight[index] over the rows that count, or their number if weight is None."""
    return rows.weight_of(
        FA_F64 if weight is None else dtype_of(weight), <const int64_t *>cnp.PyArray_BYTES(index),
        <size_t>cnp.PyArray_SIZE(index), ignore_index, NULL if weight is None else cnp.PyArray_BYTES(weight))


SOFTMAX, LOG_SOFTMAX, SOFTMIN = FA_SOFTMAX, FA_LOG_SOFTMAX, FA_SOFTMIN
VJP_SOFTMAX, VJP_LOG_SOFTMAX = FA_VJP_SOFTMAX, FA_VJP_LOG_SOFTMAX
CROSS_ENTROPY, CROSS_ENTROPY_PROBABILITIES = FA_CROSS_ENTROPY, FA_CROSS_ENTROPY_PROBABILITIES
NLL, PROBABILITY_CROSS_ENTROPY = FA_NLL, FA_PROBABILITY_CROSS_ENTROPY
