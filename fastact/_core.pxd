# What csrc offers to the other extension modules, which must not link it themselves: one dispatch, one pool.

cdef extern from "fastact.h" nogil:
    ctypedef enum fa_dtype:
        FA_F32
        FA_F64
        FA_N_DTYPES

    ctypedef void fa_kernel(size_t n, const void *const *input, const size_t *step, void *const *out) noexcept

    enum:
        FA_N_ACTIVATIONS
        FA_MAX_IN
        FA_MAX_OUT

    ctypedef struct fa_row_kernels "struct fa_row_kernels":
        pass

    ctypedef struct fa_trainer_kernels "struct fa_trainer_kernels":
        pass

    ctypedef struct fa_kernels:
        fa_kernel **value
        fa_kernel **vjp
        const fa_row_kernels *rows
        const fa_trainer_kernels *trainer

    ctypedef struct fa_call:
        fa_kernel *kernel
        size_t item
        int n_in
        int n_out

cdef extern from "rows_api.h" nogil:
    ctypedef struct fa_row_entries:
        pass

cdef const fa_kernels *kernels_for(fa_dtype dtype) noexcept nogil
cdef void elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step) noexcept nogil
cdef void relu_integer(size_t item, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step) noexcept nogil
cdef const fa_row_entries *row_entries() noexcept nogil
