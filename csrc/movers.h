/* Conversion between float32 and the half types, n contiguous elements; what others than kernels ask of an instruction set.
 * No activation. */
#ifndef FA_MOVERS_H
#define FA_MOVERS_H

#include "memory.h"

FA_INLINE void fa_convert(size_t n, const void *from, int from_how, void *to, int to_how)
{
    for (size_t i = 0; i < n; i += FA_LANES) {
        int last = n - i < FA_LANES ? FA_LAST : 0;
        fa_write_lanes(to, i, n, fa_read_lanes(from, i, n, from_how | last), to_how | last);
    }
}
static void fa_widen_f16(size_t n, const uint16_t *from, float *to) { fa_convert(n, from, FA_STORED_F16, to, 0); }
static void fa_widen_bf16(size_t n, const uint16_t *from, float *to) { fa_convert(n, from, FA_STORED_BF16, to, 0); }
static void fa_narrow_f16(size_t n, const float *from, uint16_t *to) { fa_convert(n, from, 0, to, FA_STORED_F16); }
static void fa_narrow_bf16(size_t n, const float *from, uint16_t *to) { fa_convert(n, from, 0, to, FA_STORED_BF16); }

static const fa_movers fa_movers_here = {fa_widen_f16, fa_widen_bf16, fa_narrow_f16, fa_narrow_bf16};

#endif
