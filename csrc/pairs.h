/* Losses of pairs on lanes: value and derivative with respect to the first operand, in float64 whatever the dtype, and the
 * loop over one block.  Blocks are put together in pairs.c. */
#ifndef FA_PAIRS_H
#define FA_PAIRS_H

#include "pairs_api.h"
#include "rows_dot.h"

typedef struct {
    vf64 value, slope;
} pair_result;
typedef pair_result pair_lane(vf64 x, vf64 target, vf64 positive, double parameter);

/* e^y with relative error below 2^-52: y = n log 2 + r, Taylor's polynomial of degree 13 on |r| < 0.35, error 2^-57. */
FA_INLINE vf64 pair_exp(vf64 y)
{
    static const double inverse_factorial[] = {
        0x1p0,
        0x1p0,
        0x1p-1,
        0x1.5555555555555p-3,
        0x1.5555555555555p-5,
        0x1.1111111111111p-7,
        0x1.6c16c16c16c17p-10,
        0x1.a01a01a01a01ap-13,
        0x1.a01a01a01a01ap-16,
        0x1.71de3a556c734p-19,
        0x1.27e4fb7789f5cp-22,
        0x1.ae64567f544e4p-26,
        0x1.1eed8eff8d898p-29,
        0x1.6124613a86d09p-33,
    };
    vf64 clamped = v_max(KD(-760), v_min(KD(720), y));
    vf64 n = v_fma(clamped, KD(0x1.71547652b82fep0), KD(0x1.8p52)) - KD(0x1.8p52);
    vf64 r = v_fma(n, KD(-0x1.a39ef35793c76p-33), v_fma(n, KD(-0x1.62e42fee00000p-1), clamped));
    vf64 p = KD(inverse_factorial[13]);
    for (int i = 12; i >= 0; i--)
        p = v_fma(p, r, KD(inverse_factorial[i]));
    vi64 half = v_to_int(n * KD(0.5)), rest = v_to_int(n) - half; /* two factors, for subnormal results */
    vf64 result = p * v_real((half + KI64(1023)) << 52) * v_real((rest + KI64(1023)) << 52);
    return v_select(v_unordered(y, y), y, result);
}

/* log(1 - p), 0 <= p <= 1 */
FA_INLINE vf64 pair_log_complement(vf64 p)
{
    vf64 u = KD(1) - p;
    vi64 k;
    vf64 m = row_split(u, &k);
    vm64 near = v_eq(k, KI64(0));
    vf64 lost = ((KD(1) - u) - p) / u;
    vf64 y = row_log_reduced(v_to_float(k), v_select(near, -p, m - KD(1)), v_select(near, KD(0), lost));
    return v_select(v_gt(u, KD(0)), y, v_select(v_eq(u, KD(0)), KD(-INFINITY), KD(NAN)));
}

/* a b, and 0 where a is 0 whatever b is. */
FA_INLINE vf64 pair_product(vf64 a, vf64 b) { return v_select(v_eq(a, KD(0)), KD(0), a * b); }

FA_INLINE vf64 pair_sign(vf64 d) { return v_select(v_gt(d, KD(0)), KD(1), v_select(v_lt(d, KD(0)), KD(-1), d)); }

FA_INLINE pair_result pair_mse(vf64 x, vf64 target, vf64 positive, double parameter)
{
    (void)positive, (void)parameter;
    vf64 d = x - target;
    return (pair_result){d * d, d + d};
}

FA_INLINE pair_result pair_l1(vf64 x, vf64 target, vf64 positive, double parameter)
{
    (void)positive, (void)parameter;
    vf64 d = x - target;
    return (pair_result){v_abs(d), pair_sign(d)};
}

FA_INLINE pair_result pair_smooth_l1(vf64 x, vf64 target, vf64 positive, double beta)
{
    (void)positive;
    vf64 d = x - target, size = v_abs(d);
    vm64 inside = v_lt(size, KD(beta));
    vf64 slope = d / KD(beta); /* below 1 inside, where d * d may overflow */
    return (pair_result){v_select(inside, KD(0.5) * d * slope, size - KD(0.5 * beta)),
                         v_select(inside, slope, pair_sign(d))};
}

FA_INLINE pair_result pair_huber(vf64 x, vf64 target, vf64 positive, double delta)
{
    (void)positive;
    vf64 d = x - target, size = v_abs(d);
    vm64 inside = v_le(size, KD(delta));
    return (pair_result){v_select(inside, KD(0.5) * d * d, KD(delta) * (size - KD(0.5 * delta))),
                         v_select(inside, d, KD(delta) * pair_sign(d))};
}

