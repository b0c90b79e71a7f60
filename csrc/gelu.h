/* gelu and its derivative on vectors: x*Phi(x) = max(x, 0) - t*Phi(-t), t = |x|, so that no tail is lost.
 * mode.wild is 0 where every |x| <= FA_GELU_TAME and none is NaN, else anything. */
#ifndef FA_GELU_H
#define FA_GELU_H
#include "interval.h"

#if defined(FA_REAL_F32)
#include "tables/d_gelu_f32.h"
#include "tables/gauss_f32.h"
#include "tables/gelu_f32.h"
FA_TABLE8(fa_gelu_f32, FA_GELU_F32_ROWS);
FA_TABLE8(fa_d_gelu_f32, FA_D_GELU_F32_ROWS);

#define FA_GELU_TAME 12.5 /* up to here no intermediate result is subnormal */

typedef struct {
    vreal r, base, slope; /* the function is base + r*slope; where base is INFINITY, t + r*slope */
} fa_interval;

FA_INLINE fa_interval fa_row_of(const fa_rows8 table, vreal t, vreal scale, fa_runs runs)
{
    vreal c[8];
    v_lookup_rows8(table, v_interval(t, scale), FA_INTERVAL_LOW, runs, c);
    vreal r = t - c[0];
    vreal p = v_fma(r, c[6], c[5]);
    p = v_fma(r, p, c[4]);
    p = v_fma(r, p, c[3]);
    return (fa_interval){r, c[1], v_fma(r, p, c[2])};
}

/* -exp(-t*t/2)/2 * (base + r*slope), or plus where `flip` has the sign bit, as s*base + s*rest: s*base is exact unless base is t. */
typedef struct {
    vint s;
    vreal base, rest;
} fa_tail;

FA_INLINE fa_tail fa_times_gaussian(vint flip, vreal t, fa_interval m)
{
    vreal z = v_fma(t * t, K(FA_GAUSS_STEPS), K(FA_GAUSS_MAGIC));
    vreal n = v_fma(z, K(FA_GAUSS_HIGH), K(-FA_GAUSS_OFFSET));
    vreal r = v_fma(n, K(FA_GAUSS_RATIO), v_fma(t, t, n)) + v_lookup8(fa_gauss_rest, v_bits(z));
    vreal p = v_fma(r, v_fma(r, K(FA_GAUSS_C4), K(FA_GAUSS_C3)), K(FA_GAUSS_C2));
    p = r * v_fma(r, p, K(FA_GAUSS_C1));
    vreal g = v_fma(m.r, m.slope, m.base);
    return (fa_tail){(v_bits(z) << 20) ^ flip, m.base, v_fma(m.r, m.slope, g * p)};
}

/* from + the tail: its sum with s*base is exact unless that is far smaller: one rounding of the result, the other terms being
 * small. */
FA_INLINE vreal fa_minus_gaussian(vreal from, vint flip, vreal t, fa_interval m, const int wild)
{
    fa_tail of = fa_times_gaussian(flip, t, m);
    vreal near = v_fma(v_real(of.s), of.rest, v_fma(v_real(of.s), of.base, from));
    if (!wild)
        return near;
    vreal big = v_real(of.s + KI(64 << 23));
    vreal far = v_fma(v_fma(big, of.rest, big * of.base), K(0x1p-64), from);
    return v_select(v_le(t, K(FA_GELU_TAME)), near, far); /* the same bits as in a tame block */
}

/* 2t*Phi(-t)*exp(t*t/2), t <= 14.5; the next, 2*(Phi(-t) - t*phi(t))*exp(t*t/2) */
FA_INLINE fa_interval fa_gelu_interval(vreal t, fa_runs runs)
{
    fa_interval m = fa_row_of(fa_gelu_f32, t, K(FA_GELU_F32_SCALE), runs);
    m.base = v_min(m.base, t);
    return m;
}
FA_INLINE fa_interval fa_slope_interval(vreal t, fa_runs runs)
{
    return fa_row_of(fa_d_gelu_f32, t, K(FA_D_GELU_F32_SCALE), runs);
}

FA_INLINE vreal gelu_value(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(14.5), t);
    fa_interval m = fa_gelu_interval(t, mode.runs);
    return fa_minus_gaussian(v_max(K(-0.0), x), KI(0), t, m, mode.wild);
}

/* Phi(x) + x*phi(x): of -t for x < 0, and 1 minus that above. */
FA_INLINE vreal gelu_derivative(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(14.545), t);
    fa_interval m = fa_slope_interval(t, mode.runs);
    vmask below = v_lt(v_bits(x), KI(0));
    return fa_minus_gaussian(v_select(below, K(-0.0), K(1)), v_bits(x) & KI(INT32_MIN), t, m, mode.wild);
}
#elif defined(FA_REAL_F64)
#include "tables/gelu_f64.h"
#include "vmath.h"

