/* What is made of the sums of short rows in rows_short.h: softmax, log_softmax, logsumexp, and the loss of an index with its gradient.
 * As rows_softmax.h and rows_loss.h have them, so the same bits. */
#ifndef FA_ROWS_FEW_H
#define FA_ROWS_FEW_H

#include "rows_short.h"

#ifdef ROW_BESIDE

/* row_write for all rows into s->x, with factor / whole. */
FA_CALLED void row_short_products(row_shorts *s, const row_sums *whole, const row_wides *factor)
{
    row_wides ratio, rest;
    int near = 1;
    ROW_EACH_HALF(k)
    {
        ratio.half[k] = factor->half[k] / whole->half[k].head;
        vf64 exponent = v_to_float((v_bits(ratio.half[k]) >> 52) - KI64(1023));
        vf64 lowest = row_widen(s->min, k) * KD(ROW_LOG2E_HI) - s->sum.exponent.half[k] + KD(ROW_BASE) + exponent;
        near &= !v_any(v_le(lowest, KD(ROW_NEAR_FROM))) && !v_any(v_le(exponent, KD(ROW_NEAR_FROM)));
    }
    const double raise = near ? 1 : row_power_of_two(ROW_RAISE);
    ROW_EACH_HALF(k)
    {
        const row_totals sum = whole->half[k];
        const vf64 left = v_fma(-ratio.half[k], sum.head, factor->half[k]) - ratio.half[k] * row_tail(sum);
        ratio.half[k] = ratio.half[k] * KD(raise);
        rest.half[k] = ROW_TAILS ? ratio.half[k] * (left / factor->half[k]) : KD(0);
    }
    const vreal scale = row_narrow_all(ratio);
    for (int k = 0; k < ROW_HALVES && !ROW_TAILS; k++)
        rest.half[k] = ratio.half[k] - row_widen(scale, k);
    const vreal second = row_narrow_all(rest);
    const vreal lowest = K((real)row_power_of_two(ROW_NOTHING)) / scale;
    if (near)
        for (size_t i = 0; i < s->n; i++)
            s->x[i] = row_product(s->h[i], s->q[i], scale, second, ROW_NEAR);
    else
        for (size_t i = 0; i < s->n; i++)
            s->x[i] = row_product(v_max(lowest, s->h[i]), s->q[i], scale, second, ROW_WILD);
}

/* The same factor for all. */
FA_INLINE void row_short_products_times(row_shorts *s, const row_sums *whole, double factor)
{
    row_wides same;
    ROW_EACH_HALF(k) same.half[k] = KD(factor);
    row_short_products(s, whole, &same);
}

/* x - logsumexp into s->x. */
FA_INLINE void row_short_differences(row_shorts *s)
{
    vreal head, tail;
    row_beside_log_sums(&s->sum, &head, &tail);
    for (size_t i = 0; i < s->n; i++)
        s->x[i] = row_difference(s->x[i], head, tail, 0, 0);
}

/* How many rows, from the first on, are done: one vector of them, or none. */
FA_CALLED size_t row_short_map(row_short_place x, row_short_place y, size_t n, size_t rows, int which)
{
    row_shorts s;
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    if (which == FA_SOFTMAX) {
        row_short_products_times(&s, &s.sum.own, 1.0);
    } else {
        row_short_drop(&s);
        row_short_differences(&s);
    }
    row_lanes_give(s.x, n, s.rows, &y);
    return s.rows;
}

/* The logsumexp of a row by itself. */
FA_CALLED double row_short_again(const row_shorts *s, size_t r)
{
    real row[ROW_SHORT];
    for (size_t i = 0; i < s->n; i++)
        row[i] = v_lane(s->x[i], r);
    return row_beside_again(row, s->n, v_lane(s->sum.max, r));
}

/* The same of logsumexp, where max + log(1 + rest) is rounded once. */
FA_CALLED size_t row_short_logsumexps(row_short_place x, size_t n, size_t rows, double exact_below, double *results)
{
    row_shorts s;
    double values[FA_LANES], cancels[FA_LANES];
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    row_short_drop(&s);
    const int any_cancels = row_beside_logsumexps(&s.sum, exact_below, values, cancels);
    memcpy(results, values, s.rows * sizeof *values);
    for (size_t r = 0; any_cancels && r < s.rows; r++)
        results[r] = cancels[r] ? row_short_again(&s, r) : values[r];
    return s.rows;
}

