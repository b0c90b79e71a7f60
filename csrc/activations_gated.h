/* The lane functions of rows with a smooth gate: products of an operand with a function of the gate, which stays in head
 * and tail until the product is rounded once.  Formulas only, and only activations.h includes this. */
#ifndef FA_ACTIVATIONS_GATED_H
#define FA_ACTIVATIONS_GATED_H

/* A factor may be subnormal where the product is not.  So what falls with e^-|gate| is kept times 2^FA_FAR where |gate| is
 * beyond FA_EXP_LIMIT ("far"), as vmath.h says. */

FA_INLINE fa_pair gate_one_minus(fa_pair y)
{
    vreal head = K(1) - y.head;
    return (fa_pair){head, ((K(1) - head) - y.head) - y.tail};
}
FA_INLINE fa_pair gate_times(fa_pair y, fa_pair z)
{
    vreal head = y.head * z.head;
    return (fa_pair){head, v_fma(y.head, z.tail, v_fma(y.tail, z.head, v_fms(y.head, z.head, head)))};
}
FA_INLINE fa_pair gate_select(vmask mask, fa_pair y, fa_pair z)
{
    return (fa_pair){v_select(mask, y.head, z.head), v_select(mask, y.tail, z.tail)};
}

/* times/(1 + e^t), t = |gate|. */
FA_INLINE fa_pair gate_tail(double times, vreal by, vreal gate, fa_mode mode)
{
    vreal t = v_abs(gate), one = K(1);
    if (!(mode.wild))
        return v_over_one_plus(K(times) * by, v_exp(t, FA_NOTHING, 0, mode.runs), one);
    vmask far = v_gt(t, K(FA_EXP_LIMIT)), gone = v_eq(t, K(INFINITY));
    t = v_min(K(FA_FAR_ZERO), t);
    fa_exponential e = v_exp(t, FA_NOTHING, 0, mode.runs);
    e.scale = v_real(v_bits(e.scale) - v_select(far, KI(FA_FAR) << FA_BIAS_SHIFT, KI(0)));
    fa_pair q = v_over_one_plus(K(times) * v_min(K(FA_FAR_ZERO), by), e, v_select(far, K(0), one));
    return gate_select(gone, (fa_pair){K(0), K(0)}, q);
}

/* share·x·y rounded once, also where x or the product is tiny; y is far where the gate is below -limit. */
FA_INLINE vreal gate_product(double share, vreal x, fa_pair y, vreal gate, double limit, fa_mode mode)
{
    vmask small = v_lt(v_abs(x), K(1)), finite = v_lt(v_abs(x), K(INFINITY)), far = v_lt(gate, K(-limit));
    vreal other = v_select(small, x * K(share * FA_UP), share == 1 ? x : x * K(share));
    if (mode.wild)
        other = v_select(far, x * K(share * FA_FAR_OTHER), other);
    vreal product = v_fma(other, y.head, v_select(finite, other * y.tail, K(0)));
    vreal scaled = v_select(small, product * K(FA_DOWN), product);
    return mode.wild ? v_select(far, product * K(FA_FAR_PRODUCT), scaled) : scaled;
}

/* Twice silu(gate), as twice a subnormal is exact: max(2·gate, 0) − 2t/(1 + e^t). */
FA_INLINE fa_pair gate_twice_silu(vreal gate, fa_mode mode)
{
    fa_pair q = gate_tail(2, v_abs(gate), gate, mode);
    q = fa_kept_pair(q, 5, fa_second_cut(mode.runs));
    vreal above = positive_part(gate + gate), head = above - q.head;
    return (fa_pair){head, ((above - head) - q.head) - q.tail};
}
FA_INLINE vreal swiglu_by_x(vreal x, vreal gate, fa_pair twice_silu, fa_mode mode)
{
    vreal y = gate_product(0.5, x, twice_silu, gate, FA_EXP_LIMIT, mode);
    return mode.wild ? v_select(v_gt(gate, K(FA_EXP_LIMIT)), x * gate, y) : y;
}
FA_INLINE vreal f_swiglu(vreal x, vreal gate, fa_mode mode)
{
    return swiglu_by_x(x, gate, gate_twice_silu(gate, mode), mode);
}

