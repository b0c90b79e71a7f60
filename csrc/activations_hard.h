/* Lane functions (activations.h) of the activations that are piecewise linear, quadratic or rational, and of the two that
 * join a line to a scaled expm1. */
#ifndef FA_ACTIVATIONS_HARD_H
#define FA_ACTIVATIONS_HARD_H

#include <float.h>

#include "vmath.h"

/* g where `sloped`, 0 where not; NaN where x is NaN. */
FA_INLINE vreal g_where(vmask sloped, vreal g, vreal x) { return v_select(sloped, g, v_min(K(0), v_abs(x))); }

/* 0 where `flat`, else g, also where a parameter is NaN; NaN where x is NaN. */
FA_INLINE vreal g_but(vmask flat, vreal g, vreal x) { return v_select(flat, K(0), v_select(v_unordered(x, x), x, g)); }

FA_INLINE vreal f_relu6(vreal x, fa_mode mode)
{
    (void)mode;
    return v_min(K(6), v_max(K(0), x));
}
FA_INLINE vreal d_relu6(vreal x, vreal g, fa_mode mode)
{
    (void)mode;
    return g_where(v_gt(x, K(0)) & v_lt(x, K(6)), g, x);
}

/* Bounds that are NaN make the result NaN, as NumPy's clip does. */
FA_INLINE vreal f_hardtanh(vreal x, vreal min_val, vreal max_val, fa_mode mode)
{
    vreal y = v_min(max_val, v_max(min_val, x));
    return mode.plain ? y : v_select(v_unordered(min_val, max_val), min_val + max_val, y);
}
FA_INLINE vreal d_hardtanh(vreal x, vreal g, vreal min_val, vreal max_val, fa_mode mode)
{
    if (mode.plain)
        return g_where(v_lt(v_abs(x), K(1)), g, x);
    return g_where(v_gt(x, min_val) & v_lt(x, max_val), g,
                   x + v_select(v_unordered(min_val, max_val), min_val + max_val, K(0)));
}

/* 1/6 rounded is off by 2^-25 of itself (float32; 2^-54), under half an ULP of any product: what else is inexact must be
 * compensated, and then the bound of 1 ULP holds. */
#ifdef FA_REAL_F32
#define FA_SIXTH 0x1.555556p-3
#define FA_LARGEST FLT_MAX
#define FA_ONE_LOST 16.98 /* v_expm1's 1 is less than half a place of its 2^n from here on, n = 25 */
#define FA_RECIPROCAL 0x7ef311c0
#define FA_RECIPROCAL_STEPS 1
#define FA_ALL_BUT_1 0x1p26 /* from here on t/(1 + t) rounds to 1; expm1(1/t) to 1/t */
#else
#define FA_SIXTH 0x1.5555555555555p-3
#define FA_LARGEST DBL_MAX
#define FA_ONE_LOST 37.083
#define FA_RECIPROCAL 0x7fde623800000000
#define FA_RECIPROCAL_STEPS 2
#define FA_ALL_BUT_1 0x1p55
#endif

/* x + 3 = head + tail exactly, x ≥ −3; the tail is 0 for x ≤ −1. */
FA_INLINE fa_pair above_minus_3(vreal x)
{
    vreal head = x + K(3);
    return (fa_pair){head, x - (head - K(3))};
}

FA_INLINE vreal f_hardsigmoid(vreal x, fa_mode mode)
{
    vreal t = v_min(K(3), v_max(K(-3), x)), head = t + K(3), tail = v_minus(t, head - K(3));
    (void)mode;
    return v_fma(head, K(FA_SIXTH), tail * K(FA_SIXTH));
}
FA_INLINE vreal d_hardsigmoid(vreal x, vreal g, fa_mode mode)
{
    (void)mode;
    return g_where(v_lt(v_abs(x), K(3)), g * K(FA_SIXTH), x);
}

/* h = (x + 3)/6 as head and tail.  A tail at 0, and from 3 on, above 0 keeps -0 and inf; float64 rounds 1/6 down, and needs the
 * rest for that. */
