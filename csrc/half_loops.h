/* Values on half types as they stand in memory, of the rows of few operations (FA_THIN in activations.def): widened, computed and
 * rounded once in registers, where staging takes longer than the function.  Two vectors a turn, and whole turns only: what is left
 * is for who calls.  No formulas. */
#ifndef FA_HALF_LOOPS_H
#define FA_HALF_LOOPS_H

#include "blocks.h"

#if defined(FA_REAL_F32) && FA_VECTOR_BYTES && !FA_ONE_BODY
#define FA_HALF_TURNS(type)                                                                                            \
    FA_INLINE size_t fa_half_turns_##type(fa_lane *lane, const int n_array, const int n_rest, size_t n,                \
                                          const void *const *in, uint16_t *y)                                          \
    {                                                                                                                  \
        vreal first[FA_MAX_IN], second[FA_MAX_IN], x[2], gate[2];                                                      \
        size_t i = 0;                                                                                                  \
        for (int k = n_array - 1; k < n_rest; k++) {                                                                   \
            real parameter;                                                                                            \
            memcpy(&parameter, in[k + 1], sizeof parameter);                                                           \
            first[k] = second[k] = K(parameter == parameter ? parameter : NAN); /* for v_store_two_bf16 */             \
        }                                                                                                              \
        for (; n - i >= 2 * FA_LANES; i += 2 * FA_LANES) {                                                             \
            v_load_two_##type((const uint16_t *)in[0] + i, x);                                                         \
            FA_PREFETCH((const uint16_t *)in[0] + i + FA_HALVES_AHEAD, 1);                                             \
            FA_PREFETCH(y + i + FA_HALVES_AHEAD, 1);                                                                   \
            if (n_array == 2) {                                                                                        \
                v_load_two_##type((const uint16_t *)in[1] + i, gate);                                                  \
                FA_PREFETCH((const uint16_t *)in[1] + i + FA_HALVES_AHEAD, 1);                                         \
                first[0] = gate[0];                                                                                    \
                second[0] = gate[1];                                                                                   \
            }                                                                                                          \
            x[0] = lane(x[0], first, FA_TAME).x;                                                                       \
            x[1] = lane(x[1], second, FA_TAME).x;                                                                      \
            v_store_two_##type(y + i, x);                                                                              \
        }                                                                                                              \
        return i;                                                                                                      \
    }
enum { FA_HALVES_AHEAD = 1024 }; /* elements */
FA_HALF_TURNS(f16)
FA_HALF_TURNS(bf16)
#undef FA_HALF_TURNS

#define FA_HALF_LOOPS(name, lane, n_array, n_rest)                                                                     \
    static size_t fa_f16_##name(size_t n, const void *const *in, uint16_t *y)                                          \
    {                                                                                                                  \
        return fa_half_turns_f16(lane, n_array, n_rest, n, in, y);                                                     \
    }                                                                                                                  \
    static size_t fa_bf16_##name(size_t n, const void *const *in, uint16_t *y)                                         \
    {                                                                                                                  \
        return fa_half_turns_bf16(lane, n_array, n_rest, n, in, y);                                                    \
    }
/* In the table of kernels; a function that it leaves out is not compiled. */
#define FA_HALF_LOOP(type, name, range) (real)(range) != (real)(range) ? fa_##type##_##name : NULL,
#else
#define FA_HALF_LOOPS(name, lane, n_array, n_rest)
#define FA_HALF_LOOP(type, name, range) NULL,
#endif

#endif
