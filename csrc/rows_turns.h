/* Rows of one block each, in turns: what follows a row's sum is a long chain of few operations, and while it lasts the
 * extremes of the next row are found and, where results go into the sum's loop, the row before is written.  Else a row is written
 * at once, and there is but one H and q to keep in the first level.  Same bits as one row alone. */
#ifndef FA_ROWS_TURNS_H
#define FA_ROWS_TURNS_H

#include "rows_one.h"

/* What is known of a row between its sum and its softmax. */
typedef struct {
    row_sum sum;
    row_ratio ratio;
    row_powers powers;
} row_turn;

/* Sum of one row, extremes of the next, result of the one before in one loop: whether a row allows it. */
FA_INLINE int row_is_near(const fa_row_block *e)
{
    return ROW_MERGES && fabs(e->max) <= ROW_LIMIT &&
           row_form_of(e->max, e->min, row_exponent_of(e->max, 0)) == ROW_NEAR;
}

/* next, and what is written, are the caller's. */
FA_INLINE void row_sum_among(const real *x, size_t n, row_sum *sum, row_powers *powers, const row_neighbours *b,
                             fa_row_block *extremes)
{
    const double max = extremes->max, exponent = row_exponent_of(max, 0);
    *sum = (row_sum){.max = max, .min = extremes->min, .exponent = exponent, .first = ROW_NOWHERE, .kept = 1};
    sum->own = row_block_and_products(x, n, exponent, powers, b, extremes);
}

FA_INLINE row_neighbours row_neighbour_products(const row_powers *powers, const row_ratio *ratio, real *y,
                                                const real *next)
{
    return (row_neighbours){.next = next,
                            .powers = powers,
                            .y = y,
                            .first = ratio->scale * powers->unit,
                            .second = ratio->rest * powers->unit};
}

/* 0 < n <= ROW_BLOCK; row r of x starts at x + r x_step */
FA_CALLED void row_softmax_turns(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows)
{
    row_turn turns[2];
    fa_row_block extremes;
    row_extremes(x, n, &extremes.max, &extremes.min);
    for (size_t r = 0; r < rows + ROW_MERGES; r++, x += x_step, y += y_step) {
        row_turn *turn = turns + ROW_MERGES * (r % 2), *before = turns + (r + 1) % 2;
        const int written = r && r + 1 < rows && row_is_near(&extremes) && before->ratio.near;
        if (written) {
            const row_neighbours b = row_neighbour_products(&before->powers, &before->ratio, y - y_step, x + x_step);
            row_sum_among(x, n, &turn->sum, &turn->powers, &b, &extremes);
        } else if (r < rows) {
            row_sum_block(x, n, &extremes, &turn->sum, &turn->powers, r + 1 < rows ? x + x_step : NULL);
            row_keep_far(x, n, &turn->sum, &turn->powers);
        }
        if (r < rows)
            turn->ratio = row_ratio_of(&turn->sum, 1.0);
        if (!ROW_MERGES)
            row_write_products(&turn->powers, y, n, &turn->ratio);
        else if (r && !written)
            row_write_products(&before->powers, y - y_step, n, &before->ratio);
    }
}

/* What is taken off the rows that wait. */
FA_INLINE void row_waiting_logs(const row_waiting *w, row_log_sum *log)
{
#ifdef ROW_BESIDE
    const row_beside s = row_beside_of(w);
    vreal head, tail;
    row_beside_log_sums(&s, &head, &tail);
    for (size_t r = 0; r < w->count; r++)
        log[r] = row_log_sum_at(v_lane(head, r), v_lane(tail, r), w->max[r], w->min[r], 0);
#else
    (void)w, (void)log;
#endif
}

/* The same of log_softmax, where rows wait to be written until there are ROW_LOGGED elements, which are to be in the first
 * level still. */
enum { ROW_LOGGED = 4096 };
FA_CALLED void row_log_softmax_turns(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows)
{
    const size_t many = ROW_LOGGED / n, most = many < ROW_FEW ? ROW_FEW : many < FA_LANES ? many : FA_LANES;
    fa_row_block extremes;
    row_sum sum;
    row_waiting waiting;
    row_wait_for_none(&waiting);
    row_extremes(x, n, &extremes.max, &extremes.min);
    for (size_t r = 0; r < rows; r++) {
        const real *here = x + (ptrdiff_t)r * x_step;
        row_sum_block(here, n, &extremes, &sum, NULL, r + 1 < rows ? here + x_step : NULL);
        row_drop(&sum, here, n, 0);
        if (rows >= ROW_FEW && row_may_wait(&sum)) {
            row_wait(&waiting, &sum, 0, r);
        } else {
            row_log_sum log = row_log_sum_of(&sum);
            row_write_differences(here, y + (ptrdiff_t)r * y_step, n, &log);
        }
        if (waiting.count < most && (!waiting.count || r + 1 < rows))
            continue;
        row_log_sum log[FA_LANES];
        row_waiting_logs(&waiting, log);
        for (size_t i = 0; i < waiting.count; i++)
            row_write_differences(x + (ptrdiff_t)waiting.row[i] * x_step, y + (ptrdiff_t)waiting.row[i] * y_step, n,
                                  log + i);
        waiting.count = 0;
    }
}

