# The entry to the losses over rows.  Arguments beyond plain arrays are handled in losses.py and its helpers; no arithmetic on
# elements here.

from cpython.long cimport PyLong_AsLongLongAndOverflow

from functools import update_wrapper
import math


def row_loss(
    int which, cnp.ndarray x, int axis, index, target, weight, double weight_sum, double smoothing, int64_t ignore_index,
    double factor, each, gradient, bint flushes=False,
):
    """The sum of the losses of the rows of x, an aligned native array that is C-contiguous or has at most two
    dimensions.  index: int64, contiguous, one for each row; or target: like x.  each takes the losses of the rows and
    gradient that of factor times their sum, unless they are None; with flushes what is subnormal in it is 0."""
    cdef fa_row_shape shape
    cdef fa_row_array source
    cdef fa_row_loss_call call
    cdef double total = 0
    cdef int status
    cdef PyThreadState *others
    call.loss.weight = NULL if weight is None else <void *>cnp.PyArray_BYTES(weight)
    call.loss.weight_sum, call.loss.smoothing, call.loss.factor = weight_sum, smoothing, factor
    call.loss.flushes = flushes
    call.ignore_index = ignore_index
    call.index = NULL if index is None else <int64_t *>cnp.PyArray_BYTES(index)
    call.each = NULL if each is None else <void *>cnp.PyArray_BYTES(each)
    call.sum, call.mean = &total, NULL
    steps_of(x, axis, &shape, &source)
    call.target.data = call.gradient.data = NULL
    call.target_dtype = shape.dtype
    if target is not None:
        call.target_dtype = dtype_of(target)
        steps_of(target, axis, NULL, &call.target)
    if gradient is not None:
        steps_of(gradient, axis, NULL, &call.gradient)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.losses(which, &shape, &source, &call)
    others_wait(others)
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


cpdef object mean_of(cnp.ndarray x, double total, double count):
    """total / count as a scalar of x's dtype, rounded once, as C divides: 0 / 0 is NaN."""
    cdef double item
    rows.deliver(dtype_of(x), &item, total, count)
    return scalar_of(x, &item)


cdef inline object scalar_of(cnp.ndarray x, void *item):
    """What stands at item, as a scalar of x's dtype."""
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT:
        return float32_of((<float *>item)[0])
    return cnp.PyArray_ToScalar(item, x)


cpdef double quotient(double total, double count):
    """total / count in the default rounding, as C divides."""
    cdef double result
    rows.deliver(FA_F64, &result, total, count)
    return result


cdef extern from "fpstate.h":
    ctypedef struct fa_fp_state:
        pass
    fa_fp_state fa_fp_enter()
    void fa_fp_leave(fa_fp_state state)


def sum_of(weight):
    """The sum of an array's numbers, exact before it is rounded; NaN or infinity where they have none."""
    cdef fa_fp_state state
    numbers = weight.tolist()
    state = fa_fp_enter()
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)
    finally:
        fa_fp_leave(state)


cdef object plain_index(object target, cnp.ndarray x, int axis):
    """Class indices as a contiguous int64 array of the shape of x without axis, or None."""
    cdef int d, n_dims = cnp.PyArray_NDIM(x)
    if not cnp.PyArray_CheckExact(target) and (type(target) is list or PyArray_IsIntegerScalar(target)):
        target = cnp.PyArray_FROM_O(target)
    if not cnp.PyArray_CheckExact(target) or cnp.PyArray_NDIM(target) != n_dims - 1:
        return None
    for d in range(n_dims - 1):
        if cnp.PyArray_DIM(target, d) != cnp.PyArray_DIM(x, d if d < axis else d + 1):
            return None
    if cnp.PyArray_TYPE(target) == cnp.NPY_INT64 and cnp.PyArray_ISCARRAY_RO(target):
        return target
    if not cnp.PyArray_ISINTEGER(target) or (cnp.PyArray_ISUNSIGNED(target) and cnp.PyArray_ITEMSIZE(target) == 8):
        return None
    return cnp.PyArray_Cast(target, cnp.NPY_INT64)


cdef object plain_class_weight(object weight, cnp.ndarray x, int axis):
    """One number for each class as a plain array of the dtype that is computed in, or None."""
    cdef int number = cnp.NPY_DOUBLE if dtype_of(x) == FA_F64 else cnp.NPY_FLOAT
    if not is_plain(weight) or cnp.PyArray_NDIM(weight) != 1 or cnp.PyArray_DIM(weight, 0) != cnp.PyArray_DIM(x, axis):
        return None
    return weight if cnp.PyArray_TYPE(weight) == number else None


cdef struct Kinds:
    int index, probabilities  # the kernels for the two kinds of targets, or NO_KIND


cdef enum:
    NO_KIND = -1


cdef inline Kinds kinds_of(tuple kinds):
    cdef Kinds found
    found.index = NO_KIND if kinds[0] is None else kinds[0]
    found.probabilities = NO_KIND if kinds[1] is None else kinds[1]
    return found


