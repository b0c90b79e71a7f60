/* Rows that lie side by side, one in each vector lane: softmax over another axis than the last, and short rows, from the sums of
 * rows_panel.h.  Rows with infinities or numbers too large to reduce are left to the caller. */
#ifndef FA_ROWS_COLUMNS_H
#define FA_ROWS_COLUMNS_H

#include "rows_panel.h"

/* A field of every lane's struct as a vector. */
#define ROW_FIELD(target, values, field)                                                                               \
    do {                                                                                                               \
        real lane_[FA_LANES];                                                                                          \
        for (size_t l_ = 0; l_ < FA_LANES; l_++)                                                                       \
            lane_[l_] = (real)(values)[l_].field;                                                                      \
        target = v_load(lane_);                                                                                        \
    } while (0)

/* For rows of several blocks. */
FA_CALLED void row_panel_scales(const row_sum *sum, size_t vectors, row_scale *scale, int *near)
{
    row_scale_values values[ROW_PANEL_ROWS];
    *near = 1;
    for (size_t r = 0; r < vectors * FA_LANES; r++) {
        values[r] = row_scale_of(sum + r, 1.0);
        *near &= values[r].near;
    }
    for (size_t v = 0; v < vectors; v++) {
        const row_scale_values *lanes = values + v * FA_LANES;
        ROW_FIELD(scale[v].frame.magic, lanes, magic);
        ROW_FIELD(scale[v].frame.floor, lanes, floor);
        ROW_FIELD(scale[v].delta, lanes, delta);
        for (int i = 0; i < ROW_DEGREE; i++)
            ROW_FIELD(scale[v].coefficient[i], lanes, coefficient[i]);
        scale[v].frame.shift = K(0);
        if (!*near)
            scale[v].frame.magic = scale[v].frame.magic + K(ROW_RAISE);
    }
}

/* For rows of one block: the frame of the sum, and the ratio. */
typedef struct {
    row_frame frame;
    vreal scale, rest;
} row_column_ratio;

FA_CALLED void row_panel_ratios(const row_sum *sum, size_t vectors, row_column_ratio *ratio, int *near)
{
    row_ratio values[ROW_PANEL_ROWS];
    *near = 1;
    for (size_t r = 0; r < vectors * FA_LANES; r++) {
        values[r] = row_ratio_of(sum + r, 1.0);
        *near &= values[r].near;
    }
    for (size_t r = 0; r < vectors * FA_LANES; r++)
        if (!*near && values[r].near) {
            values[r].scale = (real)(values[r].scale * row_power_of_two(ROW_RAISE));
            values[r].rest = (real)(values[r].rest * row_power_of_two(ROW_RAISE));
        }
    for (size_t v = 0; v < vectors; v++) {
        real magic[FA_LANES];
        for (size_t l = 0; l < FA_LANES; l++)
            magic[l] = (real)(ROW_MAGIC + (ROW_BASE - sum[v * FA_LANES + l].exponent));
        ratio[v].frame.magic = v_load(magic);
        ratio[v].frame.shift = K(0);
        ROW_FIELD(ratio[v].frame.floor, sum + v * FA_LANES, max);
        ratio[v].frame.floor = ratio[v].frame.floor - K(ROW_DEPTH);
        ROW_FIELD(ratio[v].scale, values + v * FA_LANES, scale);
        ROW_FIELD(ratio[v].rest, values + v * FA_LANES, rest);
    }
}

FA_INLINE void row_column_store(const row_panel *panel, real *y, size_t v, vreal value, int full)
{
    if (full || panel->rows - v * FA_LANES >= FA_LANES)
        v_store(y + v * FA_LANES, value);
    else
        v_store_part(y + v * FA_LANES, value, panel->rows - v * FA_LANES);
}

/* Writes value, an expression in x and the number v of its vector, for every element of a panel. */
#define ROW_PANEL_WRITE(value)                                                                                         \
    for (size_t i = 0; i < panel->n; i++)                                                                              \
        for (size_t v = 0; v < vectors; v++) {                                                                         \
            const vreal x = row_column(panel, i, v, full);                                                             \
            row_prefetch(y + (ptrdiff_t)(i + ROW_AHEAD) * y_step + v * FA_LANES);                                      \
            row_column_store(panel, y + (ptrdiff_t)i * y_step, v, value, full);                                        \
        }

FA_INLINE void row_column_product_two(const vreal *x, const row_column_ratio *ratio, const row_constants *c, vreal *y)
{
    const row_frame *const frames[2] = {&ratio[0].frame, &ratio[1].frame};
    vreal f[2], h[2], q[2];
    row_reduce_two(x, frames, ROW_LANES, c, h, f);
    row_fraction_two(f, c, 0, q);
    ROW_BOTH y[j] = row_product(h[j], q[j], ratio[j].scale, ratio[j].rest, ROW_LANES);
}

