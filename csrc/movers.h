/* Conversion between float32 and the half types, and results of half types looked up, n contiguous elements: what others than
 * kernels ask of an instruction set.  No activation. */
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

FA_INLINE void fa_translate_each(size_t n, const uint16_t *entries, const char *x, char *y)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t number;
        memcpy(&number, x + i * sizeof number, sizeof number);
        memcpy(y + i * sizeof number, &entries[number], sizeof number);
    }
}

#ifdef FA_TRANSLATED
/* Look-ups keep the processor from running ahead to the next lines of x and y by itself. */
FA_INLINE void fa_translate_whole(size_t n, const uint16_t *entries, const char *x, char *y, const int past)
{
    for (size_t i = 0; i < 2 * n; i += sizeof(vi32)) {
        FA_PREFETCH(x + i + 2048, 1);
        if (!past)
            FA_PREFETCH(y + i + 4096, 2);
        vi32 both = v_translate(entries, x + i);
        if (past)
            v_stream_f32((float *)(void *)(y + i), v_real_i32(both));
        else
            memcpy(y + i, &both, sizeof both);
    }
    if (past)
        v_fence();
}

static void fa_translate(size_t n, const uint16_t *entries, const void *from, void *to, int how)
{
    const char *x = from;
    char *y = to;
    const size_t beyond = (uintptr_t)y % sizeof(vi32), item = sizeof *entries;
    size_t before = beyond % item ? 0 : (sizeof(vi32) - beyond) % sizeof(vi32) / item;
    before = before < n ? before : n;
    const size_t whole = (n - before) / FA_TRANSLATED * FA_TRANSLATED, after = before + whole;
    fa_translate_each(before, entries, x, y);
    if (how & FA_STREAMED && beyond % item == 0)
        fa_translate_whole(whole, entries, x + before * item, y + before * item, 1);
    else
        fa_translate_whole(whole, entries, x + before * item, y + before * item, 0);
    fa_translate_each(n - after, entries, x + after * item, y + after * item);
}
#else
static void fa_translate(size_t n, const uint16_t *entries, const void *x, void *y, int how)
{
    (void)how;
    fa_translate_each(n, entries, x, y);
}
#endif

static const fa_movers fa_movers_here = {fa_widen_f16, fa_widen_bf16, fa_narrow_f16, fa_narrow_bf16, fa_translate};

#endif
