"""The entry to the losses: over rows, and of pairs.  Arguments beyond plain arrays are handled in losses.py and its
helpers; no arithmetic on elements here."""

cimport numpy as cnp
from libc.stdint cimport int64_t
from ._core cimport FA_F32, FA_F64, row_entries
from ._row_types cimport *

import numpy as np

cnp.import_array()

cdef const fa_row_entries *rows = <const fa_row_entries *>row_entries()


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
    call.target_dtype = shape.dtype
    if target is not None:
        call.target_dtype = dtype_of(target)
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
    loss = float64(total / count)
    if shape.dtype != FA_F64:
        loss = float32(<float>(total / count))
        if shape.dtype != FA_F32:
            with np.errstate(over="ignore", under="ignore"):
                loss = x.dtype.type(loss)
    return (loss, gradient) if with_gradient else loss


def register_bfloat16(int number):
    """bfloat16 has this number from now on."""
    global fa_bfloat16_number
    fa_bfloat16_number = number


def bad_index(cnp.ndarray index, Py_ssize_t n, int64_t ignore_index):
    """Position of the first index outside [0, n) that is not ignore_index, or -1; index is int64 and contiguous."""
    return rows.bad_index(
        <const int64_t *>cnp.PyArray_BYTES(index), <size_t>cnp.PyArray_SIZE(index), <size_t>n, ignore_index)


def weight_of(cnp.ndarray index, int64_t ignore_index, weight):
    """The sum of weight[index] over the rows that count, or their number if weight is None."""
    return rows.weight_of(
        FA_F64 if weight is None else dtype_of(weight), <const int64_t *>cnp.PyArray_BYTES(index),
        <size_t>cnp.PyArray_SIZE(index), ignore_index, NULL if weight is None else cnp.PyArray_BYTES(weight))


def pair_loss(int which, cnp.ndarray x, cnp.ndarray target, weight, positive, double parameter, double factor, each, gradient):
    """The sum of a loss of pairs over C-contiguous arrays of one size.  weight and positive, contiguous or None, repeat after their lengths; each and gradient take the losses and the gradient of factor times their sum, unless None."""
    cdef fa_pair_call call
    cdef double total = 0
    cdef int status
    call.target_dtype = dtype_of(target)
    call.dtype, call.which, call.n = dtype_of(x), which, <size_t>cnp.PyArray_SIZE(x)
    call.x, call.target = cnp.PyArray_DATA(x), cnp.PyArray_DATA(target)
    call.weight = call.positive = NULL
    call.weight_length = call.positive_length = 0
    if weight is not None:
        call.weight, call.weight_length = cnp.PyArray_DATA(weight), <size_t>cnp.PyArray_SIZE(weight)
    if positive is not None:
        call.positive, call.positive_length = cnp.PyArray_DATA(positive), <size_t>cnp.PyArray_SIZE(positive)
    call.parameter, call.factor, call.sum = parameter, factor, &total
    call.each = NULL if each is None else cnp.PyArray_DATA(each)
    call.gradient = NULL if gradient is None else cnp.PyArray_DATA(gradient)
    with nogil:
        status = rows.pairs(&call)
    if status != 0:
        raise MemoryError
    return total


CROSS_ENTROPY, CROSS_ENTROPY_PROBABILITIES = FA_CROSS_ENTROPY, FA_CROSS_ENTROPY_PROBABILITIES
NLL, PROBABILITY_CROSS_ENTROPY = FA_NLL, FA_PROBABILITY_CROSS_ENTROPY
MSE, L1, SMOOTH_L1, HUBER = FA_PAIR_mse, FA_PAIR_l1, FA_PAIR_smooth_l1, FA_PAIR_huber
BINARY_CROSS_ENTROPY = FA_PAIR_binary_cross_entropy
BINARY_CROSS_ENTROPY_WITH_LOGITS = FA_PAIR_binary_cross_entropy_with_logits
KL_DIV, KL_DIV_LOG_TARGET = FA_PAIR_kl_div, FA_PAIR_kl_div_log_target
