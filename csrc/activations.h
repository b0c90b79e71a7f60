/* The lane functions of activations.def: the value `f_name` and the derivative `d_name` (times g), each written once for
 * every dtype and instruction set.  Formulas only: lanes are vec.h's, shared mathematics vmath.h's, loops blocks.h's. */
#ifndef FA_ACTIVATIONS_H
#define FA_ACTIVATIONS_H

#include "gelu.h"
#include "tanh.h"
#include "vmath.h"

/* What a derivative with two results gives; elsewhere only x counts. */
typedef struct {
    vreal x, other;
} fa_gradients;

/* max(x, 0) that keeps x's own zero and its NaN, and gives −0 below, so that subtracting +0 leaves −0. */
FA_INLINE vreal positive_part(vreal x) { return v_max(K(-0.0), x); }

#include "activations_fitted.h"

FA_INLINE vreal f_relu(vreal x, fa_mode mode)
{
    (void)mode;
    return v_max(K(0), x);
}
FA_INLINE vreal d_relu(vreal x, vreal g, fa_mode mode)
{
    (void)mode;
    return v_select(v_gt(x, K(0)), g, v_select(v_le(x, K(0)), K(0), x));
}

FA_INLINE vreal f_leaky_relu(vreal x, vreal negative_slope, fa_mode mode)
{
    (void)mode;
    return v_select(v_gt(x, K(0)), x, negative_slope * x);
}
FA_INLINE vreal d_leaky_relu(vreal x, vreal g, vreal negative_slope, fa_mode mode)
{
    (void)mode;
    return v_select(v_gt(x, K(0)), g, v_select(v_le(x, K(0)), negative_slope * g, x));
}

FA_INLINE vreal f_sigmoid(vreal x, fa_mode mode)
{
    vreal q = v_logistic_tail(K(1), v_abs(x), FA_NOTHING, mode).head;
    if (mode.wild)
        q = q * K(FA_DOWN);
    return v_select(v_lt(x, K(0)), q, K(1) - q);
}
FA_INLINE vreal d_sigmoid(vreal x, vreal g, fa_mode mode) { return g * v_logistic_slope(1, v_abs(x), mode); }

FA_INLINE vreal f_tanh(vreal x, fa_mode mode) { return tanh_value(x, mode.runs); }
/* 1 − tanh² = 4σ(2x)(1 − σ(2x)) */
FA_INLINE vreal d_tanh(vreal x, vreal g, fa_mode mode)
{
    vreal t = v_abs(x);
    return g * v_logistic_slope(4, t + t, fa_as_wild(mode));
}

/* alpha·expm1(x), x ≤ 0, as head and tail until the last rounding. */
FA_INLINE vreal f_elu(vreal x, vreal alpha, fa_mode mode)
{
    fa_pair e = v_expm1(v_max(K(-50), x));
    vreal y = e.head + e.tail;
    if (!(mode.plain)) {
        vreal product = alpha * e.head;
        y = v_select(v_lt(v_abs(alpha), K(INFINITY)), product + v_fma(alpha, e.tail, v_fms(alpha, e.head, product)),
                     product);
    }
    vmask below = v_lt(x, K(0));
    if (!(mode.plain)) /* alpha counts at 0 too */
        below = below | (v_le(x, K(0)) & v_unordered(alpha, alpha));
    return v_select(below, y, x);
}
FA_INLINE vreal d_elu(vreal x, vreal g, vreal alpha, fa_mode mode)
{
    const int wild = mode.wild;
    vreal y;
    if (mode.plain) {
        fa_exponential3 e = v_exp3(wild ? v_max(K(-FA_EXP_ZERO), x) : x, FA_NOTHING, wild ? FA_SCALE : 0);
        y = v_fma(e.scale, e.head + e.tail, e.scale);
        y = wild ? y * K(FA_DOWN) : y;
    } else
        y = v_times_exp(alpha, wild ? v_max(K(-FA_FAR_ZERO), x) : x, FA_NOTHING, wild);
    return v_select(v_gt(x, K(0)), g, g * y);
}

#include "activations_hard.h"

/* x·sigmoid(x) = max(x, 0) − t/(1 + e^t), t = |x| */
FA_INLINE vreal f_silu(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(FA_EXP_ZERO), t);
    vreal q = v_logistic_tail(t, t, FA_NOTHING, mode).head;
    return positive_part(x) - (mode.wild ? q * K(FA_DOWN) : q);
}
/* With q = σ(−v), v = |v| an odd function of x whose slope times t = |x| is s: the derivative of x·σ(v) is
 * q(1 − s(1 − q)) below zero and 1 less that above.  The bracket has 1 − q in two parts, which count beside its root.
 * When wild, q comes times 2^FA_SCALE, and one too small to count is left out: its tail would be subnormal, and slow. */