#define FA_GELU_TAME 36.0 /* up to here no intermediate result is subnormal */

/* The polynomial c[0] + c[1]*w + ... + c[24]*w^24 + c[25] as head and tail, by even and odd powers. */
FA_INLINE fa_pair fa_polynomial24(const double c[26], vreal w)
{
    vreal q = w * w, even = K(c[23]), odd = K(c[24]);
    for (int i = 21; i > 0; i -= 2) {
        even = v_fma(q, even, K(c[i]));
        odd = v_fma(q, odd, K(c[i + 1]));
    }
    vreal rest = v_fma(w, odd, even), y = v_fma(w, rest, K(c[0]));
    return (fa_pair){y, v_fma(w, rest, K(c[0]) - y) + K(c[25])};
}

typedef struct {
    vreal inverse, error, twice, w; /* 1/(t + 4) = inverse*(1 + error); twice = 8*inverse; w = (t - 4)/(t + 4) */
} fa_mapped;

FA_INLINE fa_mapped fa_map4(vreal t)
{
    vreal d = t + K(4), low = t - (d - K(4));
    vreal inverse = K(1) / d;
    vreal error = v_fnma(inverse, low, v_fnma(inverse, d, K(1)));
    vreal twice = K(8) * inverse;
    return (fa_mapped){inverse, error, twice, v_fnma(twice, error, K(1) - twice)};
}

FA_INLINE fa_exponential3 fa_gaussian(vreal t, const int wild)
{
    vreal half = K(-0.5) * t, y = half * t;
    return v_exp3(y, v_fms(half, t, y), wild ? FA_SCALE - 1 : -1);
}

/* 2*Phi(-t)*exp(t*t/2), t <= 39.5 */
FA_INLINE fa_pair fa_twice_mills(vreal t)
{
    fa_mapped m = fa_map4(t);
    fa_pair y = fa_polynomial24(fa_gelu_f64, m.w);
    vreal q = v_fma(m.twice, y.head, K(FA_GELU_F64_LIMIT));
    vreal q_low = v_fma(m.twice, y.tail, v_fma(m.twice, y.head, K(FA_GELU_F64_LIMIT) - q));
    q_low = v_fma(m.error, v_fma(m.twice, y.head, q), q_low);
    vreal h = m.inverse * q;
    return (fa_pair){h, v_fma(m.inverse, q_low, v_fms(m.inverse, q, h))};
}

/* 2*(Phi(-t) - t*phi(t))*exp(t*t/2), t <= 39.5 */
FA_INLINE fa_pair fa_gelu_slope(vreal t)
{
    fa_pair y = fa_polynomial24(fa_d_gelu_f64, fa_map4(t).w);
    vreal left = (K(FA_D_GELU_F64_ROOT) - t) + K(FA_D_GELU_F64_ROOT_LOW);
    vreal d = y.head * left;
    return (fa_pair){d, v_fma(y.tail, left, v_fms(y.head, left, d))};
}

FA_INLINE vreal gelu_value(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(39), t);
    fa_exponential3 e = fa_gaussian(t, mode.wild);
    fa_pair m = fa_twice_mills(t);
    vreal h = m.head, h_low = m.tail;
    vreal u = K(1) + e.head, u_low = ((K(1) - u) + e.head) + e.tail;
    vreal p = u * h, p_low = v_fma(u, h_low, v_fma(u_low, h, v_fms(u, h, p)));
    vreal v = t * p, v_low = v_fma(t, p_low, v_fms(t, p, v));
    vreal from = v_max(K(-0.0), x);
    if (!mode.wild)
        return v_fnma(e.scale, v + v_low, from);
    vreal big = e.scale * (v + v_low);
    return v_select(v_gt(t, K(FA_GELU_TAME)), from - big * K(FA_DOWN), v_fnma(big, K(FA_DOWN), from));
}

/* Phi(x) + x*phi(x): of -t for x < 0, and 1 minus that above. */
FA_INLINE vreal gelu_derivative(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(39), t);
    fa_exponential3 e = fa_gaussian(t, mode.wild);
    fa_pair slope = fa_gelu_slope(t);
    vreal d = slope.head + v_fma(slope.head, e.head + e.tail, slope.tail);
    vreal below = mode.wild ? e.scale * d * K(FA_DOWN) : e.scale * d;
    return v_select(v_lt(x, K(0)), below, K(1) - below);
}
#endif
#endif
