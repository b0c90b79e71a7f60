/* Vectors from memory and back as a kernel is told: whole or the last few lanes, results stored past the caches.  One predictable
 * branch each, so that all of this shares one body of code.  No arithmetic. */
#ifndef FA_MEMORY_H
#define FA_MEMORY_H

#include "fastact.h"
#include "vec.h"

enum { FA_LAST = 1 << 8 }; /* in `how`, beside FA_STREAMED: fewer elements are left than a vector has lanes */

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
    const real *at = (const real *)from + i;
    return FA_LIKELY((how & FA_LAST) == 0) ? v_load(at) : v_load_part(at, n - i);
}

FA_INLINE void fa_write_lanes(void *to, size_t i, size_t n, vreal v, int how)
{
    if (FA_LIKELY(how == 0)) {
        v_store((real *)to + i, v);
        return;
    }
    if (how & FA_LAST)
        v_store_part((real *)to + i, v, n - i);
    else
        v_stream((real *)to + i, v);
}

#endif