FA_INLINE vreal weighted_slope(vreal x, vreal s, vreal s_low, fa_pair q, fa_mode mode)
{
    q = fa_kept_pair(q, 5, fa_second_cut(mode.runs));
    vreal head = q.head, tail = q.tail;
    if (mode.wild) {
        vmask counts = v_gt(q.head, K(FA_UP * FA_COUNTS));
        head = v_select(counts, head, K(0)) * K(FA_DOWN), tail = v_select(counts, tail, K(0)) * K(FA_DOWN);
    }
    vreal p = K(1) - head, p_low = ((K(1) - p) - head) - tail;
    vreal bracket = v_fnma(s, p, K(1)), lost = v_fma(s, p_low, s_low * p);
    vreal below = v_fma(q.head, bracket, v_fms(q.tail, bracket, q.head * lost));
    if (mode.wild)
        below = below * K(FA_DOWN);
    return v_select(v_lt(x, K(0)), below, K(1) - below);
}
FA_INLINE vreal d_silu(vreal x, vreal g, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(FA_EXP_ZERO), t);
    return g * weighted_slope(x, t, FA_NOTHING, v_logistic_tail(K(1), t, FA_NOTHING, mode), mode);
}

FA_INLINE vreal f_gelu(vreal x, fa_mode mode) { return gelu_value(x, mode); }
FA_INLINE vreal d_gelu(vreal x, vreal g, fa_mode mode) { return g * gelu_derivative(x, mode); }

/* 2u = t(c₁ + c₂t²) as head and tail; c₁'s head is short, so that c₁ − slope is exact. */
typedef struct {
    vreal u2, u2_low, rise, rise_low; /* rise = c₂t² */
} fa_cube;

FA_INLINE fa_cube gelu_cube(vreal t)
{
#ifdef FA_REAL_F32
    const vreal c1 = K(0x1.988460p0), c1_low = K(-0x1.985794p-21), c2 = K(0x1.2444f2p-4), c2_low = K(0x1.49b16ap-29);
#else
    const vreal c1 = K(0x1.9884533d4364p0), c1_low = K(0x1.08d0fcb3c500cp-48), c2 = K(0x1.2444f2a4d8b4bp-4),
                c2_low = K(-0x1.6c843a29d1c70p-61);
#endif
    vreal t2 = t * t, t2_low = v_fms(t, t, t2);
    vreal slope = v_fma(c2, t2, c1);
    vreal slope_low = v_fma(c2, t2, c1 - slope) + v_fma(c2, t2_low, v_fma(c2_low, t2, c1_low));
    vreal u2 = t * slope;
    vreal u2_low = v_fma(t, slope_low, v_fms(t, slope, u2));
    return (fa_cube){u2, u2_low, slope - c1, slope_low - c1_low};
}
/* Always with wild care, which costs less than running the blocks again that hold an |x| of 10. */
FA_INLINE vreal f_gelu_tanh(vreal x, fa_mode mode)
{
    vreal t = v_min(K(FA_CUBE_ZERO), v_abs(x));
    fa_cube c = gelu_cube(t);
    return positive_part(x) - v_logistic_tail(t, c.u2, c.u2_low, fa_as_wild(mode)).head * K(FA_DOWN);
}
/* s = t·d(2u)/dt = 2u + 2t·c₂t². */
FA_INLINE vreal d_gelu_tanh(vreal x, vreal g, fa_mode mode)
{
    vreal t = v_min(K(FA_CUBE_ZERO), v_abs(x));
    fa_cube c = gelu_cube(t);
    vreal s = v_fma(t + t, c.rise, c.u2);
    vreal s_low = v_fma(t + t, c.rise, c.u2 - s) + v_fma(t + t, c.rise_low, c.u2_low);
    mode = fa_as_wild(mode);
    s = v_kept(s, 3, mode.runs), s_low = v_kept(s_low, 4, mode.runs);
    return g * weighted_slope(x, s, s_low, v_logistic_tail(K(1), c.u2, c.u2_low, mode), mode);
}

/* max(v, 0) + log, exactly but for log's tail. */
FA_INLINE fa_pair softplus_sum(vreal v, fa_pair log)
{
    vreal base = v_max(K(0), v), sum = base + log.head;
    return (fa_pair){sum, v_min(base, log.head) - (sum - v_max(base, log.head))};
}
/* log1p(e^x) as max(x, 0) + log1p(e^-|x|), the parts summed exactly until the last rounding. */
FA_INLINE vreal softplus_plain(vreal x, fa_mode mode)
{
    const int wild = mode.wild;
    vreal t = v_abs(x);
    if (wild)
        t = v_min(K(FA_EXP_ZERO), t);
    fa_exponential e = v_exp(-t, FA_NOTHING, wild ? FA_SCALE : 0, mode.runs);
    vreal high = v_fma(e.scale, e.excess, e.scale), low = v_fma(e.scale, e.excess, e.scale - high);
    fa_pair log = wild ? v_log1p(high * K(FA_DOWN), low * K(FA_DOWN)) : v_log1p(high, low);
    fa_pair sum = softplus_sum(x, log);
    vreal y = sum.head + (sum.tail + log.tail);
    if (wild) { /* deep down log1p(e) is e, which stays times 2^FA_SCALE to the end */
        y = v_select(v_lt(x, K(-FA_EXP_LIMIT)), (high + low) * K(FA_DOWN), y);
        y = v_select(v_eq(x, K(INFINITY)), x, y);
    }
    return y;
}
/* log1p(e^v)/beta, v + v_low = beta·x; deep down, where log1p(e) is e and e has no normal low part, e^v stays times 2^FA_FAR, and beta
 * comes over FA_FAR_OTHER unless that is too much. */
