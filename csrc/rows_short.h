/* Many rows of up to 32 float32 elements, one in each vector lane: softmax, log_softmax, logsumexp, and the loss of an index with
 * its gradient.  The same arithmetic in the same order as rows_sum.h and rows_loss.h, so the same bits; rows out of reach take the
 * way of longer ones.  An element is a virtual lane of its own here, and what others do once for a row is done on lanes. */
#ifndef FA_ROWS_SHORT_H
#define FA_ROWS_SHORT_H

#include "rows_beside.h"

enum { ROW_SHORT = 32 };

enum { ROW_FEWEST = FA_LANES / 4 + 1 }; /* rows; fewer are faster one after the other */

/* Where rows stand: element i of row r at data[r * step + i * apart], apart being 1 unless step is. */
typedef struct {
    real *data;
    ptrdiff_t step, apart;
} row_short_place;

#if defined(FA_REAL_F32) && FA_VECTOR_BYTES

/* Smaller H, 2^-174 of the frame, are less than what float32 can tell from 0, all of a row's together, times a factor of up to 1. */
#define ROW_SHOWN 0x1p-110

/* What elements add to their rows' sums, in two parts. */
typedef struct {
    vreal kept[ROW_SHORT], rest[ROW_SHORT];
} row_short_terms;

/* Rows side by side: element i of all of them at x[i]; h, q and the rest as in row_sum. */
typedef struct {
    size_t n, rows;
    vreal x[ROW_SHORT], h[ROW_SHORT], q[ROW_SHORT];
    row_short_terms terms;
    row_beside sum;
    vreal min;
    int form;
} row_shorts;

/* Where four elements start, the last of which overlap those before. */
FA_INLINE size_t row_short_four(const row_shorts *s, size_t i) { return i + 4 <= s->n ? i : s->n - 4; }

/* From rows to lanes and back.  Rows side by side stand as lanes do. */
FA_INLINE void row_short_take(row_shorts *s, const row_short_place *place)
{
    const real *from = place->data;
    const ptrdiff_t step = place->step;
    if (step == 1) {
        for (size_t i = 0; i < s->n; i++, from += place->apart)
            s->x[i] = s->rows == FA_LANES ? v_load(from) : v_load_part(from, s->rows);
        return;
    }
#ifdef FA_TURNS_FOUR
    if (s->rows == FA_LANES && s->n >= 4) {
        for (size_t i = 0; i < s->n; i += 4)
            v_load_four(from + row_short_four(s, i), step, s->x + row_short_four(s, i));
        return;
    }
#endif
    if (s->rows < FA_LANES)
        memset(s->x, 0, s->n * sizeof *s->x);
    for (size_t r = 0; r < s->rows; r++, from += step)
        for (size_t i = 0; i < s->n; i++)
            memcpy((char *)(s->x + i) + r * sizeof(real), from + i, sizeof(real));
}

FA_CALLED void row_short_give(const row_shorts *s, const row_short_place *place)
{
    real *to = place->data;
    const ptrdiff_t step = place->step;
    if (step == 1) {
        for (size_t i = 0; i < s->n; i++, to += place->apart)
            if (s->rows == FA_LANES)
                v_store(to, s->x[i]);
            else
                v_store_part(to, s->x[i], s->rows);
        return;
    }
#ifdef FA_TURNS_FOUR
    if (s->rows == FA_LANES && s->n >= 4) {
        for (size_t i = 0; i < s->n; i += 4)
            v_store_four(to + row_short_four(s, i), step, s->x + row_short_four(s, i));
        return;
    }
#endif
    for (size_t r = 0; r < s->rows; r++, to += step)
        for (size_t i = 0; i < s->n; i++)
            memcpy(to + i, (const char *)(s->x + i) + r * sizeof(real), sizeof(real));
}

