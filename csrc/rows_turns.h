/* Rows of one block each, in turns: what follows a row's sum is a long chain of few operations, and while it lasts the
 * extremes of the next row are found and, where results go into the sum's loop, the row before is written.  Else a row is written
 * at once, and there is but one H and q to keep in the first level.  Same bits as one row alone. */
#ifndef FA_ROWS_TURNS_H
#define FA_ROWS_TURNS_H

#include "rows_one.h"

/* What is known of a row between its sum and its result. */
typedef struct {
    row_sum sum;
    row_ratio ratio;
    row_log_sum log;
    row_powers powers;
} row_turn;

FA_INLINE void row_turn_sum(row_turn *turn, const real *x, size_t n, const fa_row_block *extremes, int which)
{
    row_sum_block(x, n, extremes, &turn->sum, which == FA_SOFTMAX ? &turn->powers : NULL);
    if (which == FA_SOFTMAX)
        row_keep_far(x, n, &turn->sum, &turn->powers);
}

FA_INLINE void row_turn_factor(row_turn *turn, const real *x, size_t n, int which)
{
    if (which == FA_SOFTMAX) {
        turn->ratio = row_ratio_of(&turn->sum, 1.0);
        return;
    }
    row_drop(&turn->sum, x, n, 0);
    turn->log = row_log_sum_of(&turn->sum);
}

FA_INLINE void row_turn_write(const row_turn *turn, const real *x, real *y, size_t n, int which)
{
    if (which == FA_SOFTMAX)
        row_write_products(&turn->powers, y, n, &turn->ratio);
    else
        row_write_differences(x, y, n, &turn->log);
}

/* Sum of one row, extremes of the next, result of the one before in one loop: whether a row allows it. */
FA_INLINE int row_is_near(const fa_row_block *e)
{
    return ROW_MERGES && fabs(e->max) <= ROW_LIMIT &&
           row_form_of(e->max, e->min, row_exponent_of(e->max, 0)) == ROW_NEAR;
}

/* b->next and what b writes are the caller's; without powers differences are written. */
FA_INLINE void row_sum_among(const real *x, size_t n, row_sum *sum, row_powers *powers, const row_neighbours *b,
                             fa_row_block *extremes)
{
    const double max = extremes->max, exponent = row_exponent_of(max, 0);
    const row_frame frame = row_frame_of(max, 0, exponent);
    *sum = (row_sum){.max = max, .min = extremes->min, .exponent = exponent, .first = ROW_NOWHERE, .kept = !!powers};
    sum->own = powers ? row_block_and_products(x, n, &frame, max, powers, b, extremes)
                      : row_block_and_differences(x, n, &frame, max, b, extremes);
}

FA_INLINE row_neighbours row_neighbour_products(const row_powers *powers, const row_ratio *ratio, real *y,
                                                const real *next)
{
    return (row_neighbours){.next = next, .powers = powers, .y = y, .first = ratio->scale, .second = ratio->rest};
}

FA_INLINE int row_turn_among(row_turn *turn, const row_turn *before, const real *x, ptrdiff_t x_step, real *y,
                             ptrdiff_t y_step, size_t n, fa_row_block *extremes, int which)
{
    if (!row_is_near(extremes) || !(which == FA_SOFTMAX ? before->ratio.near : before->log.larger))
        return 0;
    if (which == FA_SOFTMAX) {
        row_neighbours b = row_neighbour_products(&before->powers, &before->ratio, y - y_step, x + x_step);
        row_sum_among(x, n, &turn->sum, &turn->powers, &b, extremes);
    } else {
        row_neighbours b = {.next = x + x_step, .x = x - x_step, .y = y - y_step};
        b.first = before->log.head;
        b.second = before->log.tail;
        row_sum_among(x, n, &turn->sum, NULL, &b, extremes);
    }
    return 1;
}

/* n <= ROW_BLOCK; row r of x starts at x + r x_step */
FA_INLINE void row_map_turns(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows,
                             int which)
{
    row_turn turns[2];
    fa_row_block extremes;
    row_extremes(x, n, &extremes.max, &extremes.min);
    for (size_t r = 0; r < rows + ROW_MERGES; r++, x += x_step, y += y_step) {
        row_turn *turn = turns + ROW_MERGES * (r % 2), *before = turns + (r + 1) % 2;
        int written = r && r + 1 < rows && row_turn_among(turn, before, x, x_step, y, y_step, n, &extremes, which);
        if (r < rows && !written) {
            row_turn_sum(turn, x, n, &extremes, which);
            if (r + 1 < rows)
                row_extremes(x + x_step, n, &extremes.max, &extremes.min);
        }
        if (r < rows)
            row_turn_factor(turn, x, n, which);
        if (!ROW_MERGES)
            row_turn_write(turn, x, y, n, which);
        else if (r && !written)
            row_turn_write(before, x - x_step, y - y_step, n, which);
    }
}

