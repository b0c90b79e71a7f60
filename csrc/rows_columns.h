/* Rows that lie side by side, one in each vector lane: softmax over another axis than the last, and short rows, from the sums of
 * rows_panel.h.  Rows with infinities or numbers too large to reduce are left to the caller. */
#ifndef FA_ROWS_COLUMNS_H
#define FA_ROWS_COLUMNS_H

#include "rows_panel.h"
#include "rows_few.h"

/* What makes results of a panel's elements, a number of each kind for every row: of rows of several blocks the frame, delta and
 * coefficients of a row_scale, of one block the frame, scale and rest of a row_ratio, of log_softmax head and tail. */
enum { ROW_BY_SCALE, ROW_BY_RATIO, ROW_BY_LOG };
typedef struct {
    real magic[ROW_PANEL_ROWS], floor[ROW_PANEL_ROWS], head[ROW_PANEL_ROWS], tail[ROW_PANEL_ROWS];
    real coefficient[ROW_DEGREE][ROW_PANEL_ROWS];
    int near;
} row_results;

FA_CALLED void row_panel_scales(const row_sum *sum, size_t rows, row_results *results)
{
    results->near = 1;
    for (size_t r = 0; r < rows; r++) {
        const row_scale_values values = row_scale_of(sum + r, 1.0);
        results->near &= values.near;
        results->magic[r] = values.magic;
        results->floor[r] = values.floor;
        results->head[r] = values.delta;
        for (int i = 0; i < ROW_DEGREE; i++)
            results->coefficient[i][r] = values.coefficient[i];
    }
    for (size_t r = 0; r < rows && !results->near; r++)
        results->magic[r] += ROW_RAISE;
}

FA_CALLED void row_panel_ratios(const row_sum *sum, size_t rows, row_results *results)
{
    int near[ROW_PANEL_ROWS];
    results->near = 1;
    for (size_t r = 0; r < rows; r++) {
        const row_ratio ratio = row_ratio_of(sum + r, 1.0);
        near[r] = ratio.near;
        results->near &= ratio.near;
        results->magic[r] = (real)(ROW_MAGIC + (ROW_BASE - sum[r].exponent));
        const double lowest = (ratio.lowest - ROW_BASE + sum[r].exponent) * ROW_LN2, deepest = sum[r].max - ROW_DEPTH;
        results->floor[r] = (real)(deepest > lowest ? deepest : lowest);
        results->head[r] = ratio.scale;
        results->tail[r] = ratio.rest;
    }
    for (size_t r = 0; r < rows && !results->near; r++)
        if (near[r]) {
            results->head[r] = (real)(results->head[r] * row_power_of_two(ROW_RAISE));
            results->tail[r] = (real)(results->tail[r] * row_power_of_two(ROW_RAISE));
        }
}

FA_INLINE row_frame row_result_frame(const row_results *results, size_t r)
{
    return (row_frame){.magic = v_load(results->magic + r), .shift = K(0), .floor = v_load(results->floor + r)};
}

FA_INLINE row_scale row_result_scale(const row_results *results, size_t r)
{
    row_scale scale = {.frame = row_result_frame(results, r), .delta = v_load(results->head + r)};
    for (int i = 0; i < ROW_DEGREE; i++)
        scale.coefficient[i] = v_load(results->coefficient[i] + r);
    return scale;
}

/* The result at x of the rows from r on. */
FA_INLINE vreal row_result(vreal x, const row_results *results, size_t r, int kind, int form)
{
    if (kind == ROW_BY_LOG)
        return row_difference(x, v_load(results->head + r), v_load(results->tail + r), 0, 0);
    if (kind == ROW_BY_SCALE) {
        const row_scale scale = row_result_scale(results, r);
        return row_quotient(x, &scale, form);
    }
    const row_frame frame = row_result_frame(results, r);
    vreal f, h = row_reduce(x, &frame, form, &f);
    return row_product(h, row_fraction(f), v_load(results->head + r), v_load(results->tail + r), form);
}

FA_INLINE void row_column_store(const row_panel *panel, real *y, size_t v, vreal value, int full)
{
    if (full || panel->rows - v * FA_LANES >= FA_LANES)
        v_store(y + v * FA_LANES, value);
    else
        v_store_part(y + v * FA_LANES, value, panel->rows - v * FA_LANES);
}

FA_INLINE void row_panel_write_each(const row_panel *panel, const row_results *results, int kind, int form, real *y,
                                    ptrdiff_t y_step, size_t vectors, int full)
{
    for (size_t i = 0; i < panel->n; i++)
        for (size_t v = 0; v < vectors; v++) {
            row_prefetch(y + (ptrdiff_t)(i + ROW_AHEAD) * y_step + v * FA_LANES);
            vreal value = row_result(row_column(panel, i, v, full), results, v * FA_LANES, kind, form);
            row_column_store(panel, y + (ptrdiff_t)i * y_step, v, value, full);
        }
}

