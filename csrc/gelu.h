/* gelu and its derivative on vectors: x*Phi(x) = max(x, 0) - t*Phi(-t), t = |x|, so that no tail is lost. */
#ifndef FA_GELU_H
#define FA_GELU_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/exp16_f32.h"
#include "tables/gelu_f32.h"
static const fa_columns fa_gelu_f32 = FA_COLUMNS(FA_GELU_F32_ROWS);

#define FA_GELU_TAME 12.5 /* up to here no intermediate result is subnormal */

/* from - exp(-t*t/2)/2 * m(t), m the function of the interval table.  s*m.base is exact, and so is its difference from
 * `from` unless that is far larger: one rounding of the result, the other terms being small. */
FA_INLINE vreal fa_minus_gaussian(vreal from, vreal t, fa_interval m, const int wild)
{
    vreal z = v_fma(t * t, K(FA_EXP16_STEPS), K(FA_EXP16_MAGIC));
    vreal n = v_fma(z, K(FA_EXP16_HIGH), K(-FA_EXP16_OFFSET));
    vreal r = v_fma(n, K(FA_EXP16_RATIO), v_fma(t, t, n)) + v_lookup16(fa_exp16_rest, v_bits(z));
    vreal p = v_fma(r, v_fma(r, K(FA_EXP16_C4), K(FA_EXP16_C3)), K(FA_EXP16_C2));
    p = r * v_fma(r, p, K(FA_EXP16_C1));
    vint s = v_bits(z) << 19;
    vreal g = v_fma(m.r, m.slope, m.base);
    vreal rest = v_fma(m.r, m.slope, g * p);
    if (!wild)
        return v_fma(v_real(s), rest, v_fma(v_real(s), m.base, from));
    vreal big = v_real(s + KI(64 << 23));
    return v_fma(v_fma(big, rest, big * m.base), K(0x1p-64), from);
}

FA_INLINE vreal gelu_value(vreal x, const int wild)
{
    vreal t = v_abs(x);
    if (wild)
        t = v_min(K(14.5), t);
    return fa_minus_gaussian(v_max(K(-0.0), x), t, v_interval(fa_gelu_f32, t, K(FA_GELU_F32_SCALE)), wild);
}
#endif
#endif