/* Extremes and frame; 0 if a row is out of reach. */
FA_INLINE int row_short_frame(row_shorts *s)
{
    s->sum.max = K(-INFINITY);
    s->min = K(INFINITY);
    for (size_t i = 0; i < s->n; i++) {
        s->sum.max = v_max(s->x[i], s->sum.max);
        s->min = v_min(s->x[i], s->min);
    }
    s->sum.max = s->sum.max + K(0);
    vmask outside = ~v_le(v_abs(s->sum.max), K(ROW_LIMIT));
    if (v_any(outside))
        return 0;
    const row_wides max = row_widen_both(s->sum.max);
    ROW_EACH_HALF(k) s->sum.exponent.half[k] = (max.half[k] * KD(ROW_LOG2E_HI) + KD(0x1.8p52)) - KD(0x1.8p52);
    s->sum.frame =
        (row_frame){.magic = row_beside_magic(&s->sum.exponent), .shift = K(0), .floor = s->sum.max - K(ROW_DEPTH)};
    vmask deep = v_le(s->min, s->sum.frame.floor);
    s->form = v_any(deep) ? ROW_WILD : ROW_LANES;
    return 1;
}

/* What an element adds to its row's sum, as a virtual lane of its own. */
FA_INLINE void row_short_parts(vreal h, vreal q, vreal *kept, vreal *rest)
{
    const vreal sum = K(ROW_PRELOAD) + h;
    *kept = sum - K(ROW_PRELOAD);
    *rest = h * q + (h - *kept);
}
FA_INLINE row_wides row_short_term(vreal h, vreal q)
{
    vreal kept, rest;
    row_wides term;
    row_short_parts(h, q, &kept, &rest);
    ROW_EACH_HALF(k) term.half[k] = row_widen(kept, k) + row_widen(rest, k);
    return term;
}

/* The tree of row_fold; its last eight in registers, as each level in memory waits for the stores of the one before. */
FA_INLINE row_wides row_short_fold(row_wides *term, size_t n)
{
    const size_t last = n < 8 ? 1 : 8;
    for (size_t width = ROW_VIRTUAL / 2; width >= last; width /= 2)
        for (size_t i = 0; i < width && i + width < n; i++)
            ROW_EACH_HALF(k) term[i].half[k] += term[i + width].half[k];
    if (last == 1)
        return term[0];
    row_wides four[4];
    for (size_t i = 0; i < 4; i++)
        ROW_EACH_HALF(k) four[i].half[k] = term[i].half[k] + term[i + 4].half[k];
    row_wides total;
    ROW_EACH_HALF(k)
    total.half[k] = (four[0].half[k] + four[2].half[k]) + (four[1].half[k] + four[3].half[k]);
    return total;
}

/* The parts come from memory, as widening halves of a register takes twice as many operations. */
FA_INLINE row_wides row_short_total(const row_short_terms *terms, size_t n)
{
    row_wides term[ROW_SHORT];
    const real *kept = (const real *)terms->kept, *rest = (const real *)terms->rest;
    for (size_t i = 0; i < n; i++)
        ROW_EACH_HALF(k)
        {
            const size_t at = i * FA_LANES + (size_t)k * FA_LANES_F64;
            term[i].half[k] = v_load_widened(kept + at) + v_load_widened(rest + at);
        }
    return row_short_fold(term, n);
}

/* H and q of every element. */
FA_INLINE void row_short_powers(const row_shorts *s, const row_frame *frame, int form, vreal *h, vreal *q)
{
    size_t i = 0;
    const row_constants c = row_constants_here(0);
    for (; ROW_PAIRS && i + 2 <= s->n; i += 2) {
        const row_frame *const frames[2] = {frame, frame};
        vreal f[2];
        row_reduce_two(s->x + i, frames, form, &c, h + i, f);
        row_fraction_two(f, &c, 0, q + i);
    }
    for (; i < s->n; i++) {
        vreal f;
        h[i] = row_reduce(s->x[i], frame, form, &f);
        q[i] = row_fraction(f);
    }
    for (i = 0; i < s->n && form == ROW_WILD; i++) /* no result shows it, and H q may be subnormal */
        q[i] = v_select(v_lt(h[i], K(ROW_SHOWN)) & v_eq(q[i], q[i]), K(1), q[i]); /* a NaN's H is anything */
}

/* The sum, with the powers. */
FA_INLINE void row_short_sum(row_shorts *s, int form)
{
    row_short_powers(s, &s->sum.frame, form, s->h, s->q);
    for (size_t i = 0; i < s->n; i++)
        row_short_parts(s->h[i], s->q[i], s->terms.kept + i, s->terms.rest + i);
    s->sum.own = row_short_total(&s->terms, s->n);
}