/* Whether results had better pass the caches: where rows lie so far apart that all of them are more than these hold. */
FA_INLINE int row_panel_passes(const row_panel *panel, const real *y, ptrdiff_t y_step)
{
    const size_t step = (size_t)(y_step < 0 ? -y_step : y_step), from = ((size_t)1 << 22) / sizeof(real);
    return panel->x != y && step % FA_LANES == 0 && panel->n * step >= from;
}

/* Results of a vector of rows, as a loop over pairs likes to find them; scale.delta is the head. */
typedef struct {
    row_scale scale;
    vreal tail;
} row_factor;

/* Two vectors of rows, in the form ROW_LANES. */
FA_INLINE void row_panel_write_two(const real *x, const row_factor *factor, int kind, const row_constants *c, real *y,
                                   int past)
{
    const vreal v[2] = {v_load(x), v_load(x + FA_LANES)};
    const row_scale *const scale[2] = {&factor[0].scale, &factor[1].scale};
    vreal result[2];
    if (kind == ROW_BY_LOG) {
        ROW_BOTH result[j] = row_difference(v[j], scale[j]->delta, factor[j].tail, 0, 0);
    } else if (kind == ROW_BY_SCALE) {
        row_quotient_two(v, scale, ROW_LANES, c, result);
    } else {
        const row_frame *const frame[2] = {&scale[0]->frame, &scale[1]->frame};
        vreal f[2], h[2], q[2];
        row_reduce_two(v, frame, ROW_LANES, c, h, f);
        row_fraction_two(f, c, 0, q);
        ROW_BOTH result[j] = row_product(h[j], q[j], scale[j]->delta, factor[j].tail, ROW_LANES);
    }
    for (size_t j = 0; j < 2; j++)
        if (past)
            v_stream(y + j * FA_LANES, result[j]);
        else
            v_store(y + j * FA_LANES, result[j]);
}

/* Of these two only `count`, from the one at `from` on, past the caches. */
FA_INLINE void row_panel_write_some(const real *x, const row_factor *factor, int kind, const row_constants *c, real *y,
                                    size_t from, size_t count)
{
    real some[2 * FA_LANES];
    row_panel_write_two(x, factor, kind, c, some, 0);
    for (size_t i = from; i < from + count; i++) {
        integer bits;
        memcpy(&bits, some + i, sizeof bits);
        v_stream_one(y + i, bits);
    }
}

enum { ROW_PAIR = 2 * FA_LANES };
FA_INLINE void row_factors_of(const row_results *results, size_t first, size_t pairs, row_factor *factor)
{
    for (size_t r = first; r < first + pairs * ROW_PAIR; r += FA_LANES)
        *factor++ = (row_factor){.scale = row_result_scale(results, r), .tail = v_load(results->tail + r)};
}

/* Of a full panel, the last block first: it is still in the caches.  What passes the caches is aligned, and what is left at both ends
 * goes number by number.  Loads wait for the stores before them whose address agrees modulo 4,096: where y is a little beyond x
 * there, vectors are gone through downwards. */
FA_INLINE void row_panel_write_pairs(const row_panel *panel, const row_results *results, int kind, real *y,
                                     ptrdiff_t y_step)
{
    enum { PAGE = 4096 };
    const row_constants c = row_constants_here(0);
    const int past = row_panel_passes(panel, y, y_step);
    const size_t before = past ? (0 - (uintptr_t)y / sizeof(real)) % FA_LANES : 0;
    const size_t pairs = (panel->rows - before) / ROW_PAIR, end = before + pairs * ROW_PAIR;
    const size_t last = panel->rows - ROW_PAIR, ahead = row_panel_near(panel);
    row_factor factor[ROW_PANEL], at_first[2], at_last[2];
    row_factors_of(results, before, pairs, factor);
    row_factors_of(results, 0, 1, at_first);
    row_factors_of(results, last, 1, at_last);
    for (size_t stop = panel->n, start; stop; stop = start) {
        start = (stop - 1) / ROW_BLOCK * ROW_BLOCK;
        for (size_t i = start; i < stop; i++) {
            const real *x = panel->x + (ptrdiff_t)i * panel->step;
            real *to = y + (ptrdiff_t)i * y_step;
            const int down = ((uintptr_t)to - (uintptr_t)x - 1) % PAGE < PAGE / 2;
            if (before)
                row_panel_write_some(x, at_first, kind, &c, to, 0, before);
            for (size_t k = 0; k < pairs; k++) {
                const size_t pair = down ? pairs - 1 - k : k, r = before + pair * ROW_PAIR;
                row_prefetch(x + (ptrdiff_t)ahead * panel->step + r + ROW_PAIR - 1);
                if (!past)
                    row_prefetch(to + (ptrdiff_t)ahead * y_step + r + ROW_PAIR - 1);
                row_panel_write_two(x + r, factor + 2 * pair, kind, &c, to + r, past);
            }
            if (end < panel->rows)
                row_panel_write_some(x + last, at_last, kind, &c, to + last, end - last, panel->rows - end);
        }
    }
#ifdef FA_STREAMS
    if (past)
        v_fence();
#endif
}

