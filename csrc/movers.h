/* Conversion between float32 and the half types, and results of half types looked up, n contiguous elements: what others than
 * kernels ask of an instruction set.  No activation. */
#ifndef FA_MOVERS_H
#define FA_MOVERS_H

#include "memory.h"

#define FA_CONVERTERS(type)                                                                                            \
    static void fa_widen_##type(size_t n, const uint16_t *from, float *to)                                             \
    {                                                                                                                  \
        uint16_t last[FA_LANES] = {0};                                                                                 \
        size_t i = 0;                                                                                                  \
        for (; n - i >= FA_LANES; i += FA_LANES)                                                                       \
            v_store(to + i, v_load_##type(from + i));                                                                  \
        if (i == n)                                                                                                    \
            return;                                                                                                    \
        memcpy(last, from + i, (n - i) * sizeof *from);                                                                \
        v_store_part(to + i, v_load_##type(last), n - i);                                                              \
    }                                                                                                                  \
    static void fa_narrow_##type(size_t n, const float *from, uint16_t *to)                                            \
    {                                                                                                                  \
        uint16_t last[FA_LANES];                                                                                       \
        size_t i = 0;                                                                                                  \
        for (; n - i >= FA_LANES; i += FA_LANES)                                                                       \
            v_store_##type(to + i, v_load(from + i));                                                                  \
        if (i == n)                                                                                                    \
            return;                                                                                                    \
        v_store_##type(last, v_load_part(from + i, n - i));                                                            \
        memcpy(to + i, last, (n - i) * sizeof *to);                                                                    \
    }
FA_CONVERTERS(f16)
FA_CONVERTERS(bf16)
#undef FA_CONVERTERS

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
