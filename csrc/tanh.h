/* tanh and its derivative on vectors. */
#ifndef FA_TANH_H
#define FA_TANH_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/tanh_f32.h"
FA_INTERVAL_TABLE(fa_tanh_f32, FA_TANH_F32_ROWS);

FA_INLINE vreal tanh_value(vreal x)
{
    vreal t = v_min(K(9.04), v_abs(x));
    fa_interval i = v_interval(fa_tanh_f32, t, K(FA_TANH_F32_SCALE));
    return v_real(v_bits(v_fma(i.r, i.slope, v_min(i.base, t))) | (v_bits(x) & KI(INT32_MIN)));
}
#endif
#endif
