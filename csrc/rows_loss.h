/* Losses of one contiguous row, with their gradients.  Loss and what cancels are computed in float64.
 * How losses are reduced over rows stands in rows.c. */
#ifndef FA_ROWS_LOSS_H
#define FA_ROWS_LOSS_H

#include "rows_api.h"
#include "rows_dot.h"
#include "rows_softmax.h"

FA_INLINE double row_weight(const fa_row_loss *loss, size_t i)
{
    return loss->weight ? ((const real *)loss->weight)[i] : 1;
}

FA_INLINE void row_multiply(real *y, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= (real)factor;
}

/* A factor may go into the scale, where it costs no rounding, unless it is extreme or negative. */
FA_INLINE int row_is_scale(double factor) { return factor > 0x1p-60 && factor < 0x1p60; }

/* factor * softmax(x) */
static void row_write_times(const real *x, real *y, size_t n, const row_sum *sum, row_powers *powers, double factor)
{
    if (row_is_scale(factor)) {
        row_write(x, y, n, sum, powers, factor);
        return;
    }
    row_write(x, y, n, sum, powers, 1.0);
    row_multiply(y, n, factor);
}

FA_INLINE double row_quotient_of(row_total a, row_total b)
{
    double ratio = a.head / b.head;
#ifdef FA_REAL_F64
    ratio += (fma(-ratio, b.head, a.head) + (a.tail - ratio * b.tail)) / b.head;
#endif
    return ratio;
}

/* 1 - softmax at element t, without cancellation. */
FA_INLINE double row_complement(const row_sum *sum, const real *x, size_t t)
{
    row_total rest = row_add(sum->others, sum->own), whole = row_add(rest, sum->top);
    if ((double)x[t] == sum->max) /* what is left without one of the largest is the same whichever it is */
        return row_quotient_of(rest, whole);
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    row_total own = row_top(&frame, x[t]);
    return row_quotient_of(row_add(whole, (row_total){-own.head, -own.tail}), whole);
}

/* softmax at element t, in relation to itself however small. */
FA_INLINE double row_share(const row_sum *sum, const real *x, size_t t)
{
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    return row_top(&frame, x[t]).head / row_add(row_add(sum->others, sum->own), sum->top).head;
}

/* max - x[t] + log(rest of the row): the loss of class t. */
FA_INLINE row_total row_surprise(const row_sum *sum, row_total excess, double value)
{
    const row_total d = row_two_sum(sum->max, -value);
    if (isinf(d.head))
        return (row_total){d.head + excess.head, 0};
    return row_two_sum(d.head, excess.head + (excess.tail + d.tail));
}

FA_INLINE row_total row_scaled(row_total a, double by)
{
    const row_total product = row_two_product(a.head, by);
    return (row_total){product.head, product.tail + a.tail * by};
}

/* (1 - smoothing) plain + smoothing/n (depth + weight_sum excess), as if rounded once. */
FA_CALLED double row_smoothed(const fa_row_loss *loss, row_total plain, row_total excess, double depth, size_t n)
{
    const double each = loss->smoothing / (double)n, lost = fma(-each, (double)n, loss->smoothing) / (double)n;
    const double both = depth + loss->weight_sum * excess.head;
    if (!isfinite(plain.head) || !isfinite(both))
        return (1 - loss->smoothing) * plain.head + each * both;
    const row_total all = row_plus(row_scaled(excess, loss->weight_sum), (row_total){depth, 0});
    const row_total rest = row_plus(plain, row_scaled(plain, -loss->smoothing)), share = row_scaled(all, each);
    const row_total result = row_plus(rest, (row_total){share.head, share.tail + all.head * lost});
    return result.head + result.tail;
}

typedef fa_row_slope row_slope;

/* The loss of class t, from a sum without its top; slope may be NULL. */
static double row_class_loss(const fa_row_loss *loss, const real *x, size_t n, size_t t, const row_sum *sum,
                             row_slope *slope)
{
    row_total excess = row_excess(sum);
    double weight = row_weight(loss, t), sharp = (1 - loss->smoothing) * weight, each = loss->smoothing / (double)n;
    const row_total plain = row_scaled(row_surprise(sum, excess, x[t]), weight);
    double result = plain.head;
    if (each != 0) {
        const double depth = row_weighted(x, n, loss->weight, NULL, 0, sum->max).depth;
        result = row_smoothed(loss, plain, excess, depth, n);
    }
    if (slope) {
        double total = sharp + each * loss->weight_sum;
        slope->factor = loss->factor * total;
        slope->each = loss->factor * each;
        double complement = row_complement(sum, x, t), own = each * weight;
        slope->at_target = each == 0 || complement < 0.5 ? (total - own - sharp) - total * complement
                                                         : total * row_share(sum, x, t) - (own + sharp);
        slope->at_target *= loss->factor;
        slope->target = t;
    }
    return result;
}

/* factor * softmax stands in y. */
static void row_class_gradient(const fa_row_loss *loss, const row_slope *slope, real *y, size_t n)
{
    if (slope->each != 0)
        for (size_t i = 0; i < n; i++)
            y[i] -= (real)(slope->each * row_weight(loss, i));
    y[slope->target] = (real)slope->at_target;
}

