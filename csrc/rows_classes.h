/* The loss of an index and its gradient, of many rows of one block each, in the turns of rows_turns.h. */
#ifndef FA_ROWS_CLASSES_H
#define FA_ROWS_CLASSES_H

#include "rows_turns.h"

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

#ifdef ROW_BESIDE
/* The losses of rows that wait, and their slopes at the target, where all else is written. */

FA_CALLED void row_wait_no_more(const fa_row_loss *loss, const fa_row_classes *c, row_waiting *w)
{
    double losses[FA_LANES];
    real slopes[FA_LANES];
    const row_beside s = row_beside_of(w);
    row_beside_surprise(&s, v_load(w->chosen), losses);
    for (size_t r = 0; r < w->count; r++)
        c->losses[w->row[r]] = losses[r];
    if (c->gradient) {
        v_store(slopes, row_flushing(loss, row_beside_slopes(&s, v_load(w->chosen), loss->factor, NULL)));
        for (size_t r = 0; r < w->count; r++)
            row_class_slopes(c, w->row[r])[c->index[w->row[r]]] = slopes[r];
    }
    w->count = 0;
}

#else
FA_INLINE void row_wait_no_more(const fa_row_loss *loss, const fa_row_classes *c, row_waiting *w)
{
    (void)loss, (void)c, (void)w;
}
#endif

typedef struct {
    size_t row;
    row_sum sum;
    row_ratio ratio;
    row_slope slope;
    int waits; /* its loss and slope at the target are left to row_waiting */
    row_powers powers;
} row_loss_turn;

/* written: the products stand already. */
FA_INLINE void row_loss_turn_write(const fa_row_loss *loss, const fa_row_classes *c, const row_loss_turn *turn,
                                   int written)
{
    real *y = row_class_slopes(c, turn->row);
    if (!written)
        row_write_products(&turn->powers, y, c->n, &turn->ratio);
    if (!turn->waits) {
        if (!row_is_scale(turn->slope.factor))
            row_multiply(y, c->n, turn->slope.factor);
        row_class_gradient(loss, &turn->slope, y, c->n);
    }
    if (!turn->ratio.near || !row_is_scale(turn->slope.factor))
        row_flush(loss, &turn->sum, y, c->n);
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
    row_sum_block(x, c->n, extremes, &turn->sum, wants_gradient ? &turn->powers : NULL,
                  next < c->rows ? row_class_logits(c, next) : NULL);
    return 0;
}

/* The loss, now or later, and what the gradient needs. */
FA_INLINE void row_loss_turn_take(const fa_row_loss *loss, const fa_row_classes *c, row_loss_turn *turn,
                                  int wants_gradient, row_waiting *waiting)
{
    const real *x = row_class_logits(c, turn->row);
    const size_t t = (size_t)c->index[turn->row];
    row_drop(&turn->sum, x, c->n, 0);
    turn->waits = !loss->weight && loss->smoothing == 0 && row_is_scale(loss->factor) && c->rows >= ROW_FEW &&
                  row_may_wait(&turn->sum);
    turn->slope.factor = loss->factor;
    if (turn->waits)
        row_wait(waiting, &turn->sum, x[t], turn->row);
    else
        c->losses[turn->row] = row_class_loss(loss, x, c->n, t, &turn->sum, wants_gradient ? &turn->slope : NULL);
    if (wants_gradient) {
        row_keep_far(x, c->n, &turn->sum, &turn->powers);
        turn->ratio = row_ratio_of(&turn->sum, row_is_scale(turn->slope.factor) ? turn->slope.factor : 1.0);
    }
}

static void row_loss_turns(const fa_row_loss *loss, const fa_row_classes *c)
{
    const int wants_gradient = c->gradient != NULL;
    row_loss_turn turns[2], *before = NULL;
    row_waiting waiting;
    fa_row_block extremes = {0};
    size_t row = row_next_class(c, 0);
    row_wait_for_none(&waiting);
    if (row < c->rows)
        row_extremes(row_class_logits(c, row), c->n, &extremes.max, &extremes.min);
    while (row < c->rows) {
        row_loss_turn *turn = before == turns ? turns + 1 : turns;
        turn->row = row;
        row = row_next_class(c, row + 1);
        int written = row_loss_turn_sum(c, turn, before, row, &extremes, wants_gradient);
        if (before && wants_gradient)
            row_loss_turn_write(loss, c, before, written);
        if (waiting.count == FA_LANES)
            row_wait_no_more(loss, c, &waiting);
        row_loss_turn_take(loss, c, turn, wants_gradient, &waiting);
        if (!ROW_MERGES && wants_gradient)
            row_loss_turn_write(loss, c, turn, 0);
        before = ROW_MERGES ? turn : NULL;
    }
    if (before && wants_gradient)
        row_loss_turn_write(loss, c, before, 0);
    if (waiting.count)
        row_wait_no_more(loss, c, &waiting);
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
        done = row_short_losses(loss, c, row, 1, 1);
        if (done)
            continue;
        const size_t left = c->rows - row;
        const int by_itself = c->n <= ROW_VIRTUAL && left < row_fewest(c->n);
        done = by_itself ? 1 : left < FA_LANES ? left : FA_LANES;
        if (by_itself && row_one_of(loss, c, row))
            continue;
        const fa_row_classes some = row_classes_from(c, row, done);
        row_loss_turns(loss, &some);
    }
}

/* Of rows side by side, as row_logsumexp_columns. */
static size_t row_cross_entropy_columns(const fa_row_loss *loss, const fa_row_classes *c, ptrdiff_t x_apart,
                                        ptrdiff_t gradient_apart)
{
    size_t row = 0;
    for (size_t done = c->n <= ROW_SHORT; done && row < c->rows; row += done)
        done = row_short_losses(loss, c, row, x_apart, gradient_apart);
    return row;
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
        row_loss_turns(loss, c);
}

#endif