/* Elements from start on, two vectors at a time, by scales or, if that is NULL, by ratios; past the caches, if so wanted. */
FA_INLINE void row_panel_write_block(const row_panel *panel, size_t start, size_t count, const row_scale *scale,
                                     const row_column_ratio *ratio, real *y, ptrdiff_t y_step, int past)
{
    const row_constants c = row_constants_here(0);
    const real *next = start ? panel->x + (ptrdiff_t)start * panel->step : row_panel_next(panel);
    for (size_t i = start; i < start + count; i++, next += panel->step)
        for (size_t v = 0; v * FA_LANES < panel->rows; v += 2) {
            const real *p = panel->x + (ptrdiff_t)i * panel->step + v * FA_LANES;
            real *to = y + (ptrdiff_t)i * y_step + v * FA_LANES;
            const vreal x[2] = {v_load(p), v_load(p + FA_LANES)};
            const row_scale *const scales[2] = {scale + v, scale + v + 1};
            vreal result[2];
            row_prefetch_pair(p + ROW_AHEAD * panel->step, v, 0);
            if (!past)
                row_prefetch_pair(to + ROW_AHEAD * y_step, v, 0);
            if (scale)
                row_prefetch_pair(next + v * FA_LANES, v, 1);
            if (scale)
                row_quotient_two(x, scales, ROW_LANES, &c, result);
            else
                row_column_product_two(x, ratio + v, &c, result);
            for (size_t j = 0; j < 2; j++)
                if (past)
                    v_stream(to + j * FA_LANES, result[j]);
                else
                    v_store(to + j * FA_LANES, result[j]);
        }
}

/* Whether results had better pass the caches: where rows lie so far apart that all of them are more than these hold.  Lines of
 * which a panel has odd parts take longer so. */
FA_INLINE int row_panel_passes(const row_panel *panel, const real *y, ptrdiff_t y_step)
{
    const size_t step = (size_t)(y_step < 0 ? -y_step : y_step), from = ((size_t)1 << 22) / sizeof(real);
    const size_t line = 64;
    return panel->x != y && (uintptr_t)y % line == 0 && step * sizeof(real) % line == 0 &&
           panel->rows == ROW_PANEL_ROWS && panel->n * step >= from;
}

/* Of a full panel, the last block first: it is still in the caches. */
FA_INLINE void row_panel_write_pairs(const row_panel *panel, const row_scale *scale, const row_column_ratio *ratio,
                                     real *y, ptrdiff_t y_step)
{
    const int past = row_panel_passes(panel, y, y_step);
    for (size_t end = panel->n, start; end; end = start) {
        start = (end - 1) / ROW_BLOCK * ROW_BLOCK;
        if (past)
            row_panel_write_block(panel, start, end - start, scale, ratio, y, y_step, 1);
        else
            row_panel_write_block(panel, start, end - start, scale, ratio, y, y_step, 0);
    }
#ifdef FA_STREAMS
    if (past)
        v_fence();
#endif
}

FA_INLINE void row_panel_quotients(const row_panel *panel, const row_sum *sum, real *y, ptrdiff_t y_step,
                                   size_t vectors, int full)
{
    row_scale scale[ROW_PANEL];
    int near;
    row_panel_scales(sum, vectors, scale, &near);
    if (near && full && ROW_PAIRED)
        row_panel_write_pairs(panel, scale, NULL, y, y_step);
    else if (near)
        ROW_PANEL_WRITE(row_quotient(x, scale + v, ROW_LANES))
    else
        ROW_PANEL_WRITE(row_quotient(x, scale + v, ROW_WILD))
}

FA_INLINE vreal row_column_product(vreal x, const row_column_ratio *ratio, int form)
{
    vreal f, h = row_reduce(x, &ratio->frame, form, &f);
    return row_product(h, row_fraction(f), ratio->scale, ratio->rest, form);
}

FA_INLINE void row_panel_products(const row_panel *panel, const row_sum *sum, real *y, ptrdiff_t y_step, size_t vectors,
                                  int full)
{
    row_column_ratio ratio[ROW_PANEL];
    int near;
    row_panel_ratios(sum, vectors, ratio, &near);
    if (near && full && ROW_PAIRED)
        row_panel_write_pairs(panel, NULL, ratio, y, y_step);
    else if (near)
        ROW_PANEL_WRITE(row_column_product(x, ratio + v, ROW_LANES))
    else
        ROW_PANEL_WRITE(row_column_product(x, ratio + v, ROW_WILD))
}

FA_INLINE int row_panel_softmax(const row_panel *panel, real *y, ptrdiff_t y_step, size_t vectors, int full)
{
    row_sum sum[ROW_PANEL_ROWS];
    if (!row_panel_sums(panel, vectors, full, sum))
        return 0;
    if (panel->n > ROW_BLOCK)
        row_panel_quotients(panel, sum, y, y_step, vectors, full);
    else
        row_panel_products(panel, sum, y, y_step, vectors, full);
    return 1;
}

FA_INLINE int row_panel_log_softmax(const row_panel *panel, real *y, ptrdiff_t y_step, size_t vectors, int full)
{
    row_sum sum[ROW_PANEL_ROWS];
    real head[ROW_PANEL_ROWS], tail[ROW_PANEL_ROWS];
    if (!row_panel_sums(panel, vectors, full, sum))
        return 0;
    for (size_t r = 0; r < vectors * FA_LANES; r++) {
        if (r < panel->rows)
            row_panel_drop(panel, r, sum + r);
        row_log_sum log = row_log_sum_of(sum + r);
        head[r] = log.head;
        tail[r] = log.tail;
    }
    ROW_PANEL_WRITE(row_difference(x, v_load(head + v * FA_LANES), v_load(tail + v * FA_LANES), 0, 0))
    return 1;
}

/* A whole panel, or as much as there is by pairs, and vector by vector; returns how many rows are through, less than all if one
 * is out of reach. */
#define ROW_COLUMNS(name)                                                                                              \
    static size_t row_##name##_columns(const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n,           \
                                       size_t rows)                                                                    \
    {                                                                                                                  \
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
ROW_COLUMNS(softmax)
ROW_COLUMNS(log_softmax)
#undef ROW_COLUMNS
#undef ROW_PANEL_WRITE
#undef ROW_FIELD

#endif