/* The sum without the first of the largest. */
FA_INLINE row_wides row_short_others(const row_shorts *s, const row_short_terms *terms)
{
    row_short_terms others;
    vmask before = v_lt(K(0), K(0));
    for (size_t i = 0; i < s->n; i++) {
        vmask largest = v_eq(s->x[i], s->sum.max) & ~before;
        before = before | largest;
        others.kept[i] = v_select(largest, K(0), terms->kept[i]);
        others.rest[i] = v_select(largest, K(0), terms->rest[i]);
    }
    return row_short_total(&others, s->n);
}

FA_INLINE vf64 row_power_of_two_lanes(vi64 e) { return v_real((e + KI64(1023)) << 52); }

/* What is less than 1/16 of the top on its own scale, as row_leave_out_top has it. */
FA_INLINE void row_short_rescale(row_shorts *s, const row_wides *rest, const vm64 *dominated)
{
    row_wides exponent, again;
    row_short_terms terms;
    vreal h[ROW_SHORT], q[ROW_SHORT];
    vi64 lift[FA_HALVES];
    ROW_EACH_HALF(k)
    {
        lift[k] = ((v_bits(rest->half[k]) >> 52) & KI64(0x7ff)) - KI64(1022 + ROW_BASE);
        lift[k] = v_select(dominated[k], lift[k], KI64(0));
        exponent.half[k] = s->sum.exponent.half[k] + v_to_float(lift[k]);
    }
    row_frame frame = s->sum.frame;
    frame.magic = row_beside_magic(&exponent);
    row_short_powers(s, &frame, ROW_WILD, h, q);
    for (size_t i = 0; i < s->n; i++)
        row_short_parts(h[i], q[i], terms.kept + i, terms.rest + i);
    again = row_short_others(s, &terms);
    ROW_EACH_HALF(k)
    s->sum.own.half[k] = v_select(dominated[k], again.half[k] * row_power_of_two_lanes(lift[k]), s->sum.own.half[k]);
}

/* row_drop. */
FA_CALLED void row_short_drop(row_shorts *s)
{
    vreal f, h = row_reduce(s->sum.max, &s->sum.frame, ROW_LANES, &f), q = row_fraction(f);
    row_wides rest;
    vm64 left_out[FA_HALVES], dominated[FA_HALVES];
    int any_left_out = 0, any_dominated = 0;
    ROW_EACH_HALF(k)
    {
        vf64 head = row_widen(h, k);
        s->sum.top.half[k] = head + head * row_widen(q, k);
        s->sum.own.half[k] -= s->sum.top.half[k];
        left_out[k] = ~v_ge(s->sum.own.half[k], s->sum.top.half[k] * KD(ROW_DOMINATED));
        any_left_out |= v_any(left_out[k]);
    }
    if (!any_left_out)
        return;
    rest = row_short_others(s, &s->terms);
    ROW_EACH_HALF(k)
    {
        s->sum.own.half[k] = v_select(left_out[k], rest.half[k], s->sum.own.half[k]);
        dominated[k] = v_lt(rest.half[k], s->sum.top.half[k] * KD(0x1p-4)) & v_gt(rest.half[k], KD(0));
        any_dominated |= v_any(dominated[k]);
    }
    if (any_dominated)
        row_short_rescale(s, &rest, dominated);
}

