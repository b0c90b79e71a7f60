# What the three modules over csrc/rows_api.h share: its declarations, and what a plain array is.

cimport numpy as cnp
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from libc.stdint cimport int64_t
from ._core cimport FA_BF16, FA_F16, FA_F32, FA_F64, fa_dtype

cdef extern from "numpy/ndarraytypes.h":
    int NPY_HALF

cdef extern from "pairs_api.h" nogil:
    ctypedef struct fa_pair_call:
        fa_dtype dtype
        fa_dtype target_dtype
        int which
        size_t n
        const void *x
        const void *target
        const void *weight
        const void *positive
        size_t weight_length, positive_length
        double parameter, factor
        void *each
        void *gradient
        double *sum

    enum:
        FA_PAIR_mse
        FA_PAIR_l1
        FA_PAIR_smooth_l1
        FA_PAIR_huber
        FA_PAIR_binary_cross_entropy
        FA_PAIR_binary_cross_entropy_with_logits
        FA_PAIR_kl_div
        FA_PAIR_kl_div_log_target

cdef extern from *:
    """
    #include "numpy/arrayscalars.h"
    static inline PyObject *fa_float32_of(float value)
    {
        PyObject *scalar = PyArrayScalar_New(Float);
        if (scalar)
            PyArrayScalar_ASSIGN(scalar, Float, value);
        return scalar;
    }
    """
    bint PyArray_IsIntegerScalar(object)
    object float32_of "fa_float32_of"(float value)

cdef extern from "rows_api.h" nogil:
    ctypedef struct fa_row_loss:
        const void *weight
        double weight_sum
        double smoothing
        double factor
        int flushes

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
        fa_dtype target_dtype
        void *each
        double *sum
        double count
        void *mean

    ctypedef struct fa_row_entries:
        int (*map)(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y) noexcept nogil
        int (*logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array y) noexcept nogil
        int (*vjp)(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx) noexcept nogil
        int (*vjp_logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx) noexcept nogil
        int (*losses)(int which, const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call) noexcept nogil
        ptrdiff_t (*bad_index)(const int64_t *index, size_t count, size_t n, int64_t ignore_index) noexcept nogil
        double (*weight_of)(
            fa_dtype dtype, const int64_t *index, size_t count, int64_t ignore_index, const void *weight) noexcept nogil
        int (*pairs)(const fa_pair_call *call) noexcept nogil
        void (*deliver)(fa_dtype type, void *to, double total, double count) noexcept nogil

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

cdef enum:
    MAX_DIMS = 64


cdef extern from *:
    """
    static int fa_bfloat16_number = -1;
    """
    int fa_bfloat16_number  # what NumPy calls ml_dtypes' bfloat16, once that is imported; each module is told


cdef inline fa_dtype dtype_of(cnp.ndarray x) noexcept:
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT:
        return FA_F32
    if number == cnp.NPY_DOUBLE:
        return FA_F64
    return FA_F16 if number == NPY_HALF else FA_BF16


cdef inline bint is_plain(object x) noexcept:
    cdef int number
    if not (cnp.PyArray_CheckExact(x) and cnp.PyArray_NDIM(x) > 0 and cnp.PyArray_ISCARRAY_RO(x)):
        return False
    number = cnp.PyArray_TYPE(x)
    return (
        number == cnp.NPY_FLOAT or number == cnp.NPY_DOUBLE or number == NPY_HALF
        or (number == fa_bfloat16_number and number != -1)
    )


cdef inline bint is_like(cnp.ndarray x, object out) noexcept:
    """Whether out is a plain array of the dtype and shape of x."""
    cdef int i
    if not is_plain(out) or cnp.PyArray_TYPE(out) != cnp.PyArray_TYPE(x):
        return False
    if cnp.PyArray_NDIM(out) != cnp.PyArray_NDIM(x):
        return False
    for i in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(out, i) != cnp.PyArray_DIM(x, i):
            return False
    return True


cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread()
    void PyEval_RestoreThread(PyThreadState *state)


cdef inline PyThreadState *others_may_run(size_t elements) noexcept:
    """Lets other threads run, as `with nogil` does, if the work ahead is worth the 50 to 80 ns that this takes."""
    return PyEval_SaveThread() if elements > 1024 else NULL


cdef inline void others_wait(PyThreadState *state) noexcept:
    if state != NULL:
        PyEval_RestoreThread(state)


cdef enum:
    ALL_AXES = -1
    NO_AXIS = -2


cdef inline int plain_axis(cnp.ndarray x, object axis) noexcept:
    """axis from 0 on, ALL_AXES for None, or NO_AXIS if it takes more thought."""
    cdef int overflow = 0
    cdef long a
    if axis is None:
        return ALL_AXES
    if not PyLong_CheckExact(axis):
        return NO_AXIS
    a = PyLong_AsLongAndOverflow(axis, &overflow)
    return NO_AXIS if overflow else counted_axis(x, a)


cdef inline int counted_axis(cnp.ndarray x, long axis) noexcept:
    """axis from 0 on, or NO_AXIS if x has no such axis."""
    if axis < 0:
        axis += cnp.PyArray_NDIM(x)
    return <int>axis if 0 <= axis < cnp.PyArray_NDIM(x) else NO_AXIS


cdef inline void plain_rows(cnp.ndarray x, int axis, fa_row_shape *shape, ptrdiff_t *step) noexcept:
    """The rows of a C-contiguous array along axis, or its one row for ALL_AXES."""
    cdef int d
    shape.dtype, shape.outer, shape.inner = dtype_of(x), 1, 1
    shape.n = <size_t>(cnp.PyArray_SIZE(x) if axis == ALL_AXES else cnp.PyArray_DIM(x, axis))
    for d in range(axis):
        shape.outer *= <size_t>cnp.PyArray_DIM(x, d)
    for d in range(axis + 1, cnp.PyArray_NDIM(x) if axis != ALL_AXES else 0):
        shape.inner *= <size_t>cnp.PyArray_DIM(x, d)
    step[1] = cnp.PyArray_ITEMSIZE(x)
    step[2] = <ptrdiff_t>shape.inner * step[1]
    step[0] = <ptrdiff_t>shape.n * step[2]
