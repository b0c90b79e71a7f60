/* tanh on vectors of float32. */
#ifndef FA_TANH_H
#define FA_TANH_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/tanh_f32.h"
FA_TABLE4(fa_tanh_f32, FA_TANH_F32_ROWS);

/* From tanh b to tanh t by Taylor's terms at b, the first two of which follow from tanh b, the others fitted. */
FA_INLINE vreal tanh_value(vreal x)
{
    vreal t = v_min(K(9.04), v_abs(x)); /* tanh rounds to 1 from 9.011 on; a NaN passes */
    vreal c[4];
    v_lookup_rows4(fa_tanh_f32, v_interval(t, K(FA_TANH_F32_SCALE)), FA_INTERVAL_LOW, c);
    vreal r = t - c[0], base = c[1];
    vreal p = v_fma(r, c[3], v_real(v_bits(c[3]) << 16));
    p = v_fma(r, p, c[2]);
    vreal drop = v_fms(base, base, K(1));
    p = v_fma(r, p, base * drop);
    p = v_fms(r, p, drop);
    return v_real(v_bits(v_fma(r, p, v_min(base, t))) | (v_bits(x) & KI(INT32_MIN)));
}
#endif
#endif
