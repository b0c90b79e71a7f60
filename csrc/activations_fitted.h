/* The lane functions of the activations that rest on fits of their own (tools/coefficients_fitted.py) or on that of tanh
 * alone: tanhshrink, softcap, erf, logit.  Included by activations.h, after vmath.h, tanh.h and gelu.h. */
#ifndef FA_ACTIVATIONS_FITTED_H
#define FA_ACTIVATIONS_FITTED_H

#ifdef FA_REAL_F32
#include "tables/erf_f32.h"
#include "tables/tanhshrink_f32.h"
FA_TABLE8(fa_erf_f32, FA_ERF_F32_ROWS);
FA_TABLE8(fa_tanhshrink_f32, FA_TANHSHRINK_F32_ROWS);
#define FA_TANHSHRINK_TAME FA_ANY_LIMIT
#define FA_SQUARE_ZERO 10.48 /* e^-t² rounds to 0 from here on */
#define FA_CAP_ZERO 55.0     /* from here on the derivative of tanh rounds to 0 */
#define FA_CAP_SMALL 0x1p-7
#else
#include "tables/erf_f64.h"
#include "tables/tanhshrink_f64.h"
FA_TABLE16(fa_erf_f64, FA_ERF_F64_ROWS);
FA_TABLE16(fa_tanhshrink_f64, FA_TANHSHRINK_F64_ROWS);
#define FA_TANHSHRINK_TAME FA_TANHSHRINK_F64_TOP
#define FA_SQUARE_ZERO 27.5
#define FA_CAP_ZERO 380.0
#define FA_CAP_SMALL 0x1p-14
#endif

#include "tables/logit.h"

/* c[0] + c[1]·z + … + c[n − 1]·z^(n − 1), n odd, by even and odd powers. */
FA_INLINE vreal v_polynomial(const real *c, int n, vreal z)
{
    if (n == 3)
        return v_fma(z, v_fma(z, K(c[2]), K(c[1])), K(c[0]));
    vreal z2 = z * z, even = K(c[n - 1]), odd = K(c[n - 2]);
    for (int i = n - 3; i > 0; i -= 2) {
        even = v_fma(z2, even, K(c[i]));
        odd = v_fma(z2, odd, K(c[i - 1]));
    }
    return v_fma(z, odd, v_fma(z2, even, K(c[0])));
}

/* tanh(t + low), t ≥ 0, as head and tail, which is below the head's last place. */
#ifdef FA_REAL_F32
FA_INLINE fa_pair tanh_pair(vreal t, vreal low, fa_runs runs)
{
    fa_tanh_parts of = tanh_parts(t, runs);
    vreal head = v_fma(of.r, of.p, of.base), slope = v_fnma(of.base, of.base, K(1));
    return (fa_pair){head, v_fma(low, slope, v_fma(of.r, of.p, of.base - head))};
}
#else
FA_INLINE fa_pair tanh_pair(vreal t, vreal low, fa_runs runs)
{
    fa_tanh_parts of = tanh_parts(t, runs);
    vreal head = of.base + of.rest;
    return (fa_pair){head, v_fma(low, v_fnma(head, head, K(1)), (of.base - head) + of.rest)};
}
#endif

