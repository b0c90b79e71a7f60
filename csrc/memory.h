/* Vectors from memory and back as a kernel is told: whole or the last few lanes, half types widened, results stored past the
 * caches.  One predictable branch each, so that all of this shares one body of code.  No arithmetic. */
#ifndef FA_MEMORY_H
#define FA_MEMORY_H

#include "fastact.h"
#include "vec.h"

enum {
    FA_HALF = FA_STORED_F16 | FA_STORED_BF16,
    FA_LAST = 1 << 8, /* fewer elements are left than a vector has lanes */
};

#if defined(__GNUC__) || defined(__clang__)
/* Hides from the compiler that a flag stays the same, or it would copy the loop for each of its values. */
#define FA_OPAQUE(flag) __asm__("" : "+r"(flag))
#define FA_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define FA_PREFETCH(address, level) __builtin_prefetch(address, 0, 4 - (level))
#else
#define FA_OPAQUE(flag) (void)flag
#define FA_LIKELY(condition) (condition)
#define FA_PREFETCH(address, level) (void)(address)
#endif

/* Elements i and following of n; lanes past the n-th are 0. */
FA_INLINE vreal fa_read_lanes(const void *from, size_t i, size_t n, int how)
{
    if (FA_LIKELY((how & (FA_HALF | FA_LAST)) == 0))
        return v_load((const real *)from + i);
#ifdef FA_REAL_F32
    if (how & FA_HALF) {
        uint16_t rest[FA_LANES] = {0};
        const uint16_t *half = (const uint16_t *)from + i;
        if (how & FA_LAST)
            half = memcpy(rest, half, (n - i) * sizeof *half);
        return how & FA_STORED_F16 ? v_load_f16(half) : v_load_bf16(half);
    }
#endif
    return v_load_part((const real *)from + i, n - i);
}

FA_INLINE void fa_write_lanes(void *to, size_t i, size_t n, vreal v, int how)
{
    if (FA_LIKELY(how == 0)) {
        v_store((real *)to + i, v);
        return;
    }
#ifdef FA_REAL_F32
    if (how & FA_HALF) {
        uint16_t rest[FA_LANES], *half = how & FA_LAST ? rest : (uint16_t *)to + i;
        if (how & FA_STORED_F16)
            v_store_f16(half, v);
        else
            v_store_bf16(half, v);
        if (how & FA_LAST)
            memcpy((uint16_t *)to + i, rest, (n - i) * sizeof *half);
        return;
    }
#endif
    if (how & FA_LAST)
        v_store_part((real *)to + i, v, n - i);
    else
        v_stream((real *)to + i, v);
}

#endif