cdef struct Options:
    long axis
    bint is_mean, is_none
    int64_t ignore_index
    double smoothing
    bint flushes


cdef bint read_options(object axis, object reduction, object ignore_index, object smoothing, Options *options):
    """Whether the options are plain ones."""
    cdef int overflow = 0
    if not (PyLong_CheckExact(axis) and type(reduction) is str and PyLong_CheckExact(ignore_index) and type(smoothing) is float):
        return False
    options.flushes = False
    options.is_mean, options.is_none, options.smoothing = reduction == "mean", reduction == "none", smoothing
    options.ignore_index = PyLong_AsLongLongAndOverflow(ignore_index, &overflow)
    if not overflow:
        options.axis = PyLong_AsLongAndOverflow(axis, &overflow)
    return not overflow and 0.0 <= options.smoothing <= 1.0 and (options.is_mean or options.is_none or reduction == "sum")


cdef tuple default_options = (-1, "mean", None, -100, 0.0)  # in their order in _loss_rows.py
cdef Options defaults
read_options(default_options[0], default_options[1], default_options[3], default_options[4], &defaults)


cdef int plain_targets(
    const Kinds *kinds, cnp.ndarray x, object target, cnp.ndarray index, int axis, fa_row_loss_call *call,
) except -2:
    """The kernel for these targets, which go into the call, or NO_KIND if they take more thought; index: the target as class
    indices, or None for probabilities."""
    call.index, call.target.data = NULL, NULL
    if index is None:
        if kinds.probabilities == NO_KIND or not is_like(x, target) or call.ignore_index >= 0:
            return NO_KIND
        call.target_dtype, call.target.data = dtype_of(x), cnp.PyArray_BYTES(target)
        return kinds.probabilities
    call.index = <const int64_t *>cnp.PyArray_BYTES(index)
    if rows.bad_index(
            call.index, <size_t>cnp.PyArray_SIZE(index), <size_t>cnp.PyArray_DIM(x, axis), call.ignore_index) >= 0:
        return NO_KIND
    return kinds.index


cdef double plain_count(cnp.ndarray x, int axis, const fa_row_loss_call *call):
    """What a mean divides by."""
    cdef size_t n_rows = 1
    cdef int d
    for d in range(cnp.PyArray_NDIM(x)):
        n_rows *= 1 if d == axis else <size_t>cnp.PyArray_DIM(x, d)
    if call.index == NULL:
        return <double>n_rows
    return rows.weight_of(
        FA_F64 if dtype_of(x) == FA_F64 else FA_F32, call.index, n_rows, call.ignore_index, call.loss.weight)


cdef object direct_losses(
    const Kinds *kinds, object x, object target, bint with_gradient, const Options *options, object weight,
):
    """The loss, or (loss, gradient), of plain arrays; None when _loss_rows.py has to look at the arguments, or to say what
    is wrong with them."""
    cdef fa_row_loss_call call
    cdef double count = 1
    cdef int a, which
    if not is_plain(x):
        return None
    a = counted_axis(x, options.axis)
    if a == NO_AXIS or cnp.PyArray_DIM(x, a) == 0:
        return None
    call.loss.weight, call.loss.weight_sum = NULL, <double>cnp.PyArray_DIM(x, a)
    call.loss.smoothing, call.loss.flushes, call.ignore_index = options.smoothing, options.flushes, options.ignore_index
    if weight is not None:
        weight = plain_class_weight(weight, x, a)
        if weight is None:
            return None
        call.loss.weight = cnp.PyArray_DATA(weight)
        if call.loss.smoothing != 0:
            call.loss.weight_sum = sum_of(weight)
    index = None if kinds.index == NO_KIND else plain_index(target, x, a)
    which = plain_targets(kinds, x, target, index, a, &call)
    if which == NO_KIND:
        return None
    if options.is_mean:
        count = plain_count(x, a, &call)
        if count == 0:
            return None
    call.loss.factor = quotient(1, count) if with_gradient and count != 1 else 1
    return run_direct(which, x, a, &call, count, options.is_none, with_gradient)


def direct_rows(
    tuple kinds, x, target, bint with_gradient, axis, reduction, weight, ignore_index, smoothing, bint flushes=False,
):
    """The same with options as they were given."""
    cdef Kinds found = kinds_of(kinds)
    cdef Options options
    if not read_options(axis, reduction, ignore_index, smoothing, &options):
        return None
    options.flushes = flushes
    return direct_losses(&found, x, target, with_gradient, &options, weight)