/* n <= ROW_SHORT: vectors of rows as far as they go. */
static void row_map_many(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows, int which)
{
    while (rows) {
        size_t done =
            row_short_map((row_short_place){(real *)x, x_step, 1}, (row_short_place){y, y_step, 1}, n, rows, which);
        if (!done) {
            done = rows < FA_LANES ? rows : FA_LANES;
            if (which == FA_SOFTMAX)
                row_softmax_turns(x, x_step, y, y_step, n, done);
            else
                row_log_softmax_turns(x, x_step, y, y_step, n, done);
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
            row_##name##_turns(x, x_step, y, y_step, n, rows);                                                         \
        else                                                                                                           \
            for (size_t r = 0; r < rows; r++)                                                                          \
                row_##name##_of(x + (ptrdiff_t)r * x_step, y + (ptrdiff_t)r * y_step, n);                              \
    }
ROW_MAP(softmax, FA_SOFTMAX)
ROW_MAP(log_softmax, FA_LOG_SOFTMAX)
#undef ROW_MAP

/* The results of rows that wait, of n elements each, row r at x + r step. */
FA_CALLED void row_wait_no_more_logs(row_waiting *w, const real *x, ptrdiff_t step, size_t n, double exact_below,
                                     double *results)
{
#ifdef ROW_BESIDE
    double values[FA_LANES], cancels[FA_LANES];
    const row_beside s = row_beside_of(w);
    const int any_cancels = row_beside_logsumexps(&s, exact_below, values, cancels);
    for (size_t r = 0; r < w->count; r++)
        results[w->row[r]] =
            any_cancels && cancels[r] ? row_beside_again(x + (ptrdiff_t)w->row[r] * step, n, w->max[r]) : values[r];
#else
    (void)x, (void)step, (void)n, (void)exact_below, (void)results;
#endif
    w->count = 0;
}

static double row_logsumexp_one(const row_sum *sum, const real *x, size_t n, double exact_below)
{
    double head, tail;
    row_logsumexp_of(sum, x, n, exact_below, &head, &tail);
    return isfinite(head) ? head + tail : head;
}

/* 0 < n <= ROW_BLOCK */
static void row_logsumexp_turns(const real *x, ptrdiff_t step, size_t n, size_t rows, double exact_below,
                                double *results)
{
    fa_row_block extremes;
    row_sum sum;
    row_waiting waiting;
    row_wait_for_none(&waiting);
    row_extremes(x, n, &extremes.max, &extremes.min);
    for (size_t r = 0; r < rows; r++) {
        const real *here = x + (ptrdiff_t)r * step;
        row_sum_block(here, n, &extremes, &sum, NULL, r + 1 < rows ? here + step : NULL);
        row_drop(&sum, here, n, 0);
        if (rows < ROW_FEW || !row_may_wait(&sum)) {
            results[r] = row_logsumexp_one(&sum, here, n, exact_below);
            continue;
        }
        row_wait(&waiting, &sum, 0, r);
        if (waiting.count == FA_LANES)
            row_wait_no_more_logs(&waiting, x, step, n, exact_below, results);
    }
    if (waiting.count)
        row_wait_no_more_logs(&waiting, x, step, n, exact_below, results);
}

static void row_logsumexps(const void *from, ptrdiff_t step, size_t n, size_t rows, double exact_below, double *results)
{
    const real *x = from;
    for (size_t r = 0, done; r < rows; r += done) {
        const real *here = x + (ptrdiff_t)r * step;
        const row_short_place place = {(real *)here, step, 1};
        done = n && n <= ROW_SHORT ? row_short_logsumexps(place, n, rows - r, exact_below, results + r) : 0;
        if (done)
            continue;
        done = n <= ROW_SHORT && rows - r > FA_LANES ? FA_LANES : rows - r;
        if (n && n <= ROW_BLOCK)
            row_logsumexp_turns(here, step, n, done, exact_below, results + r);
        for (size_t i = r; i < r + done && (!n || n > ROW_BLOCK); i++) {
            double tail;
            row_logsumexp(x + (ptrdiff_t)i * step, n, NULL, results + i, &tail);
            results[i] += isfinite(results[i]) ? tail : 0;
        }
    }
}

/* Rows side by side, row r at x + r and its elements `apart`: how many of them are done, the first of the others being out of reach
 * or all too long. */
static size_t row_logsumexp_columns(const void *x, ptrdiff_t apart, size_t n, size_t rows, double *results)
{
    size_t r = 0;
    for (size_t done = n <= ROW_SHORT; done && r < rows; r += done) {
        const row_short_place place = {(real *)x + r, 1, apart};
        done = row_short_logsumexps(place, n, rows - r, INFINITY, results + r);
    }
    return r;
}

#endif
