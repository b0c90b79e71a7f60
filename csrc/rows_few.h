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

/* Factors of rows, as row_write_times has them: what may not go into the scale is multiplied by afterwards. */
typedef struct {
    double scale[FA_LANES];
    real after[FA_LANES];
    int is_large; /* see ROW_SHOWN */
} row_short_factors;

FA_CALLED row_short_factors row_short_factors_of(const double *factor, size_t rows)
{
    row_short_factors f = {.is_large = 0};
    for (size_t r = 0; r < FA_LANES; r++) {
        const int is_scale = r < rows && row_is_scale(factor[r]);
        f.scale[r] = is_scale ? factor[r] : 1;
        f.after[r] = is_scale || r >= rows ? 1 : (real)factor[r];
        f.is_large |= f.scale[r] > 1;
    }
    return f;
}

FA_CALLED void row_short_products_each(row_shorts *s, const row_sums *whole, const row_short_factors *f)
{
    row_wides scale;
    ROW_EACH_HALF(k) scale.half[k] = v_load(f->scale + (size_t)k * FA_LANES_F64);
    row_short_products(s, whole, &scale);
    for (size_t i = 0; i < s->n; i++)
        s->x[i] = s->x[i] * v_load(f->after);
}

/* The same of g softmax(x), row r's g at g[r]. */
FA_CALLED size_t row_short_slopes(row_short_place x, const double *g, row_short_place y, size_t n, size_t rows)
{
    row_shorts s;
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    const row_short_factors factors = row_short_factors_of(g, s.rows);
    if (factors.is_large && s.form == ROW_WILD)
        return 0;
    row_short_products_each(&s, &s.sum.own, &factors);
    row_lanes_give(s.x, n, s.rows, &y);
    return s.rows;
}

/* What is known of rows with an index each besides their sums. */
typedef struct {
    real chosen[FA_LANES], at_target[FA_LANES];
    double weight[FA_LANES], factor[FA_LANES], losses[FA_LANES]; /* factor: of the row's softmax in its gradient */
} row_short_classes;

/* Rows whose losses have neither weights nor smoothing need no more than the chosen logits. */
FA_INLINE int row_short_is_plain(const fa_row_loss *loss) { return !loss->weight && loss->smoothing == 0; }

/* 0 if a weight is out of reach. */
FA_INLINE int row_short_weights(const row_shorts *s, const fa_row_loss *loss, const int64_t *index,
                                int64_t ignore_index, row_short_classes *k)
{
    for (size_t r = 0; r < FA_LANES; r++) {
        const int counts = r < s->rows && index[r] != ignore_index;
        k->weight[r] = counts ? row_weight(loss, (size_t)index[r]) : 1;
        k->factor[r] = loss->factor * k->weight[r];
        if (!isfinite(k->weight[r]))
            return 0;
    }
    return 1;
}

/* Losses and slopes with label smoothing: row by row, from its sum. */
FA_CALLED void row_short_smoothed(const row_shorts *s, const fa_row_loss *loss, const int64_t *index,
                                  int64_t ignore_index, row_short_classes *k)
{
    real row[ROW_SHORT], max[FA_LANES], min[FA_LANES];
    double exponent[FA_LANES], own[2][FA_LANES], top[2][FA_LANES];
    v_store(max, s->sum.max);
    v_store(min, s->min);
    ROW_EACH_HALF(h)
    {
        const size_t at = (size_t)h * FA_LANES_F64;
        v_store(exponent + at, s->sum.exponent.half[h]);
        v_store(own[0] + at, s->sum.own.half[h].head);
        v_store(own[1] + at, row_tail(s->sum.own.half[h]));
        v_store(top[0] + at, s->sum.top.half[h].head);
        v_store(top[1] + at, row_tail(s->sum.top.half[h]));
    }
    for (size_t r = 0; r < s->rows; r++) {
        row_slope slope = {0, 0, 0, 0};
        const row_sum sum = {.max = max[r],
                             .min = min[r],
                             .exponent = exponent[r],
                             .first = ROW_NOWHERE,
                             .own = {own[0][r], own[1][r]},
                             .top = {top[0][r], top[1][r]}};
        for (size_t i = 0; i < s->n; i++)
            row[i] = ((const real *)(s->x + i))[r];
        if (index[r] != ignore_index)
            k->losses[r] = row_class_loss(loss, row, s->n, (size_t)index[r], &sum, &slope);
        k->factor[r] = slope.factor;
        k->at_target[r] = (real)slope.at_target;
    }
}

