# What _core offers to _tape, which must not link csrc itself: one dispatch, one pool.

cdef extern from "fastact.h" nogil:
    ctypedef enum fa_dtype:
        FA_F32
        FA_F64
        FA_F16
        FA_BF16
        FA_I8
        FA_U8
        FA_I16
        FA_U16
        FA_I32
        FA_U32
        FA_I64
        FA_U64

    ctypedef void fa_kernel(size_t n, const void *const *input, const size_t *step, void *const *out, int how) noexcept

    ctypedef size_t fa_half_loop(size_t n, const void *const *input, unsigned short *y) noexcept

    enum:
        FA_N_ACTIVATIONS
        FA_MAX_IN
        FA_MAX_OUT

    ctypedef struct fa_half_loops:
        fa_half_loop *of[2][64]  # FA_N_HALVES, FA_N_ACTIVATIONS

    ctypedef struct fa_row_kernels "struct fa_row_kernels":
        pass

    ctypedef struct fa_trainer_kernels "struct fa_trainer_kernels":
        pass

    ctypedef struct fa_kernels:
        fa_kernel **value
        fa_kernel **vjp
        const fa_row_kernels *rows
        const fa_trainer_kernels *trainer
        const fa_half_loops *half

    ctypedef struct fa_call:
        fa_kernel *kernel
        fa_dtype dtype
        fa_dtype type[6]  # FA_MAX_IN + FA_MAX_OUT
        int n_in
        int n_out
        int n_array
        fa_half_loop *half

    ctypedef struct fa_clip:
        fa_dtype type
        long long top

cdef const fa_kernels *kernels_for(fa_dtype dtype) noexcept nogil
cdef const void *row_entries() noexcept nogil  # fa_row_entries of _row_types.pxd