/* n <= ROW_SHORT: vectors of rows as far as they go. */
static void row_map_many(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows, int which)
{
    while (rows) {
        size_t done = row_short_map(x, x_step, y, y_step, n, rows, which);
        if (!done) {
            done = rows < FA_LANES ? rows : FA_LANES;
            if (which == FA_SOFTMAX)
                row_map_turns(x, x_step, y, y_step, n, done, FA_SOFTMAX);
            else
                row_map_turns(x, x_step, y, y_step, n, done, FA_LOG_SOFTMAX);
        }
        x += (ptrdiff_t)done * x_step;
        y += (ptrdiff_t)done * y_step;
        rows -= done;
    }
}

#define ROW_MAP(name, which)                                                                                           \
    static void row_##name(const void *from, ptrdiff_t x_step, void *to, ptrdiff_t y_step, size_t n, size_t rows)      \
    {                                                                                                                  \
        const real *x = from;                                                                                          \
        real *y = to;                                                                                                  \
        if (n <= ROW_SHORT && rows > 1)                                                                                \
            row_map_many(x, x_step, y, y_step, n, rows, which);                                                        \
        else if (n <= ROW_BLOCK)                                                                                       \
            row_map_turns(x, x_step, y, y_step, n, rows, which);                                                       \
        else                                                                                                           \
            for (size_t r = 0; r < rows; r++)                                                                          \
                row_##name##_of(x + (ptrdiff_t)r * x_step, y + (ptrdiff_t)r * y_step, n);                              \
    }
ROW_MAP(softmax, FA_SOFTMAX)
ROW_MAP(log_softmax, FA_LOG_SOFTMAX)
#undef ROW_MAP

static void row_logsumexps(const void *from, ptrdiff_t step, size_t n, size_t rows, double *results)
{
    const real *x = from;
    for (size_t r = 0, done; r < rows; r += done) {
        done = n && n <= ROW_SHORT ? row_short_logsumexps(x + (ptrdiff_t)r * step, step, n, rows - r, results + r) : 0;
        if (done)
            continue;
        done = rows - r < FA_LANES ? rows - r : FA_LANES;
        for (size_t i = r; i < r + done; i++) {
            double tail;
            row_logsumexp(x + (ptrdiff_t)i * step, n, NULL, results + i, &tail);
            results[i] += isfinite(results[i]) ? tail : 0;
        }
    }
}

/* The same for the loss of an index and its gradient. */
typedef struct {
    size_t row;
    row_sum sum;
    row_ratio ratio;
    row_slope slope;
    row_powers powers;
} row_loss_turn;

/* The first row from this one on that is not ignored; what is passed over gets loss and gradient 0. */
FA_INLINE size_t row_next_class(const fa_row_classes *c, size_t row)
{
    for (; row < c->rows && c->index[row] == c->ignore_index; row++) {
        c->losses[row] = 0;
        if (c->gradient)
            memset((real *)c->gradient + (ptrdiff_t)row * c->gradient_step, 0, c->n * sizeof(real));
    }
    return row;
}

FA_INLINE const real *row_class_logits(const fa_row_classes *c, size_t row)
{
    return (const real *)c->x + (ptrdiff_t)row * c->x_step;
}

FA_INLINE real *row_class_slopes(const fa_row_classes *c, size_t row)
{
    return (real *)c->gradient + (ptrdiff_t)row * c->gradient_step;
}

/* written: the products stand already. */
FA_INLINE void row_loss_turn_write(const fa_row_loss *loss, const fa_row_classes *c, const row_loss_turn *turn,
                                   int written)
{
    real *y = row_class_slopes(c, turn->row);
    if (!written)
        row_write_products(&turn->powers, y, c->n, &turn->ratio);
    if (!row_is_scale(turn->slope.factor))
        row_multiply(y, c->n, turn->slope.factor);
    row_class_gradient(loss, &turn->slope, y, c->n);
}

