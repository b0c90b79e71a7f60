/* gelu and its derivative on vectors: x*Phi(x) = max(x, 0) - t*Phi(-t), t = |x|, so that no tail is lost.
 * `wild` is a constant: 0 where every |x| <= FA_GELU_TAME and none is NaN, else anything. */
#ifndef FA_GELU_H
#define FA_GELU_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/d_gelu_f32.h"
#include "tables/exp16_f32.h"
#include "tables/gelu_f32.h"
static const fa_columns fa_gelu_f32 = FA_COLUMNS(FA_GELU_F32_ROWS);
static const fa_columns fa_d_gelu_f32 = FA_COLUMNS(FA_D_GELU_F32_ROWS);

#define FA_GELU_TAME 12.5 /* up to here no intermediate result is subnormal */

/* from - exp(-t*t/2)/2 * (base + r*slope), or plus where `flip` has the sign bit.  s*base is exact, and so is its sum with
 * `from` unless that is far larger: one rounding of the result, the other terms being small. */
FA_INLINE vreal fa_minus_gaussian(vreal from, vint flip, vreal t, fa_interval m, const int wild)
{
    vreal z = v_fma(t * t, K(FA_EXP16_STEPS), K(FA_EXP16_MAGIC));
    vreal n = v_fma(z, K(FA_EXP16_HIGH), K(-FA_EXP16_OFFSET));
    vreal r = v_fma(n, K(FA_EXP16_RATIO), v_fma(t, t, n)) + v_lookup16(fa_exp16_rest, v_bits(z));
    vreal p = v_fma(r, v_fma(r, K(FA_EXP16_C4), K(FA_EXP16_C3)), K(FA_EXP16_C2));
    p = r * v_fma(r, p, K(FA_EXP16_C1));
    vint s = (v_bits(z) << 19) ^ flip;
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
    fa_interval m = v_interval(fa_gelu_f32, t, K(FA_GELU_F32_SCALE));
    m.base = v_min(m.base, t);
    return fa_minus_gaussian(v_max(K(-0.0), x), KI(0), t, m, wild);
}

/* Phi(x) + x*phi(x): of -t for x < 0, and 1 minus that above. */
FA_INLINE vreal gelu_derivative(vreal x, const int wild)
{
    vreal t = v_abs(x);
    if (wild)
        t = v_min(K(14.545), t);
    fa_interval m = v_interval(fa_d_gelu_f32, t, K(FA_D_GELU_F32_SCALE));
    vmask below = v_lt(v_bits(x), KI(0));
    return fa_minus_gaussian(v_select(below, K(-0.0), K(1)), v_bits(x) & KI(INT32_MIN), t, m, wild);
}
#endif
#endif