#ifdef FA_REAL_F32
/* (t − tanh t) for small t: t³·(1/3 + q), 2^24·t³ in two parts so that the lower is no subnormal where the result is none. */
FA_INLINE vreal tanhshrink_small(vreal t)
{
    const vreal third = K(FA_TANHSHRINK_F32_THIRD);
    vreal z = t * t, up = t * K(0x1p24), cube = up * z;
    vreal cube_low = v_fma(up, v_fms(t, t, z), v_fms(up, z, cube));
    vreal q = v_fma(z, v_fma(z, K(FA_TANHSHRINK_F32_C2), K(FA_TANHSHRINK_F32_C1)), K(FA_TANHSHRINK_F32_C0));
    return v_fma(cube, third, v_fma(cube, q, cube_low * third)) * K(0x1p-24);
}
FA_INLINE vreal f_tanhshrink(vreal x, fa_mode mode)
{
    vreal t = v_abs(x), near = v_min(K(8), t), c[8];
    v_lookup_rows8(fa_tanhshrink_f32, v_bits(near), 21, mode.runs, c);
    vreal r = near - c[0];
    vreal p = v_fma(r, v_fma(r, c[6], c[5]), c[4]);
    p = v_fma(r, v_fma(r, p, c[3]), c[2]);
    vreal large = v_fma(t - c[0], p, c[1]);
    return v_signed(v_select(v_lt(t, K(0x1p-4)), tanhshrink_small(t), large), x);
}
#else
/* base + r·p; in the first row t³·p on top of t³/3, with t³ in two parts.  When wild, what is past the last row adds to base. */
FA_INLINE vreal f_tanhshrink(vreal x, fa_mode mode)
{
    const vreal third = K(FA_TANHSHRINK_F64_THIRD);
    vreal t = v_abs(x), near = mode.wild ? v_min(K(FA_TANHSHRINK_F64_TOP), t) : t, c[16];
    vreal z = near * near, u = v_fma(z, K(FA_TANHSHRINK_F64_SCALE), K(FA_TANHSHRINK_F64_FROM));
    vmask first = v_lt(u, K(FA_TANHSHRINK_F64_FIRST));
    v_lookup_rows16(fa_tanhshrink_f64, v_bits(u), FA_TANHSHRINK_F64_LOW, mode.runs, FA_TANHSHRINK_F64_TERMS + 2, c);
    vreal cube = near * z, cube_low = v_fma(near, v_fms(near, near, z), v_fms(near, z, cube));
    vreal r = near - c[0], base = mode.wild ? c[1] + (t - near) : c[1];
    base = v_select(first, cube_low * third, base);
    vreal p = v_columns_polynomial(c + 2, FA_TANHSHRINK_F64_TERMS, v_select(first, z, r));
    vreal y = v_fma(v_select(first, cube, r), p, base);
    return v_signed(v_select(first, v_fma(cube, third, y), y), x);
}
#endif
/* tanh² */
FA_INLINE vreal d_tanhshrink(vreal x, vreal g, fa_mode mode)
{
    fa_pair tanh = tanh_pair(v_abs(x), FA_NOTHING, mode.runs);
    return g * v_fma(tanh.head, tanh.head, (tanh.head + tanh.head) * tanh.tail);
}

/* |x|/|cap| = q + low, q at most FA_CAP_ZERO; low 0 where q is small.  A cap below 2^-60 and its x are scaled up, so that
 * 1/cap is finite.  cap = 0 gives the largest q (for x = 0 NaN), infinity 0. */
typedef struct {
    vreal q, low;
} fa_quotient;

FA_INLINE fa_quotient capped_quotient(vreal x, vreal cap)
{
    const vreal up = v_select(v_lt(v_abs(cap), K(0x1p-60)), K(FA_UP), K(1));
    const vreal of = v_abs(cap) * up, inverse = K(1) / of;
    vreal t = v_abs(x) * up;
    vreal q = v_min(K(FA_CAP_ZERO), t * inverse);
    vreal low = v_min(v_fnma(q, of, t) * inverse, K(0x1p-15)); /* where q was cut, or the rest is NaN, no residual */
    return (fa_quotient){q, v_select(v_lt(q, K(FA_CAP_SMALL)), K(0), low)};
}
/* cap·tanh(x/cap), the product rounded once; x·(1 − q²/3) where q may be subnormal. */
FA_INLINE vreal f_softcap(vreal x, vreal cap, fa_mode mode)
{
    fa_quotient of = capped_quotient(x, cap);
    of = (fa_quotient){v_kept(of.q, 3, mode.runs), v_kept(of.low, 4, mode.runs)};
#ifdef FA_REAL_F64
    mode.runs = fa_second_cut(mode.runs);
#endif
    fa_pair tanh = tanh_pair(of.q, of.low, mode.runs);
    vreal size = v_abs(cap), t = v_abs(x);
    vreal large = v_fma(size, tanh.head, size * tanh.tail);
    vreal small = v_fma(t * (of.q * of.q), K(-1.0 / 3), t);
    return v_signed(v_select(v_lt(of.q, K(FA_CAP_SMALL)), small, large), x);
}
/* 4σ(2x/cap)(1 − σ(2x/cap)) */
FA_INLINE vreal d_softcap(vreal x, vreal g, vreal cap, fa_mode mode)
{
    fa_quotient of = capped_quotient(x, cap);
    vreal scaled = v_logistic_tail(K(1), of.q + of.q, of.low + of.low, fa_as_wild(mode)).head;
    return g * (v_fnma(scaled * K(FA_DOWN), scaled, scaled) * K(4 * FA_DOWN));
}