/* Of f(gate) and of 1 − f(−gate), f(−t) = q given for t = |gate|: the one that holds for gate; 1 above the limit. */
FA_INLINE fa_pair gate_side(vreal gate, fa_pair q, double limit, fa_mode mode)
{
    fa_pair y = gate_select(v_lt(gate, K(0)), q, gate_one_minus(q));
    if (mode.wild)
        y = gate_select(v_gt(gate, K(limit)), (fa_pair){K(1), K(0)}, y);
    return y;
}
/* 1 − q, q = 1/(1 + e^t). */
FA_INLINE fa_pair gate_rest(vreal gate, fa_pair q, fa_mode mode)
{
    fa_pair p = gate_one_minus(q);
    if (mode.wild)
        p = gate_select(v_gt(v_abs(gate), K(FA_EXP_LIMIT)), (fa_pair){K(1), K(0)}, p);
    return p;
}
/* silu′ is q(1 − t(1 − q)) below zero. */
FA_INLINE fa_gradients d_swiglu(vreal x, vreal gate, vreal g, fa_mode mode)
{
    vreal t = mode.wild ? v_min(K(FA_FAR_ZERO), v_abs(gate)) : v_abs(gate);
    fa_pair q = gate_tail(1, K(1), gate, mode);
    q = fa_kept_pair(q, 3, fa_second_cut(mode.runs));
    fa_pair p = gate_rest(gate, q, mode);
    fa_pair below = gate_times(q, gate_one_minus(gate_times((fa_pair){t, K(0)}, p)));
    fa_pair slope = gate_side(gate, below, FA_EXP_LIMIT, mode);
    return (fa_gradients){swiglu_by_x(g, gate, gate_twice_silu(gate, mode), mode),
                          gate_product(1, x * g, slope, gate, FA_EXP_LIMIT, mode)};
}

FA_INLINE vreal f__glu(vreal x, vreal gate, fa_mode mode)
{
    fa_pair q = gate_tail(1, K(1), gate, mode);
    q = fa_kept_pair(q, 5, fa_second_cut(mode.runs));
    fa_pair y = gate_side(gate, q, FA_EXP_LIMIT, mode);
    return gate_product(1, x, y, gate, FA_EXP_LIMIT, mode);
}
FA_INLINE fa_gradients d__glu(vreal x, vreal gate, vreal g, fa_mode mode)
{
    fa_pair q = gate_tail(1, K(1), gate, mode);
    q = fa_kept_pair(q, 5, fa_second_cut(mode.runs));
    vreal even = mode.wild ? -v_abs(gate) : gate; /* the slope is far on both sides */
    return (fa_gradients){gate_product(1, g, gate_side(gate, q, FA_EXP_LIMIT, mode), gate, FA_EXP_LIMIT, mode),
                          gate_product(1, x * g, gate_times(q, gate_rest(gate, q, mode)), even, FA_EXP_LIMIT, mode)};
}

/* For geglu, far is beyond FA_GELU_TAME. */
#ifdef FA_REAL_F32
#define FA_GAUSS_FAR_ZERO 19.75 /* the largest number times e^(-t²/2) rounds to 0 from here on */
#define FA_ROOT_2_PI_LOW (0x1.9884533d43651p-1 - 0x1.988454p-1)
#else
#define FA_GAUSS_FAR_ZERO 54.0
#define FA_ROOT_2_PI_LOW -0x1.cbc0d30ebfd15p-55
#endif
#define FA_ROOT_2_PI 0x1.9884533d43651p-1 /* √(2/π) */

/* √(2/π)·s, where 2t·Φ(−t)·e^(t²/2) = √(2/π)·(1 + s), and 1/t: the asymptotic series, for t > FA_GELU_TAME. */
FA_INLINE fa_pair gate_asymptotic(vreal t)
{
    vreal inverse = K(1) / v_max(K(FA_GELU_TAME), t), z = inverse * inverse;
    vreal s = K(-135135);
    static const real c[6] = {-1, 3, -15, 105, -945, 10395};
    for (int i = 5; i >= 0; i--)
        s = v_fma(z, s, K(c[i]));
    return (fa_pair){K(FA_ROOT_2_PI) * (z * s), inverse};
}
/* 2t·Φ(−t)·e^(t²/2), or with `slope` 2(Φ(−t) − t·φ(t))·e^(t²/2). */
FA_INLINE fa_pair gate_over_gauss(vreal t, int slope, fa_mode mode)
{
    vreal near = mode.wild ? v_min(K(FA_GELU_TAME), t) : t;
#ifdef FA_REAL_F32
    fa_interval m = slope ? fa_slope_interval(near, mode.runs) : fa_gelu_interval(near, mode.runs);
    vreal head = v_fma(m.r, m.slope, m.base);
    fa_pair y = {head, v_fma(m.r, m.slope, m.base - head)};
#else
    fa_pair y = slope ? fa_gelu_slope(near) : gate_times((fa_pair){near, K(0)}, fa_twice_mills(near));
#endif
    if (!(mode.wild))
        return y;
    fa_pair s = gate_asymptotic(t);
    const vreal c = K(FA_ROOT_2_PI), c_low = K(FA_ROOT_2_PI_LOW);
    fa_pair far = {c, s.head + c_low};
    if (slope) {
        vreal minus = c * t;
        far = (fa_pair){-minus, (c + s.head) * s.tail - v_fma(c_low, t, v_fms(c, t, minus))};
    }
    return gate_select(v_gt(t, K(FA_GELU_TAME)), far, y);
}
/* times·e^(−t²/2) times that, t = |gate|. */
FA_INLINE fa_pair gate_gauss(double times, vreal gate, int slope, fa_mode mode)
{
    vreal t = v_abs(gate);
    vmask gone = v_eq(t, K(INFINITY)), beyond = v_gt(t, K(FA_GELU_TAME));
    if (mode.wild)
        t = v_min(K(FA_GAUSS_FAR_ZERO), t);
    vreal half = K(-0.5) * t, y = half * t;
    fa_exponential3 e = v_exp3(y, v_fms(half, t, y), 0);
    if (mode.wild)
        e.scale = v_real(v_bits(e.scale) + v_select(beyond, KI(FA_FAR) << FA_BIAS_SHIFT, KI(0)));
    vreal one = K(1) + e.head, rest = ((K(1) - one) + e.head) + e.tail, u = one + rest;
    fa_pair q = gate_times((fa_pair){u, rest - (u - one)}, gate_over_gauss(t, slope, mode));
    vreal scale = K(times) * e.scale;
    q = (fa_pair){scale * q.head, scale * q.tail};
    return mode.wild ? gate_select(gone, (fa_pair){K(0), K(0)}, q) : q;
}