/* The same of g softmax(x), row r's g at g[r], as row_write_times has it. */
FA_CALLED size_t row_short_slopes(row_short_place x, const double *g, row_short_place y, size_t n, size_t rows)
{
    row_shorts s;
    double scale[FA_LANES];
    real after[FA_LANES];
    row_wides factor;
    int is_large = 0;
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    for (size_t r = 0; r < FA_LANES; r++) {
        const int is_scale = r < s.rows && row_is_scale(g[r]);
        scale[r] = is_scale ? g[r] : 1;
        after[r] = is_scale || r >= s.rows ? 1 : (real)g[r];
        is_large |= scale[r] > 1;
    }
    if (is_large && s.form == ROW_WILD) /* see ROW_SHOWN */
        return 0;
    ROW_EACH_HALF(k) factor.half[k] = v_load(scale + (size_t)k * FA_LANES_F64);
    row_short_products(&s, &s.sum.own, &factor);
    for (size_t i = 0; i < n; i++)
        s.x[i] = s.x[i] * v_load(after);
    row_lanes_give(s.x, n, s.rows, &y);
    return s.rows;
}

/* The same of losses: one vector of rows, or none.  Elements of logits and gradients lie so far apart. */
FA_ONCE size_t row_short_losses(const fa_row_loss *loss, const fa_row_classes *c, size_t row, ptrdiff_t x_apart,
                                ptrdiff_t y_apart)
{
    row_shorts s;
    const row_short_place x = {(real *)c->x + (ptrdiff_t)row * c->x_step, c->x_step, x_apart};
    row_short_place y = {c->gradient, c->gradient_step, y_apart};
    if (loss->weight || loss->smoothing != 0 || !row_is_scale(loss->factor) || loss->factor > 1 ||
        !row_short_begin(&s, &x, c->n, c->rows - row))
        return 0;
    real chosen[FA_LANES] = {0}, slopes[FA_LANES];
    double losses[FA_LANES];
    const int64_t *index = c->index + row;
    for (size_t r = 0; r < s.rows; r++)
        chosen[r] = index[r] == c->ignore_index ? 0 : x.data[(ptrdiff_t)r * x.step + index[r] * x_apart];
    row_short_drop(&s);
    row_beside_surprise(&s.sum, v_load(chosen), losses);
    for (size_t r = 0; r < s.rows; r++)
        c->losses[row + r] = index[r] == c->ignore_index ? 0 : losses[r];
    if (!y.data)
        return s.rows;
    y.data += (ptrdiff_t)row * y.step;
    const row_sums whole = row_sums_add(s.sum.own, s.sum.top);
    v_store(slopes, row_flushing(loss, row_beside_slopes(&s.sum, v_load(chosen), loss->factor)));
    row_short_products_times(&s, &whole, loss->factor);
    for (size_t i = 0; i < s.n && loss->flushes; i++)
        s.x[i] = row_flushing(loss, s.x[i]);
    row_lanes_give(s.x, c->n, s.rows, &y);
    for (size_t r = 0; r < s.rows; r++, y.data += y.step)
        if (index[r] != c->ignore_index)
            y.data[index[r] * y_apart] = slopes[r];
        else
            for (size_t i = 0; i < c->n; i++)
                y.data[(ptrdiff_t)i * y_apart] = 0;
    return s.rows;
}

#else
FA_INLINE size_t row_short_slopes(row_short_place x, const double *g, row_short_place y, size_t n, size_t rows)
{
    (void)x, (void)y, (void)g, (void)n, (void)rows;
    return 0;
}
FA_INLINE size_t row_short_map(row_short_place x, row_short_place y, size_t n, size_t rows, int which)
{
    (void)x, (void)y, (void)n, (void)rows, (void)which;
    return 0;
}
FA_INLINE size_t row_short_logsumexps(row_short_place x, size_t n, size_t rows, double exact_below, double *results)
{
    (void)x, (void)n, (void)rows, (void)exact_below, (void)results;
    return 0;
}
FA_INLINE size_t row_short_losses(const fa_row_loss *loss, const fa_row_classes *c, size_t row, ptrdiff_t x_apart,
                                  ptrdiff_t y_apart)
{
    (void)loss, (void)c, (void)row, (void)x_apart, (void)y_apart;
    return 0;
}
#endif

#endif
