/* The lane functions of rows with a smooth gate: products of an operand with a function of the gate, which stays in head
 * and tail until the product is rounded once.  Formulas only, and only activations.h includes this. */
#ifndef FA_ACTIVATIONS_GATED_H
#define FA_ACTIVATIONS_GATED_H

/* A factor may be subnormal where the product is not.  So what falls with e^-|gate| is kept times 2^FA_FAR where |gate| is
 * beyond FA_EXP_LIMIT ("far"); the other operand then comes times FA_FAR_OTHER, and the product times FA_FAR_PRODUCT. */
#ifdef FA_REAL_F32
#define FA_FAR 192
#define FA_FAR_OTHER 0x1p-100
#define FA_FAR_PRODUCT 0x1p-92
#define FA_FAR_ZERO 205.0 /* the largest number times e^-t rounds to 0 from here on */
#else
#define FA_FAR 1536
#define FA_FAR_OTHER 0x1p-800
#define FA_FAR_PRODUCT 0x1p-736
#define FA_FAR_ZERO 1475.0
#endif

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
FA_INLINE fa_pair gate_tail(double times, vreal by, vreal gate, int mode)
{
    vreal t = v_abs(gate), one = K(1);
    if (!(mode & FA_WILD))
        return v_over_one_plus(K(times) * by, v_exp(t, FA_NOTHING, 0), one);
    vmask far = v_gt(t, K(FA_EXP_LIMIT)), gone = v_eq(t, K(INFINITY));
    t = v_min(K(FA_FAR_ZERO), t);
    fa_exponential e = v_exp(t, FA_NOTHING, 0);
    e.scale = v_real(v_bits(e.scale) - v_select(far, KI(FA_FAR) << FA_BIAS_SHIFT, KI(0)));
    fa_pair q = v_over_one_plus(K(times) * v_min(K(FA_FAR_ZERO), by), e, v_select(far, K(0), one));
    return gate_select(gone, (fa_pair){K(0), K(0)}, q);
}

/* share·x·y rounded once, also where x or the product is tiny; y is far where the gate is far below zero. */
FA_INLINE vreal gate_product(double share, vreal x, fa_pair y, vreal gate, int mode)
{
    vmask small = v_lt(v_abs(x), K(1)), finite = v_lt(v_abs(x), K(INFINITY));
    vreal up = v_select(small, K(share * FA_UP), K(share)), down = v_select(small, K(FA_DOWN), K(1));
    if (mode & FA_WILD) {
        vmask far = v_lt(gate, K(-FA_EXP_LIMIT));
        up = v_select(far, K(share * FA_FAR_OTHER), up), down = v_select(far, K(FA_FAR_PRODUCT), down);
    }
    vreal other = x * up;
    return v_fma(other, y.head, v_select(finite, other * y.tail, K(0))) * down;
}

/* Twice silu(gate), as twice a subnormal is exact: max(2·gate, 0) − 2t/(1 + e^t). */
FA_INLINE fa_pair gate_twice_silu(vreal gate, int mode)
{
    fa_pair q = gate_tail(2, v_abs(gate), gate, mode);
    vreal above = positive_part(gate + gate), head = above - q.head;
    return (fa_pair){head, ((above - head) - q.head) - q.tail};
}
FA_INLINE vreal swiglu_by_x(vreal x, vreal gate, fa_pair twice_silu, int mode)
{
    vreal y = gate_product(0.5, x, twice_silu, gate, mode);
    return mode & FA_WILD ? v_select(v_gt(gate, K(FA_EXP_LIMIT)), x * gate, y) : y;
}
FA_INLINE vreal f_swiglu(vreal x, vreal gate, int mode)
{
    return swiglu_by_x(x, gate, gate_twice_silu(gate, mode), mode);
}

/* Of f(gate) and of 1 − f(−gate), f(−t) = q given for t = |gate|: the one that holds for gate. */
FA_INLINE fa_pair gate_side(vreal gate, fa_pair q, int mode)
{
    fa_pair y = gate_select(v_lt(gate, K(0)), q, gate_one_minus(q));
    if (mode & FA_WILD)
        y = gate_select(v_gt(gate, K(FA_EXP_LIMIT)), (fa_pair){K(1), K(0)}, y);
    return y;
}
/* 1 − q, q = 1/(1 + e^t). */
FA_INLINE fa_pair gate_rest(vreal gate, fa_pair q, int mode)
{
    fa_pair p = gate_one_minus(q);
    if (mode & FA_WILD)
        p = gate_select(v_gt(v_abs(gate), K(FA_EXP_LIMIT)), (fa_pair){K(1), K(0)}, p);
    return p;
}
/* silu′ is q(1 − t(1 − q)) below zero. */
FA_INLINE fa_gradients d_swiglu(vreal x, vreal gate, vreal g, int mode)
{
    vreal t = mode & FA_WILD ? v_min(K(FA_FAR_ZERO), v_abs(gate)) : v_abs(gate);
    fa_pair q = gate_tail(1, K(1), gate, mode), p = gate_rest(gate, q, mode);
    fa_pair below = gate_times(q, gate_one_minus(gate_times((fa_pair){t, K(0)}, p)));
    fa_pair slope = gate_side(gate, below, mode);
    return (fa_gradients){swiglu_by_x(g, gate, gate_twice_silu(gate, mode), mode),
                          gate_product(1, x * g, slope, gate, mode)};
}

FA_INLINE vreal f__glu(vreal x, vreal gate, int mode)
{
    return gate_product(1, x, gate_side(gate, gate_tail(1, K(1), gate, mode), mode), gate, mode);
}
FA_INLINE fa_gradients d__glu(vreal x, vreal gate, vreal g, int mode)
{
    fa_pair q = gate_tail(1, K(1), gate, mode);
    vreal even = mode & FA_WILD ? -v_abs(gate) : gate; /* the slope is far on both sides */
    return (fa_gradients){gate_product(1, g, gate_side(gate, q, mode), gate, mode),
                          gate_product(1, x * g, gate_times(q, gate_rest(gate, q, mode)), even, mode)};
}

#endif
