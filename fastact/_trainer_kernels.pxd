# csrc/trainer_api.h, and the floating-point mode its kernels run in.
from fastact._core cimport FA_F32, FA_F64, kernels_for

cimport numpy as cnp


cdef extern from "fpstate.h" nogil:
    ctypedef struct fa_fp_state:
        pass
    fa_fp_state fa_fp_enter()
    fa_fp_state fa_fp_enter_flushing()
    void fa_fp_leave(fa_fp_state saved)

cdef extern from "trainer_api.h" nogil:
    ctypedef struct fa_sgd:
        double rate, momentum, fresh, decay
        int nesterov, maximize

    ctypedef struct fa_adam:
        double rate, beta1, beta2, unbias, eps, decay, keep
        int amsgrad, maximize

    ctypedef struct fa_rmsprop:
        double rate, alpha, eps, decay, momentum
        int centered, maximize

    ctypedef struct fa_adagrad:
        double rate, eps, decay
        int maximize

    ctypedef void fa_step(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state) noexcept

    ctypedef struct fa_trainer_kernels:
        fa_step *sgd
        fa_step *adam
        fa_step *rmsprop
        fa_step *adagrad
        void (*add_bias)(size_t n_rows, size_t n, void *y, const void *bias, int rectify) noexcept nogil
        void (*sum_rows)(size_t n_rows, size_t n, const void *y, const void *g, void *out, void *sum) noexcept nogil
        void (*add_bias_turned)(size_t n_rows, size_t n, void *y, const void *bias, int rectify) noexcept nogil
        void (*turn)(size_t n_rows, size_t n, const void *g, const void *y, void *out, void *sum) noexcept nogil


cdef inline const fa_trainer_kernels *trainer_kernels(cnp.ndarray array) noexcept:
    """The kernels for the dtype of `array`; NULL where there are none."""
    cdef int kind = cnp.PyArray_TYPE(array)
    if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
        return NULL
    return <const fa_trainer_kernels *>kernels_for(FA_F32 if kind == cnp.NPY_FLOAT else FA_F64).trainer
