/* Switches the compiler to the unit's instruction set; system headers come first, so that they keep the default one. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if FA_VECTOR_BYTES >= 32
#include <immintrin.h>
#endif

#if defined(__clang__)
#if FA_VECTOR_BYTES == 64
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))),              \
                             apply_to = function)
#elif FA_VECTOR_BYTES == 32
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#endif
#elif defined(__GNUC__)
#pragma GCC push_options
#if FA_VECTOR_BYTES == 16 && defined(__x86_64__)
#pragma GCC optimize("Os") /* the fallback: a third smaller, and its emulated fma takes the time in any case */
#endif
#if FA_VECTOR_BYTES == 64
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")
#elif FA_VECTOR_BYTES == 32
/* gcc 12's generic tuning clears structs by `rep stos`, 15 ns each, and spills more: sums and short calls
 * are 5 to 10 % faster so. */
#pragma GCC target("avx2,fma,f16c,tune=icelake-server")
#pragma GCC optimize("schedule-insns", "sched-pressure") /* before registers are given: mixes independent chains */
#endif
#endif