#ifdef FA_REAL_F32
/* from + s·base + s·rest, the tail below the head's last place: what x·tail rounds off does not count. */
FA_INLINE fa_pair gate_sum(vreal from, vreal s, fa_tail of)
{
    vreal first = v_fma(s, of.base, from), low = v_fma(s, of.base, from - first);
    vreal head = v_fma(s, of.rest, first);
    return (fa_pair){head, v_fma(s, of.rest, first - head) + low};
}
/* gelu's own tails within FA_GELU_TAME, the others below it. */
FA_INLINE fa_tail gate_kept_tail(fa_tail of, fa_runs runs)
{
    return (fa_tail){v_bits(v_kept(v_real(of.s), 1, runs)), v_kept(of.base, 2, runs), v_kept(of.rest, 3, runs)};
}
FA_INLINE fa_pair gate_twice_gelu(vreal gate, fa_mode mode)
{
    vreal t = mode.wild ? v_min(K(FA_GELU_TAME), v_abs(gate)) : v_abs(gate);
    fa_tail of = fa_times_gaussian(KI(0), t, fa_gelu_interval(t, mode.runs));
    of = gate_kept_tail(of, fa_second_cut(mode.runs));
    fa_pair y = gate_sum(positive_part(gate + gate), v_real(of.s + KI(1 << FA_BIAS_SHIFT)), of);
    if (!(mode.wild))
        return y;
    fa_pair q = gate_gauss(1, gate, 0, mode);
    return gate_select(v_lt(gate, K(-FA_GELU_TAME)), (fa_pair){-q.head, -q.tail}, y);
}
FA_INLINE fa_pair gate_gelu_slope(vreal gate, fa_mode mode)
{
    vreal t = mode.wild ? v_min(K(FA_GELU_TAME), v_abs(gate)) : v_abs(gate);
    fa_tail of = fa_times_gaussian(v_bits(gate) & KI(INT32_MIN), t, fa_slope_interval(t, mode.runs));
    of = gate_kept_tail(of, fa_second_cut(mode.runs));
    fa_pair y = gate_sum(v_select(v_lt(v_bits(gate), KI(0)), K(-0.0), K(1)), v_real(of.s), of);
    if (!(mode.wild))
        return y;
    fa_pair far = gate_side(gate, gate_gauss(0.5, gate, 1, mode), FA_GELU_TAME, mode);
    return gate_select(v_gt(v_abs(gate), K(FA_GELU_TAME)), far, y);
}
#else
FA_INLINE fa_pair gate_twice_gelu(vreal gate, fa_mode mode)
{
    fa_pair q = gate_gauss(1, gate, 0, mode);
    vreal above = positive_part(gate + gate), head = above - q.head;
    return (fa_pair){head, ((above - head) - q.head) - q.tail};
}
FA_INLINE fa_pair gate_gelu_slope(vreal gate, fa_mode mode)
{
    return gate_side(gate, gate_gauss(0.5, gate, 1, mode), FA_GELU_TAME, mode);
}
#endif

/* x·gelu(gate) by twice gelu, max(2·gate, 0) − 2t·Φ(−t). */
FA_INLINE vreal f_geglu(vreal x, vreal gate, fa_mode mode)
{
    vreal y = gate_product(0.5, x, gate_twice_gelu(gate, mode), gate, FA_GELU_TAME, mode);
    return mode.wild ? v_select(v_gt(gate, K(FA_GELU_TAME)), x * gate, y) : y;
}
FA_INLINE fa_gradients d_geglu(vreal x, vreal gate, vreal g, fa_mode mode)
{
    return (fa_gradients){f_geglu(g, gate, mode), gate_product(1, x * g, gate_gelu_slope(gate, fa_next_lookup(mode)),
                                                               gate, FA_GELU_TAME, mode)};
}

#endif
