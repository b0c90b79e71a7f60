# softmax, log_softmax, softmin and logsumexp: the direct lane of plain contiguous arrays.  Arguments beyond those are
# handled in reductions.py, other layouts in _row_axes.pxi; no arithmetic on elements here.

from ._passages import with_passages


cdef inline bint disjoint(cnp.ndarray x, cnp.ndarray y):
    cdef char *a = cnp.PyArray_BYTES(x)
    cdef char *b = cnp.PyArray_BYTES(y)
    return a + cnp.PyArray_NBYTES(x) <= b or b + cnp.PyArray_NBYTES(y) <= a


cdef inline bint takes(cnp.ndarray x, object out):
    """Whether out is a plain array for the result of x."""
    return is_like(x, out) and cnp.PyArray_ISWRITEABLE(out) and (
        cnp.PyArray_BYTES(x) == cnp.PyArray_BYTES(out) or disjoint(x, out))


cdef object direct(int which, object x, object axis, object out):
    """softmax or log_softmax of a plain array, or None when reductions.py has to look at the arguments."""
    cdef fa_row_shape shape
    cdef fa_row_array source, target
    cdef int a, status
    cdef PyThreadState *others
    if not is_plain(x):
        return None
    a = plain_axis(x, axis)
    if a == NO_AXIS:
        return None
    if out is None:
        out = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
    elif not takes(x, out):
        return None
    plain_rows(x, a, &shape, source.step)
    source.data = cnp.PyArray_BYTES(x)
    target.step = source.step
    target.data = cnp.PyArray_BYTES(out)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.map(which, &shape, source, target)
    others_wait(others)
    if status != 0:
        raise MemoryError
    return out


cdef object direct_vjp(int which, object y, object g, object axis):
    """vjp of softmax or log_softmax for plain arrays of one shape and dtype, or None when reductions.py has to look."""
    cdef fa_row_shape shape
    cdef fa_row_array result, gradient, target
    cdef int a, status
    cdef PyThreadState *others
    if not is_plain(y) or not is_plain(g) or (<cnp.ndarray>y).size == 0:
        return None
    a = plain_axis(y, axis)
    if a == NO_AXIS or not is_like(y, g):
        return None
    dx = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(y), cnp.PyArray_DIMS(y), cnp.PyArray_TYPE(y), 0)
    plain_rows(y, a, &shape, result.step)
    gradient.step = result.step
    target.step = result.step
    result.data, gradient.data, target.data = cnp.PyArray_BYTES(y), cnp.PyArray_BYTES(g), cnp.PyArray_BYTES(dx)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.vjp(which, &shape, result, gradient, target)
    others_wait(others)
    if status != 0:
        raise MemoryError
    return dx


cdef int reduced_dims(cnp.ndarray x, int axis, bint keepdims, cnp.npy_intp *dims):
    """The shape of x without axis, or with length 1 there; returns the number of dimensions."""
    cdef int d, n_dims = 0
    for d in range(cnp.PyArray_NDIM(x)):
        if keepdims or not (axis == ALL_AXES or axis == d):
            dims[n_dims] = 1 if axis == ALL_AXES or axis == d else cnp.PyArray_DIM(x, d)
            n_dims += 1
    return n_dims


cdef bint has_dims(cnp.ndarray x, int n_dims, const cnp.npy_intp *dims, object out):
    """Whether out is a plain array of these dimensions and the dtype of x."""
    cdef int d
    if not is_plain(out) or cnp.PyArray_TYPE(out) != cnp.PyArray_TYPE(x) or cnp.PyArray_NDIM(out) != n_dims:
        return False
    for d in range(n_dims):
        if cnp.PyArray_DIM(out, d) != dims[d]:
            return False
    return True


cdef inline void reduced_steps(const fa_row_shape *shape, ptrdiff_t item, ptrdiff_t *step):
    """One plain element for each row."""
    step[1] = item
    step[0] = <ptrdiff_t>shape.inner * item
    step[2] = 0


def direct_vjp_logsumexp(x, g, axis):
    """vjp of logsumexp for plain arrays of one dtype, or None when reductions.py has to look."""
    cdef fa_row_shape shape
    cdef fa_row_array source, gradient, target
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef int a, status
    cdef PyThreadState *others
    if not is_plain(x) or not is_plain(g) or (<cnp.ndarray>x).size == 0:
        return None
    a = plain_axis(x, axis)
    if a == NO_AXIS:
        return None
    if not (has_dims(x, reduced_dims(x, a, False, dims), dims, g) or has_dims(x, reduced_dims(x, a, True, dims), dims, g)):
        return None
    dx = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
    plain_rows(x, a, &shape, source.step)
    target.step = source.step
    reduced_steps(&shape, cnp.PyArray_ITEMSIZE(x), gradient.step)
    source.data, gradient.data, target.data = cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(g), cnp.PyArray_BYTES(dx)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.vjp_logsumexp(&shape, source, gradient, target)
    others_wait(others)
    if status != 0:
        raise MemoryError
    return dx


