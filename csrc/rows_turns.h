/* Rows of one block each, in turns: what follows a row's sum is a long chain of few operations, and while it lasts the
 * extremes of the next row are found and the row before is written.  Same bits as one row alone. */
#ifndef FA_ROWS_TURNS_H
#define FA_ROWS_TURNS_H

#include "rows_loss.h"

/* What is known of a row between its sum and its result. */
typedef struct {
    row_sum sum;
    row_ratio ratio;
    row_log_sum log;
    row_powers powers;
} row_turn;

FA_INLINE void row_turn_sum(row_turn *turn, const real *x, real *y, size_t n, const fa_row_block *extremes, int which)
{
    turn->powers.result = y;
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

/* n <= ROW_BLOCK; row r of x starts at x + r x_step */
FA_INLINE void row_map_turns(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows,
                             int which)
{
    row_turn turns[2];
    fa_row_block extremes;
    row_extremes(x, n, &extremes.max, &extremes.min);
    for (size_t r = 0; r <= rows; r++, x += x_step, y += y_step) {
        if (r < rows) {
            row_turn_sum(turns + r % 2, x, y, n, &extremes, which);
            if (r + 1 < rows)
                row_extremes(x + x_step, n, &extremes.max, &extremes.min);
            row_turn_factor(turns + r % 2, x, n, which);
        }
        if (r)
            row_turn_write(turns + (r - 1) % 2, x - x_step, y - y_step, n, which);
    }
}

#define ROW_MAP(name, which)                                                                                           \
    static void row_##name(const void *from, ptrdiff_t x_step, void *to, ptrdiff_t y_step, size_t n, size_t rows)      \
    {                                                                                                                  \
        const real *x = from;                                                                                          \
        real *y = to;                                                                                                  \
        if (n <= ROW_BLOCK)                                                                                            \
            row_map_turns(x, x_step, y, y_step, n, rows, which);                                                       \
        else                                                                                                           \
            for (size_t r = 0; r < rows; r++)                                                                          \
                row_##name##_of(x + (ptrdiff_t)r * x_step, y + (ptrdiff_t)r * y_step, n);                              \
    }
ROW_MAP(softmax, FA_SOFTMAX)
ROW_MAP(log_softmax, FA_LOG_SOFTMAX)
#undef ROW_MAP

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

FA_INLINE void row_loss_turn_write(const fa_row_loss *loss, const fa_row_classes *c, const row_loss_turn *turn)
{
    real *y = (real *)c->gradient + (ptrdiff_t)turn->row * c->gradient_step;
    row_write_products(&turn->powers, y, c->n, &turn->ratio);
    if (!row_is_scale(turn->slope.factor))
        row_multiply(y, c->n, turn->slope.factor);
    row_class_gradient(loss, &turn->slope, y, c->n);
}

/* Sum, loss and what the gradient needs; the extremes of the next row meanwhile. */
FA_INLINE void row_loss_turn_take(const fa_row_loss *loss, const fa_row_classes *c, row_loss_turn *turn, size_t next,
                                  fa_row_block *extremes, int wants_gradient)
{
    const real *x = (const real *)c->x + (ptrdiff_t)turn->row * c->x_step;
    turn->powers.result = wants_gradient ? (const real *)c->gradient + (ptrdiff_t)turn->row * c->gradient_step : NULL;
    row_sum_block(x, c->n, extremes, &turn->sum, wants_gradient ? &turn->powers : NULL);
    if (next < c->rows)
        row_extremes((const real *)c->x + (ptrdiff_t)next * c->x_step, c->n, &extremes->max, &extremes->min);
    row_drop(&turn->sum, x, c->n, 0);
    size_t t = (size_t)c->index[turn->row];
    c->losses[turn->row] = row_class_loss(loss, x, c->n, t, &turn->sum, wants_gradient ? &turn->slope : NULL);
    if (wants_gradient) {
        row_keep_far(x, c->n, &turn->sum, &turn->powers);
        turn->ratio = row_ratio_of(&turn->sum, row_is_scale(turn->slope.factor) ? turn->slope.factor : 1.0);
    }
}

FA_INLINE void row_loss_turns(const fa_row_loss *loss, const fa_row_classes *c, int wants_gradient)
{
    row_loss_turn turns[2];
    fa_row_block extremes = {0};
    size_t row = row_next_class(c, 0), taken = 0;
    if (row < c->rows)
        row_extremes((const real *)c->x + (ptrdiff_t)row * c->x_step, c->n, &extremes.max, &extremes.min);
    for (; row < c->rows; taken++) {
        row_loss_turn *turn = turns + taken % 2;
        turn->row = row;
        row = row_next_class(c, row + 1);
        row_loss_turn_take(loss, c, turn, row, &extremes, wants_gradient);
        if (taken && wants_gradient)
            row_loss_turn_write(loss, c, turns + (taken + 1) % 2);
    }
    if (taken && wants_gradient)
        row_loss_turn_write(loss, c, turns + (taken + 1) % 2);
}

static void row_cross_entropies(const fa_row_loss *loss, const fa_row_classes *c)
{
    if (c->n > ROW_BLOCK)
        for (size_t row = row_next_class(c, 0); row < c->rows; row = row_next_class(c, row + 1)) {
            real *y = c->gradient ? (real *)c->gradient + (ptrdiff_t)row * c->gradient_step : NULL;
            c->losses[row] =
                row_cross_entropy(loss, (const real *)c->x + (ptrdiff_t)row * c->x_step, c->n, c->index[row], NULL, y);
        }
    else if (c->gradient)
        row_loss_turns(loss, c, 1);
    else
        row_loss_turns(loss, c, 0);
}

#endif