FA_INLINE void row_panel_write(const row_panel *panel, const row_results *results, int kind, real *y, ptrdiff_t y_step,
                               size_t vectors, int full)
{
    if (kind != ROW_BY_LOG && !results->near)
        row_panel_write_each(panel, results, kind, ROW_WILD, y, y_step, vectors, full);
    else if (full && ROW_PAIRED)
        row_panel_write_pairs(panel, results, kind, y, y_step);
    else
        row_panel_write_each(panel, results, kind, ROW_LANES, y, y_step, vectors, full);
}

FA_INLINE int row_panel_softmax(const row_panel *panel, real *y, ptrdiff_t y_step, size_t vectors, int full)
{
    row_sum sum[ROW_PANEL_ROWS];
    row_results results;
    if (!row_panel_sums(panel, vectors, full, sum))
        return 0;
    if (panel->n > ROW_BLOCK) {
        row_panel_scales(sum, vectors * FA_LANES, &results);
        row_panel_write(panel, &results, ROW_BY_SCALE, y, y_step, vectors, full);
    } else {
        row_panel_ratios(sum, vectors * FA_LANES, &results);
        row_panel_write(panel, &results, ROW_BY_RATIO, y, y_step, vectors, full);
    }
    return 1;
}

FA_INLINE int row_panel_log_softmax(const row_panel *panel, real *y, ptrdiff_t y_step, size_t vectors, int full)
{
    row_sum sum[ROW_PANEL_ROWS];
    row_results results;
    if (!row_panel_sums(panel, vectors, full, sum))
        return 0;
    for (size_t r = 0; r < vectors * FA_LANES; r++) {
        if (r < panel->rows)
            row_panel_drop(panel, r, sum + r);
        row_log_sum log = row_log_sum_of(sum + r);
        results.head[r] = log.head;
        results.tail[r] = log.tail;
    }
    row_panel_write(panel, &results, ROW_BY_LOG, y, y_step, vectors, full);
    return 1;
}

/* Of short rows those that can be done, from the first on. */
FA_CALLED size_t row_short_columns(const real *x, ptrdiff_t x_step, real *y, ptrdiff_t y_step, size_t n, size_t rows,
                                   int which)
{
    size_t r = 0;
    for (size_t done = n <= ROW_SHORT; done && r < rows; r += done)
        done = row_short_map((row_short_place){(real *)x + r, 1, x_step}, (row_short_place){y + r, 1, y_step}, n,
                             rows - r, which);
    return r;
}

/* A whole panel, or as much as there is by pairs, and vector by vector; returns how many rows are through, less than all if one
 * is out of reach. */
#define ROW_COLUMNS(name, which)                                                                                       \
    static size_t row_##name##_columns(const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n,           \
                                       size_t rows)                                                                    \
    {                                                                                                                  \
        const size_t done = row_short_columns(x, x_step, y, y_step, n, rows, which);                                   \
        if (done)                                                                                                      \
            return done;                                                                                               \
        const size_t paired = ROW_PAIRED ? rows / (2 * FA_LANES) * (2 * FA_LANES) : 0;                                 \
        row_panel panel = {x, x_step, n, ROW_PAIRED ? paired : rows};                                                  \
        if (!ROW_PAIRED && rows == ROW_PANEL_ROWS)                                                                     \
            return row_panel_##name(&panel, y, y_step, ROW_PANEL, 1) ? rows : 0;                                       \
        if (paired && !row_panel_##name(&panel, y, y_step, paired / FA_LANES, 1))                                      \
            return 0;                                                                                                  \
        for (size_t r = paired; r < rows; r += FA_LANES) {                                                             \
            row_panel one = {(const real *)x + r, x_step, n, rows - r < FA_LANES ? rows - r : FA_LANES};               \
            if (!row_panel_##name(&one, (real *)y + r, y_step, 1, 0))                                                  \
                return r;                                                                                              \
        }                                                                                                              \
        return rows;                                                                                                   \
    }
ROW_COLUMNS(softmax, FA_SOFTMAX)
ROW_COLUMNS(log_softmax, FA_LOG_SOFTMAX)
#undef ROW_COLUMNS

#endif