/* Slopes, without what is subnormal if the loss asks for that. */
FA_INLINE vreal row_flushing(const fa_row_loss *loss, vreal v)
{
    return v_select(v_lt(v_abs(v), K(loss->flushes ? (real)row_power_of_two(ROW_LOWEST) : 0)), K(0), v);
}

/* The same of a row's gradient, the last thing done to it; a row of less spread has no such results, the loss being a mean at most of
 * 2^40 rows. */
FA_CALLED void row_flush(const fa_row_loss *loss, const row_sum *sum, real *y, size_t n)
{
    if (!loss->flushes || sum->max - sum->min < -ROW_LOWEST * ROW_LN2 / 2)
        return;
    for (size_t i = 0; i < n; i += FA_LANES) {
        const size_t count = n - i < FA_LANES ? n - i : FA_LANES;
        v_store_part(y + i, row_flushing(loss, v_load_part(y + i, count)), count);
    }
}

/* Of a row of several blocks: the loss, and n elements of the gradient from start on. */
static double row_long_loss(const fa_row_loss *loss, const void *x, size_t n, int64_t index, const fa_row_block *blocks,
                            fa_row_sum *sum, fa_row_slope *slope)
{
    row_sum_of(x, n, 1, sum, NULL, blocks);
    return row_class_loss(loss, x, n, (size_t)index, sum, slope);
}

static void row_long_gradient(const fa_row_loss *loss, const fa_row_slope *slope, const fa_row_sum *sum, const void *x,
                              void *gradient, size_t start, size_t n)
{
    real *y = gradient;
    const int is_scale = row_is_scale(slope->factor);
    row_write_again(x, y, n, sum, is_scale ? slope->factor : 1.0);
    if (!is_scale)
        row_multiply(y, n, slope->factor);
    if (slope->each != 0)
        for (size_t i = 0; i < n; i++)
            y[i] -= (real)(slope->each * row_weight(loss, start + i));
    if (slope->target - start < n)
        y[slope->target - start] = (real)slope->at_target;
    row_flush(loss, sum, y, n);
}

static double row_cross_entropy(const fa_row_loss *loss, const void *logits, size_t n, int64_t index,
                                const void *unused, void *gradient)
{
    (void)unused;
    row_sum sum;
    row_powers powers;
    row_slope slope;
    if (n > ROW_BLOCK) {
        double result = row_long_loss(loss, logits, n, index, NULL, &sum, gradient ? &slope : NULL);
        if (gradient)
            row_long_gradient(loss, &slope, &sum, logits, gradient, 0, n);
        return result;
    }
    row_sum_of(logits, n, 1, &sum, gradient ? &powers : NULL, NULL);
    double result = row_class_loss(loss, logits, n, (size_t)index, &sum, gradient ? &slope : NULL);
    if (gradient) {
        row_write_times(logits, gradient, n, &sum, &powers, slope.factor);
        row_class_gradient(loss, &slope, gradient, n);
        row_flush(loss, &sum, gradient, n);
    }
    return result;
}

static double row_cross_entropy_probabilities(const fa_row_loss *loss, const void *logits, size_t n, int64_t unused,
                                              const void *target, void *gradient)
{
    (void)unused;
    const real *x = logits, *p = target;
    row_sum sum;
    row_powers powers;
    row_sum_of(x, n, 1, &sum, gradient ? &powers : NULL, NULL);
    row_total excess = row_excess(&sum);
    row_weights w = row_weighted(x, n, loss->weight, p, loss->smoothing, sum.max);
    double result = w.depth + w.total * excess.head;
    if (!gradient)
        return result;
    real *y = gradient;
    double each = loss->smoothing / (double)n, keep = 1 - loss->smoothing;
    row_write_times(x, y, n, &sum, &powers, loss->factor * w.total);
    const real *weight = loss->weight;
    if (weight)
        for (size_t i = 0; i < n; i++)
            y[i] = (real)(y[i] - loss->factor * (weight[i] * (keep * p[i] + each)));
    else
        for (size_t i = 0; i < n; i++)
            y[i] = (real)(y[i] - loss->factor * (keep * p[i] + each));
    size_t t = sum.first;
    double complement = t < n ? row_complement(&sum, x, t) : 1; /* where softmax is near 1, it is what is accurate */
    if (complement < 0.5)
        y[t] = (real)(loss->factor * ((w.total - row_weight(loss, t) * (keep * p[t] + each)) - w.total * complement));
    return result;
}

static double row_nll(const fa_row_loss *loss, const void *log_probabilities, size_t n, int64_t index,
                      const void *unused, void *gradient)
{
    (void)unused;
    double weight = row_weight(loss, (size_t)index);
    if (gradient) {
        memset(gradient, 0, n * sizeof(real));
        ((real *)gradient)[index] = (real)(-weight * loss->factor);
    }
    return -weight * ((const real *)log_probabilities)[index];
}

/* -sum of t log p, where a target of 0 counts nothing whatever p is. */
static double row_probability_cross_entropy(const fa_row_loss *loss, const void *probabilities, size_t n,
                                            int64_t unused, const void *target, void *gradient)
{
    (void)unused;
    const real *p = probabilities, *t = target;
    if (gradient) {
        real *y = gradient;
        for (size_t i = 0; i < n; i++)
            y[i] = (real)(t[i] == 0 ? 0.0 : -loss->factor * t[i] / (p[i] + 0.0)); /* -0 is 0 */
    }
    return -row_log_dot(p, t, n);
}

#endif