FA_INLINE vreal f_hardswish(vreal x, fa_mode mode)
{
    vreal t = v_max(K(-3), x);
    fa_pair s = above_minus_3(v_min(K(3), t));
    vreal h = s.head * K(FA_SIXTH), h_low = v_fms(s.head, K(FA_SIXTH), h);
#ifdef FA_REAL_F32
    h_low = v_fma(s.tail, K(FA_SIXTH), h_low);
#else
    h_low = v_fma(s.head, K(0x1.5555555555556p-57), h_low);
#endif
    (void)mode;
    return v_fma(t, h, t * h_low);
}
/* x/3 + 1/2, as (2x + 3)/6: exact beside its root. */
FA_INLINE vreal d_hardswish(vreal x, vreal g, fa_mode mode)
{
    vreal slope = v_fma(x, K(2), K(3)) * K(FA_SIXTH);
    (void)mode;
    return v_select(v_le(x, K(-3)), K(0), g * v_select(v_ge(x, K(3)), K(1), slope));
}

FA_INLINE vreal f_hardshrink(vreal x, vreal lambd, fa_mode mode)
{
    (void)mode;
    return v_select(v_le(v_abs(x), lambd), K(0), x);
}
FA_INLINE vreal d_hardshrink(vreal x, vreal g, vreal lambd, fa_mode mode)
{
    return mode.plain ? g_where(v_gt(v_abs(x), lambd), g, x) : g_but(v_le(v_abs(x), lambd), g, x);
}

FA_INLINE vreal f_softshrink(vreal x, vreal lambd, fa_mode mode)
{
    if (mode.plain) {
        vreal t = v_abs(x);
        return v_signed(t - v_min(lambd, t), x);
    }
    vreal y = v_select(v_lt(x, -lambd), x + lambd, v_signed(K(0), x));
    return v_select(v_unordered(x, lambd), x + lambd, v_select(v_gt(x, lambd), x - lambd, y));
}
FA_INLINE vreal d_softshrink(vreal x, vreal g, vreal lambd, fa_mode mode)
{
    vreal y = d_hardshrink(x, g, lambd, mode);
    return mode.plain ? y : v_select(v_unordered(lambd, lambd), lambd, y);
}

FA_INLINE vreal f_squared_relu(vreal x, fa_mode mode)
{
    vreal y = v_max(K(0), x);
    (void)mode;
    return y * y;
}
FA_INLINE vreal d_squared_relu(vreal x, vreal g, fa_mode mode)
{
    (void)mode;
    return g_where(v_gt(x, K(0)), (g + g) * x, x);
}

/* 1 + t as head and tail, t ≥ 0. */
FA_INLINE fa_pair one_plus(vreal t)
{
    vreal large = v_max(K(1), t), small = v_min(K(1), t);
    vreal head = large + small;
    return (fa_pair){head, small - (head - large)};
}

/* The quotient of |x|, at most what gives 1, corrected by its residual. */
FA_INLINE vreal f_softsign(vreal x, fa_mode mode)
{
    vreal t = v_min(K(FA_ALL_BUT_1), v_abs(x));
    (void)mode;
    /* No division: a first reciprocal from the exponent and mantissa, within 0.051, cubed by each Newton step. */
    vreal head = t + K(1), tail = t - (head - K(1)), inverse = v_real(KI(FA_RECIPROCAL) - v_bits(head));
    for (int i = 0; i < FA_RECIPROCAL_STEPS; i++) {
        vreal off = v_fnma(head, inverse, K(1));
        inverse = v_fma(inverse, v_fma(off, off, off), inverse);
    }
    vreal q = t * inverse;
    vreal rest = v_fnma(q, tail, v_fnma(q, head, t));
    return v_signed(v_fma(inverse, rest, q), x);
}
/* g·i·i(1 + 2·rest), i = 1/d rounded. */
FA_INLINE vreal d_softsign(vreal x, vreal g, fa_mode mode)
{
    fa_pair d = one_plus(v_abs(x));
    vreal inverse = K(1) / d.head;
    vreal rest = v_min(v_fnma(inverse, d.tail, v_fnma(inverse, d.head, K(1))), K(0x1p-10)); /* NaN at infinity */
    (void)mode;
    return g * inverse * v_fma(inverse, rest + rest, inverse);
}