/* The sum of a row and the extremes of the next; returns whether the row before, NULL if there is none, was written. */
FA_INLINE int row_loss_turn_sum(const fa_row_classes *c, row_loss_turn *turn, const row_loss_turn *before, size_t next,
                                fa_row_block *extremes, int wants_gradient)
{
    const real *x = row_class_logits(c, turn->row);
    if (wants_gradient && before && next < c->rows && before->ratio.near && row_is_near(extremes)) {
        real *y = row_class_slopes(c, before->row);
        row_neighbours b = row_neighbour_products(&before->powers, &before->ratio, y, row_class_logits(c, next));
        row_sum_among(x, c->n, &turn->sum, &turn->powers, &b, extremes);
        return 1;
    }
    row_sum_block(x, c->n, extremes, &turn->sum, wants_gradient ? &turn->powers : NULL);
    if (next < c->rows)
        row_extremes(row_class_logits(c, next), c->n, &extremes->max, &extremes->min);
    return 0;
}

/* The loss, and what the gradient needs. */
FA_INLINE void row_loss_turn_take(const fa_row_loss *loss, const fa_row_classes *c, row_loss_turn *turn,
                                  int wants_gradient)
{
    const real *x = row_class_logits(c, turn->row);
    const size_t t = (size_t)c->index[turn->row];
    row_drop(&turn->sum, x, c->n, 0);
    c->losses[turn->row] = row_class_loss(loss, x, c->n, t, &turn->sum, wants_gradient ? &turn->slope : NULL);
    if (wants_gradient) {
        row_keep_far(x, c->n, &turn->sum, &turn->powers);
        turn->ratio = row_ratio_of(&turn->sum, row_is_scale(turn->slope.factor) ? turn->slope.factor : 1.0);
    }
}

FA_INLINE void row_loss_turns(const fa_row_loss *loss, const fa_row_classes *c, int wants_gradient)
{
    row_loss_turn turns[2], *before = NULL;
    fa_row_block extremes = {0};
    size_t row = row_next_class(c, 0);
    if (row < c->rows)
        row_extremes(row_class_logits(c, row), c->n, &extremes.max, &extremes.min);
    while (row < c->rows) {
        row_loss_turn *turn = before == turns ? turns + 1 : turns;
        turn->row = row;
        row = row_next_class(c, row + 1);
        int written = row_loss_turn_sum(c, turn, before, row, &extremes, wants_gradient);
        row_loss_turn_take(loss, c, turn, wants_gradient);
        row_loss_turn *done = ROW_MERGES ? before : turn;
        if (done && wants_gradient)
            row_loss_turn_write(loss, c, done, written);
        before = ROW_MERGES ? turn : NULL;
    }
    if (before && wants_gradient)
        row_loss_turn_write(loss, c, before, 0);
}

/* c from this row on. */
FA_INLINE fa_row_classes row_classes_from(const fa_row_classes *c, size_t row, size_t rows)
{
    fa_row_classes rest = *c;
    rest.rows = rows;
    rest.x = row_class_logits(c, row);
    rest.index += row;
    rest.losses += row;
    rest.gradient = c->gradient ? row_class_slopes(c, row) : NULL;
    return rest;
}

static void row_loss_turns_any(const fa_row_loss *loss, const fa_row_classes *c)
{
    if (c->gradient)
        row_loss_turns(loss, c, 1);
    else
        row_loss_turns(loss, c, 0);
}

/* One short row by itself; 0 if it was not done. */
FA_INLINE int row_one_of(const fa_row_loss *loss, const fa_row_classes *c, size_t row)
{
    real *y = c->gradient ? row_class_slopes(c, row) : NULL;
    return c->index[row] != c->ignore_index &&
           row_one_loss(loss, row_class_logits(c, row), c->n, (size_t)c->index[row], c->losses + row, y);
}

static void row_losses_many(const fa_row_loss *loss, const fa_row_classes *c)
{
    for (size_t row = 0, done; row < c->rows; row += done) {
        done = row_short_losses(loss, c, row);
        if (done)
            continue;
        if (c->rows - row < ROW_FEWEST && row_one_of(loss, c, row)) {
            done = 1;
            continue;
        }
        done = c->rows - row < ROW_FEWEST ? 1 : c->rows - row < FA_LANES ? c->rows - row : FA_LANES;
        const fa_row_classes some = row_classes_from(c, row, done);
        row_loss_turns_any(loss, &some);
    }
}

static void row_cross_entropies(const fa_row_loss *loss, const fa_row_classes *c)
{
    if (c->n > ROW_BLOCK)
        for (size_t row = row_next_class(c, 0); row < c->rows; row = row_next_class(c, row + 1)) {
            real *y = c->gradient ? (real *)c->gradient + (ptrdiff_t)row * c->gradient_step : NULL;
            c->losses[row] =
                row_cross_entropy(loss, (const real *)c->x + (ptrdiff_t)row * c->x_step, c->n, c->index[row], NULL, y);
        }
    else if (c->n <= ROW_SHORT)
        row_losses_many(loss, c);
    else
        row_loss_turns_any(loss, c);
}

#endif