FA_INLINE vreal f_erf(vreal x, fa_mode mode)
{
#ifdef FA_REAL_F32
    vreal t = v_min(K(3.93), v_abs(x)), c[8]; /* erf rounds to 1 from 3.92 on; a NaN passes */
    v_lookup_rows8(fa_erf_f32, v_interval(t, K(FA_ERF_F32_SCALE)), FA_INTERVAL_LOW, mode.runs, c);
    vreal r = t - c[0];
    vreal p = v_fma(r, v_fma(r, c[6], c[5]), c[4]);
    p = v_fma(r, v_fma(r, p, c[3]), c[2]);
    return v_signed(v_fma(r, p, v_min(c[1], t)), x);
#else
    vreal t = v_min(K(5.93), v_abs(x)), c[16];
    v_lookup_rows16(fa_erf_f64, v_bits(v_fma(t, K(FA_ERF_F64_SCALE), K(FA_ERF_F64_FROM))), FA_ERF_F64_LOW, mode.runs,
                    FA_ERF_F64_TERMS + 2, c);
    vreal r = t - c[0];
    return v_signed(v_fma(r, v_columns_polynomial(c + 2, FA_ERF_F64_TERMS, r), v_min(c[1], t)), x);
#endif
}
/* 2/√π·e^(−x²) with the exact rest of x². */
FA_INLINE vreal d_erf(vreal x, vreal g, fa_mode mode)
{
    vreal t = v_min(K(FA_SQUARE_ZERO), v_abs(x)), z = t * t;
    fa_exponential3 e = v_exp3(-z, -v_fms(t, t, z), FA_SCALE);
    vreal scale = e.scale * K(0x1.20dd750429b6dp+0);
    (void)mode;
    return g * (v_fma(scale, e.head + e.tail, scale) * K(FA_DOWN));
}

/* log((1 − h)/h), h the lesser of p and 1 − p, so that 1 − p is exact wherever it is h: with H = h·2^k near n = 1 − h it is
 * k·ln 2 + 2 atanh((n − H)/(n + H)), n − H exact, and near p = 1/2 the second term alone, to its full precision. */
FA_INLINE vreal f_logit(vreal x, fa_mode mode)
{
#ifdef FA_REAL_F32
    const vreal ln2_head = K(0x1.62e4p-1), ln2_tail = K(0x1.7f7d1cp-20);
    enum { UP = 24, TERMS = 3 };
#else
    const vreal ln2_head = K(0x1.62e42fefa38p-1), ln2_tail = K(0x1.ef35793c7673p-45);
    enum { UP = 54, TERMS = 9 };
#endif
    vreal h = v_min(x, K(1) - x), n = K(1) - h, n_low = (K(1) - n) - h;
    vint h_bits = v_bits(h * K((real)((int64_t)1 << UP))) - (KI(UP) << FA_BIAS_SHIFT); /* no subnormal */
    vint apart = v_bits(n) - h_bits + (KI(1) << (FA_BIAS_SHIFT - 1));
    vint octaves = apart >> FA_BIAS_SHIFT;
    vreal near = v_real(h_bits + (octaves << FA_BIAS_SHIFT)), k = v_to_float(octaves);
    vreal a = n - near, b = n + near, b_low = ((n - b) + near) + n_low;
    vreal inverse = K(1) / b, s = a * inverse;
    vreal rest = v_fnma(s, b_low, v_fnma(s, b, a) + n_low) * inverse;
    vreal base = k * ln2_head, sum = v_fma(K(2), s, base), sum_low = v_fma(K(2), s, base - sum);
    vreal z = s * s, tail = v_fma(k, ln2_tail, v_fma(K(2), rest, sum_low));
    vreal y = sum + v_fma(s * z, v_polynomial(fa_logit, TERMS, z), tail);
    (void)mode;
    y = v_select(v_gt(h, K(0)), y, v_select(v_eq(h, K(0)), K(INFINITY), K(NAN)));
    return v_signed(y, x - K(0.5));
}
/* 1/(p − p²) */
FA_INLINE vreal d_logit(vreal x, vreal g, fa_mode mode)
{
    vreal d = v_fnma(x, x, x) + K(0); /* −0 would give −infinity */
    (void)mode;
    return g / v_select(v_ge(d, K(0)), d, K(NAN));
}

#endif