cdef object run_direct(
    int which, cnp.ndarray x, int axis, fa_row_loss_call *call, double count, bint is_none, bint with_gradient,
):
    cdef fa_row_shape shape
    cdef fa_row_array source
    cdef cnp.npy_intp dims[MAX_DIMS]
    cdef double total = 0, item
    cdef int d, status
    cdef PyThreadState *others
    cdef cnp.ndarray gradient = None, each = None
    plain_rows(x, axis, &shape, source.step)
    source.data = cnp.PyArray_BYTES(x)
    if call.target.data != NULL:
        call.target.step = source.step
    call.gradient.data = NULL
    call.each, call.sum, call.count, call.mean = NULL, &total, count, NULL if is_none else &item
    if is_none:
        for d in range(cnp.PyArray_NDIM(x) - 1):
            dims[d] = cnp.PyArray_DIM(x, d if d < axis else d + 1)
        each = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x) - 1, dims, cnp.PyArray_TYPE(x), 0)
        call.each = cnp.PyArray_DATA(each)
    if with_gradient:
        gradient = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
        call.gradient.step = source.step
        call.gradient.data = cnp.PyArray_BYTES(gradient)
    others = others_may_run(shape.outer * shape.inner * shape.n)
    status = rows.losses(which, &shape, &source, call)
    others_wait(others)
    if status != 0:
        raise MemoryError
    loss = scalar_of(x, &item) if each is None else each if each.ndim else each[()]
    return (loss, gradient) if with_gradient else loss


cdef object rows_general = None  # what sees to all other arguments; set when that module loads


def set_rows_general(function):
    """_loss_rows.py hands over its argument handling."""
    global rows_general
    rows_general = function


def loss_of_rows(
    function, kinds, x, target, bint with_gradient, axis, reduction, weight=None, ignore_index=-100, label_smoothing=0.0,
):
    """The loss, or (loss, gradient), of a public function with its options, as many of them as it has."""
    result = direct_rows(kinds, x, target, with_gradient, axis, reduction, weight, ignore_index, label_smoothing)
    if result is not None:
        return result
    return rows_general(
        function, kinds, x, target, with_gradient, (axis, reduction, weight, ignore_index, label_smoothing))


cdef class RowLoss:
    """A loss over rows as users call it: its Python function, and before that the direct lane for plain arrays."""
    cdef vectorcallfunc vectorcall
    cdef dict __dict__
    cdef object __weakref__
    cdef object function
    cdef Kinds kinds
    cdef tuple options
    cdef bint with_gradient

    def __init__(self, function, tuple kinds, bint with_gradient):
        self.function, self.kinds, self.options, self.with_gradient = function, kinds_of(kinds), kinds[2], with_gradient
        self.vectorcall = row_loss_call
        use_vectorcall(self, &self.vectorcall)
        update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __repr__(self):
        return repr(self.function)

    def __reduce__(self):
        return self.__qualname__


cdef PyObject *row_loss_call(PyObject *callable, PyObject *const *operands, size_t flags, PyObject *names) except NULL:
    cdef RowLoss loss = <RowLoss>callable
    cdef Options options = defaults
    cdef PyObject *weight = <PyObject *>None
    if PyVectorcall_NARGS(flags) == 2 and (names == NULL or named_options(loss, operands + 2, names, &options, &weight)):
        result = direct_losses(
            &loss.kinds, <object>operands[0], <object>operands[1], loss.with_gradient, &options, <object>weight)
        if result is not None:
            Py_INCREF(result)
            return <PyObject *>result
    return PyObject_Vectorcall(<PyObject *>loss.function, operands, flags, names)


cdef bint named_options(
    RowLoss loss, PyObject *const *values, PyObject *names, Options *options, PyObject **weight,
) except -1:
    """Whether the options given by name are plain ones."""
    cdef PyObject *value[5]
    cdef Py_ssize_t i
    for i in range(5):
        value[i] = PyTuple_GET_ITEM(<PyObject *>default_options, i)
    for i in range(PyTuple_GET_SIZE(names)):
        name = <object>PyTuple_GET_ITEM(names, i)
        if name not in loss.options:
            return False
        value[<int>loss.options.index(name)] = values[i]
    weight[0] = value[2]
    return read_options(<object>value[0], <object>value[1], <object>value[3], <object>value[4], options)


def bad_index(cnp.ndarray index, Py_ssize_t n, int64_t ignore_index):
    """Position of the first index outside [0, n) that is not ignore_index, or -1; index is int64 and contiguous."""
    return rows.bad_index(
        <const int64_t *>cnp.PyArray_BYTES(index), <size_t>cnp.PyArray_SIZE(index), <size_t>n, ignore_index)


def weight_of(cnp.ndarray index, int64_t ignore_index, weight):
    """The sum of weight[index] over the rows that count, or their number if weight is None."""
    return rows.weight_of(
        FA_F64 if weight is None else dtype_of(weight), <const int64_t *>cnp.PyArray_BYTES(index),
        <size_t>cnp.PyArray_SIZE(index), ignore_index, NULL if weight is None else cnp.PyArray_BYTES(weight))


CROSS_ENTROPY, CROSS_ENTROPY_PROBABILITIES = FA_CROSS_ENTROPY, FA_CROSS_ENTROPY_PROBABILITIES
NLL, PROBABILITY_CROSS_ENTROPY = FA_NLL, FA_PROBABILITY_CROSS_ENTROPY
