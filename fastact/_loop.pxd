# One loop of a ufunc: which kernel, over operands of which types.  No function of Python's belongs here.

from ._core cimport FA_BF16, FA_F16, FA_F32, FA_MAX_IN, FA_MAX_OUT, fa_call, fa_dtype, kernels_for

cdef struct Loop:
    int index
    bint is_vjp
    fa_call call  # all but the kernel, which the selected instruction set has


cdef inline Loop loop_of(int index, bint is_vjp, fa_dtype dtype, int n_array, int n_in, int n_out) noexcept:
    """A loop whose operands are all of the kernel's dtype."""
    cdef Loop loop
    loop.index, loop.is_vjp = index, is_vjp
    loop.call.kernel = NULL
    loop.call.half = NULL
    loop.call.dtype = dtype
    loop.call.n_array, loop.call.n_in, loop.call.n_out = n_array, n_in, n_out
    for i in range(n_in + n_out):
        loop.call.type[i] = dtype
    return loop


cdef inline fa_call call_of(const Loop *loop) noexcept nogil:
    cdef fa_call call = loop.call
    if loop.is_vjp:
        call.kernel = kernels_for(call.dtype).vjp[loop.index]
    else:
        call.kernel = kernels_for(call.dtype).value[loop.index]
        if call.type[0] == FA_F16 or call.type[0] == FA_BF16:
            call.half = kernels_for(FA_F32).half.of[<int>call.type[0] - <int>FA_F16][loop.index]
    return call