/* The gradient of rows from `row` on, whose slopes at targets are known if they are smoothed. */
FA_INLINE void row_short_gradient(row_shorts *s, const fa_row_loss *loss, const fa_row_classes *c, size_t row,
                                  row_short_classes *k, const row_short_factors *factors, ptrdiff_t y_apart)
{
    const row_sums whole = row_sums_add(s->sum.own, s->sum.top);
    const int is_plain = row_short_is_plain(loss);
    const double each = loss->factor * (loss->smoothing / (double)s->n);
    const int64_t *index = c->index + row;
    row_short_place y = {(real *)c->gradient + (ptrdiff_t)row * c->gradient_step, c->gradient_step, y_apart};
    if (loss->smoothing == 0)
        v_store(k->at_target, row_beside_slopes(&s->sum, v_load(k->chosen), loss->factor, is_plain ? NULL : k->weight));
    v_store(k->at_target, row_flushing(loss, v_load(k->at_target)));
    if (is_plain)
        row_short_products_times(s, &whole, loss->factor);
    else
        row_short_products_each(s, &whole, factors);
    for (size_t i = 0; i < s->n && each != 0; i++)
        s->x[i] = s->x[i] - K((real)(each * row_weight(loss, i)));
    for (size_t i = 0; i < s->n && loss->flushes; i++)
        s->x[i] = row_flushing(loss, s->x[i]);
    row_lanes_give(s->x, s->n, s->rows, &y);
    for (size_t r = 0; r < s->rows; r++, y.data += y.step)
        if (index[r] != c->ignore_index)
            y.data[index[r] * y_apart] = k->at_target[r];
        else
            for (size_t i = 0; i < s->n; i++)
                y.data[(ptrdiff_t)i * y_apart] = 0;
}

/* The same of losses: one vector of rows, or none.  Elements of logits and gradients lie so far apart. */
FA_ONCE size_t row_short_losses(const fa_row_loss *loss, const fa_row_classes *c, size_t row, ptrdiff_t x_apart,
                                ptrdiff_t y_apart)
{
    row_shorts s;
    row_short_classes k;
    row_short_factors factors;
    const row_short_place x = {(real *)c->x + (ptrdiff_t)row * c->x_step, c->x_step, x_apart};
    const int64_t *index = c->index + row;
    const int is_plain = row_short_is_plain(loss), is_smoothed = loss->smoothing != 0;
    if (!row_is_scale(loss->factor) || loss->factor > 1 || !isfinite(loss->weight_sum) ||
        !row_short_begin(&s, &x, c->n, c->rows - row))
        return 0;
    if (!is_plain && !row_short_weights(&s, loss, index, c->ignore_index, &k))
        return 0;
    for (size_t r = 0; r < FA_LANES; r++)
        k.chosen[r] = 0;
    for (size_t r = 0; r < s.rows; r++)
        if (index[r] != c->ignore_index)
            k.chosen[r] = x.data[(ptrdiff_t)r * x.step + index[r] * x_apart];
    row_short_drop(&s);
    if (is_smoothed)
        row_short_smoothed(&s, loss, index, c->ignore_index, &k);
    else
        row_beside_surprise(&s.sum, v_load(k.chosen), k.losses);
    if (!is_plain) {
        factors = row_short_factors_of(k.factor, s.rows);
        if (c->gradient && factors.is_large && s.form == ROW_WILD)
            return 0;
        for (size_t r = 0; r < s.rows && !is_smoothed; r++)
            k.losses[r] *= k.weight[r];
    }
    for (size_t r = 0; r < s.rows; r++)
        c->losses[row + r] = index[r] == c->ignore_index ? 0 : k.losses[r];
    if (c->gradient)
        row_short_gradient(&s, loss, c, row, &k, &factors, y_apart);
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
