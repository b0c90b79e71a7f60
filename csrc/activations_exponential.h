/* The lane functions made of one exponential: log_sigmoid, quick_gelu, mish.  What takes a gate is in activations_gated.h;
 * formulas only, and only activations.h includes this. */
#ifndef FA_ACTIVATIONS_EXPONENTIAL_H
#define FA_ACTIVATIONS_EXPONENTIAL_H

FA_INLINE vreal f_log_sigmoid(vreal x, fa_mode mode) { return -softplus_plain(-x, mode); }
FA_INLINE vreal d_log_sigmoid(vreal x, vreal g, fa_mode mode) { return g * v_logistic_short(x, FA_NOTHING, mode); }

/* 1.702·t as head and tail. */
FA_INLINE fa_pair quick_argument(vreal t)
{
#ifdef FA_REAL_F32
    const vreal c = K(0x1.b3b646p0), c_low = K(-0x1.78d4fep-26);
#else
    const vreal c = K(0x1.b3b645a1cac08p0), c_low = K(0x1.89374bc6a7efap-55);
#endif
    vreal v = c * t;
    return (fa_pair){v, v_fma(c_low, t, v_fms(c, t, v))};
}
FA_INLINE vreal f_quick_gelu(vreal x, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(FA_EXP_ZERO), t);
    fa_pair v = quick_argument(t);
    vreal q = v_logistic_tail(t, v.head, v.tail, mode).head;
    return positive_part(x) - (mode.wild ? q * K(FA_DOWN) : q);
}
FA_INLINE vreal d_quick_gelu(vreal x, vreal g, fa_mode mode)
{
    vreal t = v_abs(x);
    if (mode.wild)
        t = v_min(K(FA_EXP_ZERO), t);
    fa_pair v = quick_argument(t);
    return g * weighted_slope(x, v.head, v.tail, v_logistic_tail(K(1), v.head, v.tail, mode), mode);
}

/* With C = 1 + z, z = 2e^t below zero and e^t above, t = |x|: tanh(softplus(x)) is 2C/(C² + 1) below and 1 − 2/(C² + 1)
 * above.  Past FA_MISH_LIMIT, where C² would overflow, d = 2e^t·2^-FA_SCALE and 1 stands for C. */
#define FA_MISH_LIMIT (FA_EXP_LIMIT / 2 - 1)
typedef struct {
    vreal t, z, z_low, c, c_low, d, d_low, m, m_low; /* m = C below zero, 1 above */
    vmask below, deep;
} fa_mish;

/* z = scale·(1 + excess) in two parts, e^t·2^-FA_SCALE when wild; the value does without z and makes C shorter. */
FA_INLINE void mish_short(fa_mish *y, vreal scale, vreal excess)
{
    vreal u = v_fma(scale, excess, K(1));
    y->c = scale + u, y->c_low = u - (y->c - scale);
}
FA_INLINE void mish_exact(fa_mish *y, vreal scale, fa_exponential3 e)
{
    vreal z = v_fma(scale, e.head, scale), rest = v_fma(scale, e.tail, v_fma(scale, e.head, scale - z));
    y->z = z + rest, y->z_low = rest - (y->z - z);
    y->c = y->z + K(1), y->c_low = (K(1) - (y->c - y->z)) + y->z_low;
}
FA_INLINE fa_mish mish_parts(vreal x, const int exact, fa_mode mode)
{
    const int wild = mode.wild;
    fa_mish y = {.t = wild ? v_min(K(FA_EXP_ZERO), v_abs(x)) : v_abs(x), .below = v_lt(x, K(0))};
    fa_exponential3 e3 = v_exp3(y.t, FA_NOTHING, wild ? -FA_SCALE : 0);
    fa_exponential e = {e3.scale, e3.head + e3.tail};
    if (!exact)
        e = v_exp(y.t, FA_NOTHING, wild ? -FA_SCALE : 0, mode.runs);
    vreal far = e.scale, scale = far;
    y.deep = v_gt(y.t, K(FA_MISH_LIMIT));
    if (wild)
        scale = v_select(y.deep, K(1), scale * K(FA_UP));
    scale = v_select(y.below, scale + scale, scale);
    if (exact)
        mish_exact(&y, scale, e3);
    else
        mish_short(&y, scale, e.excess);
    y.d = v_fma(y.c, y.c, K(1));
    y.d_low = v_fma(y.c + y.c, y.c_low, v_fms(y.c, y.c, y.d) + K(1));
    y.m = v_select(y.below, y.c, K(1)), y.m_low = v_select(y.below, y.c_low, K(0));
    if (wild) {
        vreal twice = far + far, d = v_fma(twice, e.excess, twice);
        y.d_low = v_select(y.deep, v_fma(twice, e.excess, twice - d), y.d_low);
        y.d = v_select(y.deep, d, y.d);
        y.m = v_select(y.deep, K(1), y.m), y.m_low = v_select(y.deep, K(0), y.m_low);
    }
    return y;
}
/* max(x, 0) − 2tm/d; the quotient's correction is added last, or x minus it would round twice. */
FA_INLINE vreal f_mish(vreal x, fa_mode mode)
{
    fa_mish y = mish_parts(x, 0, mode);
    vreal twice = y.t + y.t, over = twice * y.m;
    vreal over_low = v_fma(twice, y.m_low, v_fms(twice, y.m, over));
    vreal inverse = K(1) / y.d, q = over * inverse;
    vreal rest = v_fnma(q, y.d_low, v_fnma(q, y.d, over)) + over_low;
    vreal base = positive_part(x), head = base - q;
    vreal value = head - v_fma(inverse, rest, q - (base - head)); /* this order keeps the sign of zero */
    if (mode.wild)
        value = v_select(v_gt(x, K(FA_MISH_LIMIT)), x, value * v_select(y.deep, K(FA_DOWN), K(1)));
    return value;
}
/* (2/d)(m − tzY), Y = 1 − 2/d below zero and 2C/d above, where the derivative is 1 less that. */
FA_INLINE vreal d_mish(vreal x, vreal g, fa_mode mode)
{
    fa_mish y = mish_parts(x, 1, mode);
    vreal inverse = K(1) / y.d, h = inverse + inverse;
    vreal rest = v_fnma(h, y.d_low, v_fnma(h, y.d, K(2)));
    vreal head = v_fma(inverse, rest, h), tail = v_fma(inverse, rest, h - head);
    vreal p = K(1) - head, p_low = ((K(1) - p) - head) - tail;
    vreal a = y.t * y.z, a_low = v_fma(y.t, y.z_low, v_fms(y.t, y.z, a));
    vreal factor = v_select(y.below, p, head * y.c), factor_low = v_select(y.below, p_low, K(0));
    if (mode.wild) {
        a = v_select(y.deep, y.t, a), a_low = v_select(y.deep, K(0), a_low);
        factor = v_select(y.deep, K(1), factor), factor_low = v_select(y.deep, K(0), factor_low);
    }
    vreal product = a * factor, bracket = y.m - product; /* exact near the root, where it must be */
    vreal lost = v_fma(a, factor_low, v_fma(a_low, factor, v_fms(a, factor, product))) - y.m_low;
    vreal slope = v_fma(head, bracket, v_fms(tail, bracket, head * lost));
    if (mode.wild)
        slope = slope * v_select(y.deep, K(FA_DOWN), K(1));
    return g * v_select(y.below, slope, K(1) - slope);
}

#endif