/* x/alpha as head and tail, the head within ±FA_FAR_ZERO; a small alpha and its x are scaled up, for their residual. */
FA_INLINE fa_pair celu_argument(vreal x, vreal alpha)
{
    vreal up = v_select(v_lt(v_abs(alpha), K(0x1p-60)), K(FA_UP), K(1)), of = x * up, by = alpha * up;
    vreal v = of / by, t = v_abs(v);
    vmask counts = v_gt(t, K(0x1p-60)) & v_lt(t, K(FA_FAR_ZERO));
    return (fa_pair){v_min(K(FA_FAR_ZERO), v_max(K(-FA_FAR_ZERO), v)), v_select(counts, v_fnma(v, by, of) / by, K(0))};
}
FA_INLINE vreal f_celu(vreal x, vreal alpha, fa_mode mode)
{
    if (mode.plain)
        return f_elu(x, alpha, mode);
    fa_pair v = celu_argument(x, alpha);
    fa_pair e = v_expm1(v_min(K(50), v_max(K(-50), v.head)));
    vreal lost = v_select(v_gt(v.head, K(FA_ONE_LOST)), K(1), K(0));
    vreal tail = v_fma(v.tail, (e.head + e.tail) + K(1), e.tail - lost);
    vmask small = v_lt(v_abs(alpha), K(0x1p-60));
    vreal times = alpha * v_select(small, K(FA_UP), K(1));
    vreal y = v_fma(times, e.head, v_finite(times * tail)) * v_select(small, K(FA_DOWN), K(1));
    y = v_select(v_gt(v.head, K(50)), v_times_exp(alpha, v.head, v.tail, 1), y); /* a negative alpha */
    return v_select(v_gt(x, K(0)) | v_lt(v_abs(v.head), K(1 / FA_ALL_BUT_1)), x, y);
}
FA_INLINE vreal d_celu(vreal x, vreal g, vreal alpha, fa_mode mode)
{
    if (mode.plain)
        return d_elu(x, g, alpha, mode);
    fa_pair v = celu_argument(x, alpha);
    return v_select(v_gt(x, K(0)), g, g * v_times_exp(K(1), v.head, v.tail, 1));
}

/* lambda and lambda·alpha of selu, each rounded down, and what that leaves. */
#ifdef FA_REAL_F32
#define FA_SELU_ABOVE 0x1.0cfabcp0
#define FA_SELU_ABOVE_LOW 0x1.6a9114p-24
#define FA_SELU_BELOW 0x1.c212ccp0
#define FA_SELU_BELOW_LOW 0x1.903c0cp-26
#else
#define FA_SELU_ABOVE 0x1.0cfabd6a91132p0
#define FA_SELU_ABOVE_LOW 0x1.6fc7d272f2695p-55
#define FA_SELU_BELOW 0x1.c212cc640f031p0
#define FA_SELU_BELOW_LOW 0x1.05161b045a1f7p-56
#endif

FA_INLINE vreal f_selu(vreal x, fa_mode mode)
{
    fa_pair e = v_expm1(v_max(K(-50), x));
    vreal tail = v_fma(e.head, K(FA_SELU_BELOW_LOW), e.tail * K(FA_SELU_BELOW));
    (void)mode;
    return v_select(v_lt(x, K(0)), v_fma(e.head, K(FA_SELU_BELOW), tail),
                    v_fma(x, K(FA_SELU_ABOVE), x * K(FA_SELU_ABOVE_LOW)));
}
FA_INLINE vreal d_selu(vreal x, vreal g, fa_mode mode)
{
    const int wild = mode.wild;
    fa_exponential3 e = v_exp3(wild ? v_max(K(-FA_EXP_ZERO), x) : x, FA_NOTHING, wild ? FA_SCALE : 0);
    vreal scale = e.scale * K(FA_SELU_BELOW + FA_SELU_BELOW_LOW); /* exact but for that sum */
    vreal y = v_fma(scale, e.head + e.tail, scale);
    return g * v_select(v_gt(x, K(0)), K(FA_SELU_ABOVE + FA_SELU_ABOVE_LOW), wild ? y * K(FA_DOWN) : y);
}

#endif