FA_INLINE vreal softplus_over(vreal v, vreal v_low, vreal beta, fa_runs runs)
{
    vmask deep = v_lt(v, K(-FA_TAIL_LIMIT)), large = v_gt(v_abs(beta), K(FA_LARGEST * FA_FAR_OTHER));
    vreal t = v_min(v_select(deep, K(FA_OVER_ZERO), K(FA_EXP_LIMIT)), v_abs(v));
    fa_exponential e = v_exp(-t, v_real(v_bits(v_low) ^ (~v_bits(v) & v_bits(K(-0.0)))), 0, runs);
    e.scale = v_real(v_bits(e.scale) + v_select(deep, KI(FA_FAR) << FA_BIAS_SHIFT, KI(0)));
    vreal high = v_fma(e.scale, e.excess, e.scale), low = v_fma(e.scale, e.excess, e.scale - high);
    fa_pair log = v_log1p(high, low), sum = softplus_sum(v, log);
    vreal head = v_select(deep, high, sum.head);
    vreal tail = v_select(deep, low, sum.tail + (log.tail + v_select(v_lt(v, K(0)), K(0), v_low)));
    vreal up = v_select(v_lt(v_abs(beta), K(FA_DOWN * 0x1p-26)), K(FA_UP), K(1));
    up = v_select(deep, v_select(large, K(1), K(1 / FA_FAR_OTHER)), up);
    vreal by = v_min(K(FA_LARGEST), v_max(K(-FA_LARGEST), beta * up));
    vreal quotient = (head + tail) / by, left = v_fnma(quotient, by, head) + tail;
    vreal y = v_select(v_lt(v_abs(quotient), K(INFINITY)), quotient + left / by, quotient); /* beta = 0 */
    return y * v_select(deep, K(FA_FAR_PRODUCT), up) * v_select(deep & large, K(FA_FAR_OTHER), K(1));
}

FA_INLINE vreal f_softplus(vreal x, vreal beta, vreal threshold, fa_mode mode)
{
    if (mode.plain)
        return softplus_plain(x, mode);
    vreal v = beta * x;
    vreal v_low = v_select(v_lt(v_abs(v), K(FA_OVER_ZERO)), v_fms(beta, x, v), K(0));
    return v_select(v_gt(v, v_min(threshold, K(FA_EXP_ZERO))), x, softplus_over(v, v_low, beta, mode.runs));
}
FA_INLINE vreal d_softplus(vreal x, vreal g, vreal beta, vreal threshold, fa_mode mode)
{
    if (mode.plain)
        return g * v_logistic_short(-x, FA_NOTHING, mode);
    vreal v = beta * x, v_low = v_select(v_lt(v_abs(v), K(FA_EXP_ZERO)), v_fms(beta, x, v), K(0));
    return v_select(v_gt(v, threshold), g, g * v_logistic_short(-v, -v_low, fa_as_wild(mode)));
}

#include "activations_exponential.h"
#include "activations_gated.h"

FA_INLINE vreal f_prelu(vreal x, vreal weight, fa_mode mode) { return f_leaky_relu(x, weight, mode); }
FA_INLINE fa_gradients d_prelu(vreal x, vreal g, vreal weight, fa_mode mode)
{
    vmask above = v_gt(x, K(0));
    return (fa_gradients){d_leaky_relu(x, g, weight, mode), v_select(above, K(0), x * g)};
}

FA_INLINE vreal f_threshold(vreal x, vreal threshold, vreal value, fa_mode mode)
{
    (void)mode;
    return v_select(v_le(x, threshold), value, x);
}
FA_INLINE vreal d_threshold(vreal x, vreal g, vreal threshold, vreal value, fa_mode mode)
{
    (void)value, (void)mode;
    return g_but(v_le(x, threshold), g, x);
}

FA_INLINE vreal f_reglu(vreal x, vreal gate, fa_mode mode) { return x * f_relu(gate, mode); }
FA_INLINE fa_gradients d_reglu(vreal x, vreal gate, vreal g, fa_mode mode)
{
    return (fa_gradients){d_relu(gate, g * gate, mode), d_relu(gate, x * g, mode)};
}

#endif