/* row_write for all rows into s->x, with factor / whole. */
FA_CALLED void row_short_products(row_shorts *s, const row_wides *whole, double factor)
{
    const row_wides min = row_widen_both(s->min);
    row_wides ratio, rest;
    int near = 1;
    ROW_EACH_HALF(k)
    {
        ratio.half[k] = KD(factor) / whole->half[k];
        vf64 exponent = v_to_float((v_bits(ratio.half[k]) >> 52) - KI64(1023));
        vf64 lowest = min.half[k] * KD(ROW_LOG2E_HI) - s->sum.exponent.half[k] + KD(ROW_BASE) + exponent;
        near &= !v_any(v_le(lowest, KD(ROW_NEAR_FROM))) && !v_any(v_le(exponent, KD(ROW_NEAR_FROM)));
    }
    ROW_EACH_HALF(k) ratio.half[k] = near ? ratio.half[k] : ratio.half[k] * KD(0x1p64);
    const vreal scale = v_narrow(ratio.half[0], ratio.half[FA_HALVES - 1]);
    ROW_EACH_HALF(k) rest.half[k] = ratio.half[k] - row_widen(scale, k);
    const vreal second = v_narrow(rest.half[0], rest.half[FA_HALVES - 1]);
    const vreal lowest = K((real)row_power_of_two(ROW_NOTHING)) / scale;
    if (near)
        for (size_t i = 0; i < s->n; i++)
            s->x[i] = row_product(s->h[i], s->q[i], scale, second, ROW_NEAR);
    else
        for (size_t i = 0; i < s->n; i++)
            s->x[i] = row_product(v_max(lowest, s->h[i]), s->q[i], scale, second, ROW_WILD);
}

/* x - logsumexp into s->x. */
FA_INLINE void row_short_differences(row_shorts *s)
{
    vreal head, tail;
    row_beside_log_sums(&s->sum, &head, &tail);
    for (size_t i = 0; i < s->n; i++)
        s->x[i] = row_difference(s->x[i], head, tail, 0, 0);
}

/* Takes rows and sums them; 0 if one is out of reach. */
FA_CALLED int row_short_begin(row_shorts *s, const row_short_place *x, size_t n, size_t rows)
{
    s->n = n;
    s->rows = rows < FA_LANES ? rows : FA_LANES;
    if (rows < ROW_FEWEST && x->apart == 1)
        return 0;
    row_short_take(s, x);
    if (!row_short_frame(s))
        return 0;
    if (s->form == ROW_WILD)
        row_short_sum(s, ROW_WILD);
    else
        row_short_sum(s, ROW_LANES);
    return 1;
}

/* How many rows, from the first on, are done: one vector of them, or none. */
FA_CALLED size_t row_short_map(row_short_place x, row_short_place y, size_t n, size_t rows, int which)
{
    row_shorts s;
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    if (which == FA_SOFTMAX) {
        row_short_products(&s, &s.sum.own, 1.0);
    } else {
        row_short_drop(&s);
        row_short_differences(&s);
    }
    row_short_give(&s, &y);
    return s.rows;
}

/* The same of logsumexp, where max + log(1 + rest) is rounded once. */
FA_CALLED size_t row_short_logsumexps(row_short_place x, size_t n, size_t rows, double *results)
{
    row_shorts s;
    double values[FA_LANES];
    if (!row_short_begin(&s, &x, n, rows))
        return 0;
    row_short_drop(&s);
    const row_wides max = row_widen_both(s.sum.max), excess = row_beside_excess(&s.sum);
    ROW_EACH_HALF(k) v_store(values + k * FA_LANES_F64, max.half[k] + excess.half[k]);
    memcpy(results, values, s.rows * sizeof *values);
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
    row_wides whole;
    ROW_EACH_HALF(k) whole.half[k] = s.sum.own.half[k] + s.sum.top.half[k];
    v_store(slopes, row_flushing(loss, row_beside_slopes(&s.sum, v_load(chosen), loss->factor)));
    row_short_products(&s, &whole, loss->factor);
    for (size_t i = 0; i < s.n && loss->flushes; i++)
        s.x[i] = row_flushing(loss, s.x[i]);
    row_short_give(&s, &y);
    for (size_t r = 0; r < s.rows; r++, y.data += y.step)
        if (index[r] != c->ignore_index)
            y.data[index[r] * y_apart] = slopes[r];
        else
            for (size_t i = 0; i < c->n; i++)
                y.data[(ptrdiff_t)i * y_apart] = 0;
    return s.rows;
}

#else
FA_INLINE size_t row_short_map(row_short_place x, row_short_place y, size_t n, size_t rows, int which)
{
    (void)x, (void)y, (void)n, (void)rows, (void)which;
    return 0;
}
FA_INLINE size_t row_short_logsumexps(row_short_place x, size_t n, size_t rows, double *results)
{
    (void)x, (void)n, (void)rows, (void)results;
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