cdef object general = None  # reductions.py's way through; set when that module loads


def set_general(functions):
    """reductions.py hands its argument handling over: (map_general, logsumexp_general, _vjp_of_map)."""
    global general
    general = functions


@with_passages(hidden="0")
def softmax(x, axis=-1, *, where=None, out=None, dtype=None):
    """Softmax: e^x divided by its sum over `axis`.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64; bool and 8 and 16 bit integers compute in float32, wider integers in
        float64.
    [axis]
    [where]
    [out and dtype]

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


@with_passages(hidden="-inf")
def log_softmax(x, axis=-1, *, where=None, out=None, dtype=None):
    """The logarithm of softmax: x minus logsumexp(x) over `axis`.

    [x as softmax]
    axis : int, tuple of ints, or None, default -1
        The axis of the sum; None: the whole array.
    [where]
    [out and dtype]

    [raises as softmax]

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


@with_passages(hidden="0")
def softmin(x, axis=-1, *, where=None, out=None, dtype=None):
    """Softmin: softmax of -x.

    [x as softmax]
    [axis]
    [where]
    [out and dtype]

    [raises as softmax]

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


cdef object direct_logsumexp(object x, object axis, bint keepdims, object out):
    cdef fa_row_shape shape
    cdef fa_row_array source, target
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef int a, status, n_dims
    cdef PyThreadState *others
    cdef cnp.ndarray result
    if not is_plain(x):
        return None
    a = plain_axis(x, axis)
    if a == NO_AXIS:
        return None
    n_dims = reduced_dims(x, a, keepdims, dims)
    if out is None:
        result = cnp.PyArray_EMPTY(n_dims, dims, cnp.PyArray_TYPE(x), 0)
    elif has_dims(x, n_dims, dims, out) and cnp.PyArray_ISWRITEABLE(out) and disjoint(x, out):
        result = out
    else:
        return None
    plain_rows(x, a, &shape, source.step)
    reduced_steps(&shape, cnp.PyArray_ITEMSIZE(x), target.step)
    source.data, target.data = cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(result)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.logsumexp(&shape, source, target)
    others_wait(others)
    if status != 0:
        raise MemoryError
    return result if n_dims else cnp.PyArray_ToScalar(target.data, result)


@with_passages()
def logsumexp(x, axis=-1, *, keepdims=False, where=None, out=None, dtype=None):
    """The logarithm of the sum of e^x over `axis`.

    [x as softmax]
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

    [raises as softmax]

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
    if where is None and dtype is None and type(keepdims) is bool:
        result = direct_logsumexp(x, axis, keepdims, out)
        if result is not None:
            return result
    return general[1](logsumexp, x, axis, keepdims, where, out, dtype)


@with_passages(map="softmax")
def vjp_softmax(*, y, g, axis=-1):
    """Gradient of softmax: y * (g - sum(g * y)), the sum over `axis`.

    [vjp of a map]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.vjp.softmax(y=np.array([0.25, 0.75]), g=np.array([1.0, 0.0]))
    array([ 0.1875, -0.1875])
    """
    result = direct_vjp(FA_VJP_SOFTMAX, y, g, axis)
    return general[2]("vjp.softmax", FA_VJP_SOFTMAX, y, g, axis) if result is None else result


@with_passages(map="log_softmax")
def vjp_log_softmax(*, y, g, axis=-1):
    """Gradient of log_softmax: g - exp(y) * sum(g), the sum over `axis`.

    [vjp of a map]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.vjp.log_softmax(y=np.log([0.25, 0.75]), g=np.array([1.0, 0.0])).round(6)
    array([ 0.75, -0.75])
    """
    result = direct_vjp(FA_VJP_LOG_SOFTMAX, y, g, axis)
    return general[2]("vjp.log_softmax", FA_VJP_LOG_SOFTMAX, y, g, axis) if result is None else result


def direct_map(x, axis, int which, out):
    """A map of a plain array, or None."""
    return direct(which, x, axis, out)


def direct_sum(x, axis, bint keepdims, out):
    """logsumexp of a plain array, or None."""
    return direct_logsumexp(x, axis, keepdims, out)


GUFUNCS = (
    (softmax, "(n)->(n)", MAPS, FA_SOFTMAX, 2),
    (log_softmax, "(n)->(n)", MAPS, FA_LOG_SOFTMAX, 2),
    (softmin, "(n)->(n)", MAPS, FA_SOFTMIN, 2),
    (logsumexp, "(n)->()", LOGSUMEXPS, 0, 2),
)
for _function, _signature, _kind, _which, _count in GUFUNCS:
    _function.__module__ = "fastact"
    _function.gufunc = make_gufunc(
        f"{_function.__name__}.gufunc", _signature, f"{_function.__name__} over the last axis; see fastact.{_function.__name__}.",
        _kind, _which, _count)
    try:
        _function.gufunc.__module__ = "fastact"  # where pickle finds it by its dotted name
    except AttributeError:
        pass  # ufuncs of an older NumPy take no attributes: pickle searches all modules
