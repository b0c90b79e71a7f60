/* Rows of one block each, in turns: what follows a row's sum is a long chain of few operations, and while it lasts the
 * extremes of the next row are found and the row before is written.  Same bits as one row alone. */
#ifndef FA_ROWS_TURNS_H
#define FA_ROWS_TURNS_H

#include "rows_softmax.h"

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

#endif