/* -t log p - (1 - t) log(1 - p); a term whose factor is 0 counts nothing, in the derivative neither. */
FA_INLINE pair_result pair_binary_cross_entropy(vf64 p, vf64 t, vf64 positive, double parameter)
{
    (void)positive, (void)parameter;
    vf64 q = KD(1) - p;
    p = p + KD(0); /* -0 is 0 */
    vf64 value = -(pair_product(t, row_log(p)) + pair_product(KD(1) - t, pair_log_complement(p)));
    vf64 slope = (p - t) / p / q;
    slope = v_select(v_eq(p, KD(0)) & v_eq(t, KD(0)), KD(1), slope);
    slope = v_select(v_eq(q, KD(0)) & v_eq(t, KD(1)), KD(-1), slope);
    return (pair_result){value, slope};
}

/* (1 - t) softplus(x) + positive t softplus(-x), without cancellation at either end. */
FA_INLINE pair_result pair_binary_cross_entropy_with_logits(vf64 x, vf64 t, vf64 positive, double parameter)
{
    (void)parameter;
    vm64 above = v_gt(x, KD(0));
    vf64 e = pair_exp(-v_abs(x)), u = KD(1) - t, v = positive * t, d = KD(1) / (KD(1) + e);
    vf64 value = pair_product(v_select(above, u, v), v_abs(x)) + (u + v) * row_log1p(e);
    vf64 slope = u * v_select(above, d, e * d) - v * v_select(above, e * d, d);
    return (pair_result){v_select(v_unordered(x, x), x, value), slope};
}

/* t (log t - x) */
FA_INLINE pair_result pair_kl_div(vf64 x, vf64 t, vf64 positive, double parameter)
{
    (void)positive, (void)parameter;
    return (pair_result){pair_product(t, row_log(t) - x), -t};
}

FA_INLINE pair_result pair_kl_div_log_target(vf64 x, vf64 t, vf64 positive, double parameter)
{
    (void)positive, (void)parameter;
    vf64 p = pair_exp(t);
    return (pair_result){pair_product(p, t - x), -p};
}

/* A block in doubles; then the terms in the place of x, and the slopes in that of the target. */
typedef struct {
    double x[FA_PAIR_BLOCK], target[FA_PAIR_BLOCK], weight[FA_PAIR_BLOCK], positive[FA_PAIR_BLOCK];
} pair_operands;

/* 1 for what is not given, 0 in the last vector's lanes past the n-th. */
FA_CALLED void pair_widen(const void *from, double *to, size_t n)
{
    const real *x = from;
    for (size_t i = 0; i < n; i++)
        to[i] = x ? x[i] : 1;
    for (size_t i = n; i % FA_LANES_F64; i++)
        to[i] = 0;
}

/* The two ends of a block are one piece of code for all losses. */
FA_CALLED void pair_read(const fa_pair_call *block, pair_operands *o)
{
    pair_widen(block->x, o->x, block->n);
    pair_widen(block->target, o->target, block->n);
    pair_widen(block->weight, o->weight, block->n);
    pair_widen(block->positive, o->positive, block->n);
}

FA_CALLED double pair_write(const fa_pair_call *block, pair_operands *o)
{
    row_accumulator sum = {{0}, {0}};
    const size_t n = block->n;
    real *each = block->each, *gradient = block->gradient;
    for (size_t i = 0; each && i < n; i++)
        each[i] = (real)o->x[i];
    for (size_t i = 0; gradient && i < n; i++)
        gradient[i] = (real)o->target[i];
    for (size_t i = n; i % ROW_DOT; i++)
        o->x[i] = 0; /* nothing is added for what is not there */
    for (size_t k = 0; k < n; k += ROW_DOT)
        for (size_t l = 0; l < ROW_DOT; l++)
            row_accumulate(&sum, l, o->x[k + l], 0);
    return row_accumulated(&sum);
}

FA_INLINE double pair_block(pair_lane *lane, const fa_pair_call *block)
{
    pair_operands o;
    pair_read(block, &o);
    for (size_t i = 0; i < block->n; i += FA_LANES_F64) {
        pair_result r = lane(v_load(o.x + i), v_load(o.target + i), v_load(o.positive + i), block->parameter);
        vf64 w = v_load(o.weight + i);
        v_store(o.x + i, r.value * w);
        v_store(o.target + i, r.slope * w * KD(block->factor));
    }
    return pair_write(block, &o);
}

#define X(name)                                                                                                        \
    static double pair_block_##name(const fa_pair_call *block) { return pair_block(pair_##name, block); }
FA_PAIR_LOSSES(X)
#undef X

#endif
