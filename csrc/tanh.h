/* tanh on vectors. */
#ifndef FA_TANH_H
#define FA_TANH_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/tanh_f32.h"
FA_TABLE4(fa_tanh_f32, FA_TANH_F32_ROWS);

typedef struct {
    vreal base, r, p; /* tanh = base + r*p */
} fa_tanh_parts;

/* Of t >= 0.  From tanh b to tanh t by Taylor's terms at b, the first two of which follow from tanh b, the others fitted. */
FA_INLINE fa_tanh_parts tanh_parts(vreal t, fa_runs runs)
{
    vreal c[4];
    t = v_min(K(9.04), t); /* tanh rounds to 1 from 9.011 on; a NaN passes */
    v_lookup_rows4(fa_tanh_f32, v_interval(t, K(FA_TANH_F32_SCALE)), FA_INTERVAL_LOW, runs, c);
    vreal r = t - c[0], base = c[1];
    vreal p = v_fma(r, c[3], v_real(v_bits(c[3]) << 16));
    p = v_fma(r, p, c[2]);
    vreal drop = v_fms(base, base, K(1));
    p = v_fma(r, p, base * drop);
    p = v_fms(r, p, drop);
    return (fa_tanh_parts){v_min(base, t), r, p};
}

FA_INLINE vreal tanh_value(vreal x, fa_runs runs)
{
    fa_tanh_parts of = tanh_parts(v_abs(x), runs);
    return v_signed(v_fma(of.r, of.p, of.base), x);
}
#elif defined(FA_REAL_F64)
#include "tables/tanh_f64.h"

/* e^2t + 1, 0 <= t <= 22. */
FA_INLINE vreal tanh_power_plus_one(vreal t, fa_runs runs)
{
    const double *c = fa_tanh_f64_p;
    vreal k = v_fma(t, K(FA_TANH_F64_STEPS), K(0x1.8p52)), n = k - K(0x1.8p52);
    vreal r = v_fnma(n, K(FA_TANH_F64_LOW), v_fnma(n, K(FA_TANH_F64_HIGH), t));
    vreal p = v_fma(r, K(c[5]), K(c[4]));
    p = v_fma(r, v_fma(r, v_fma(r, p, K(c[3])), K(c[2])), K(c[1]));
    p = r * v_fma(r, p, K(c[0]));
    vreal s = v_real(v_lookup16_ahead(fa_tanh_f64_powers, v_bits(k), runs) +
                     v_bits(v_kept(v_real(v_bits(k) << 48), 1, runs)));
    p = v_kept(p, 2, runs);
    return v_fma(s, p, s) + K(1);
}

typedef struct {
    vreal base, rest; /* tanh = base + rest */
} fa_tanh_parts;

/* t + t^3*N/D for small t, 1 - 2/(exp(2t) + 1) above: one division for both. */
FA_INLINE fa_tanh_parts tanh_parts(vreal t, fa_runs runs)
{
    const double *pn = fa_tanh_f64_n, *pd = fa_tanh_f64_d;
    t = v_min(K(19.1), t); /* tanh rounds to 1 from 19.07 on; a NaN passes */
    vreal z = t * t, cube = t * z;
    vreal above = cube * v_fma(z, v_fma(z, v_fma(z, K(pn[3]), K(pn[2])), K(pn[1])), K(pn[0]));
    vreal below = v_fma(z, v_fma(z, v_fma(z, K(pd[2]), K(pd[1])), K(pd[0])), K(1));
    vmask small = v_lt(t, K(0.88));
    above = v_select(small, above, K(-2));
    below = v_select(small, below, tanh_power_plus_one(t, runs));
    return (fa_tanh_parts){v_select(small, t, K(1)), above / below};
}

FA_INLINE vreal tanh_value(vreal x, fa_runs runs)
{
    fa_tanh_parts of = tanh_parts(v_abs(x), runs);
    return v_signed(of.base + of.rest, x);
}
#endif
#endif
