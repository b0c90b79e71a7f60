/* Rows that lie side by side, one in each vector lane: softmax over another axis than the last, and short rows.  The same
 * arithmetic in the same order as rows_sum.h, so the same bits; virtual lanes stand in memory here.  Rows with infinities
 * or numbers too large to reduce are left to the caller. */
#ifndef FA_ROWS_COLUMNS_H
#define FA_ROWS_COLUMNS_H

#include "rows_softmax.h"

enum {
    ROW_PANEL = 4,
    ROW_PANEL_ROWS = ROW_PANEL * FA_LANES,
    ROW_AHEAD = 16, /* elements of a row that are fetched ahead: processors do not foresee steps of a page */
};

/* A panel: `vectors` vectors of rows, of which the last may be partly filled. */
typedef struct {
    const real *x;
    ptrdiff_t step;
    size_t n, rows;
} row_panel;

FA_INLINE vreal row_column(const row_panel *panel, size_t i, size_t v, int full)
{
    const real *p = panel->x + (ptrdiff_t)i * panel->step + v * FA_LANES;
    return full || panel->rows - v * FA_LANES >= FA_LANES ? v_load(p) : v_load_part(p, panel->rows - v * FA_LANES);
}

/* Extremes and frames of one block; returns 0 if some row is out of reach. */
FA_INLINE int row_panel_frames(const row_panel *panel, size_t start, size_t count, size_t vectors, int full, vreal *max,
                               vreal *min, row_frame *frame, int *wild)
{
    for (size_t v = 0; v < vectors; v++) {
        max[v] = K(-INFINITY);
        min[v] = K(INFINITY);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t v = 0; v < vectors; v++) {
            row_prefetch(panel->x + (ptrdiff_t)(start + i + ROW_AHEAD) * panel->step + v * FA_LANES);
            vreal x = row_column(panel, start + i, v, full);
            max[v] = v_max(x, max[v]);
            min[v] = v_min(x, min[v]);
        }
    *wild = 0;
    for (size_t v = 0; v < vectors; v++) {
        real top[FA_LANES], bottom[FA_LANES], magic[FA_LANES], floor[FA_LANES];
        max[v] = max[v] + K(0);
        v_store(top, max[v]);
        v_store(bottom, min[v]);
        for (size_t l = 0; l < FA_LANES; l++) {
            if (!(fabs(top[l]) <= ROW_LIMIT))
                return 0;
            *wild |= !(bottom[l] > top[l] - ROW_DEPTH);
            magic[l] = (real)(ROW_MAGIC + (ROW_BASE - row_exponent_of(top[l], 0)));
            floor[l] = (real)(top[l] - ROW_DEPTH);
        }
        frame[v] = (row_frame){.magic = v_load(magic), .shift = K(0), .floor = v_load(floor)};
    }
    return 1;
}

typedef struct {
    vreal s[ROW_VIRTUAL][ROW_PANEL], a[ROW_VIRTUAL][ROW_PANEL];
} row_lanes;

/* Sums of one block into lanes. */
FA_INLINE void row_panel_block(const row_panel *panel, size_t start, size_t count, size_t vectors, int full,
                               const row_frame *frame, int form, row_lanes *lanes)
{
    size_t used = count < ROW_VIRTUAL ? count : ROW_VIRTUAL;
    for (size_t l = 0; l < used; l++)
        for (size_t v = 0; v < vectors; v++) {
            lanes->s[l][v] = K(ROW_PRELOAD);
            lanes->a[l][v] = K(0);
        }
    for (size_t i = 0; i < count; i++)
        for (size_t v = 0; v < vectors; v++) {
            vreal x = row_column(panel, start + i, v, full), f, h = row_reduce(x, frame + v, form, &f);
            vreal q = row_fraction(f);
            vreal *sum = &lanes->s[i % ROW_VIRTUAL][v], *rest = &lanes->a[i % ROW_VIRTUAL][v];
            row_add_power(sum, rest, h, q);
            if (row_drains(i / ROW_VIRTUAL) && i / ROW_VIRTUAL < count / ROW_VIRTUAL)
                row_drain(sum, rest);
        }
}

/* The totals of one vector of rows. */
FA_INLINE void row_panel_fold(const row_lanes *lanes, size_t v, size_t count, row_total *total)
{
    size_t width = ROW_VIRTUAL;
    while (width / 2 >= count)
        width /= 2;
#ifdef FA_REAL_F32
    enum { PARTS = FA_HALVES };
#else
    enum { PARTS = 1 };
#endif
    row_totals t[ROW_VIRTUAL];
    for (int part = 0; part < PARTS; part++) {
        for (size_t l = 0; l < width; l++) {
            if (l >= count) {
                t[l] = (row_totals){KD(0), KD(0)};
                continue;
            }
            vreal s = lanes->s[l][v] - K(ROW_PRELOAD), a = lanes->a[l][v];
#ifdef FA_REAL_F32
            t[l] = (row_totals){row_widen(s, part) + row_widen(a, part), KD(0)};
#else
            vf64 head = s + a;
            t[l] = (row_totals){head, a - (head - s)};
#endif
        }
        for (size_t w = width / 2; w; w /= 2)
            for (size_t l = 0; l < w; l++)
                t[l] = row_add_lanes(t[l], t[l + w]);
        double head[FA_LANES_F64], tail[FA_LANES_F64];
        v_store(head, t[0].head);
        v_store(tail, t[0].tail);
        for (size_t l = 0; l < FA_LANES_F64; l++)
            total[(size_t)part * FA_LANES_F64 + l] = (row_total){head[l], tail[l]};
    }
}

/* Sums of all rows of a panel, `first` being where the block with the maximum starts; 0 if some row is out of reach. */
FA_INLINE int row_panel_sums(const row_panel *panel, size_t vectors, int full, row_sum *sum)
{
    vreal max[ROW_PANEL], min[ROW_PANEL];
    row_frame frame[ROW_PANEL];
    row_lanes lanes;
    for (size_t r = 0; r < vectors * FA_LANES; r++)
        sum[r] = (row_sum){.max = -INFINITY, .min = INFINITY};
    for (size_t start = 0; start < panel->n; start += ROW_BLOCK) {
        size_t count = panel->n - start < ROW_BLOCK ? panel->n - start : ROW_BLOCK;
        int wild;
        if (!row_panel_frames(panel, start, count, vectors, full, max, min, frame, &wild))
            return 0;
        real top[ROW_PANEL_ROWS], bottom[ROW_PANEL_ROWS];
        for (size_t v = 0; v < vectors; v++) {
            v_store(top + v * FA_LANES, max[v]);
            v_store(bottom + v * FA_LANES, min[v]);
        }
        if (wild)
            row_panel_block(panel, start, count, vectors, full, frame, ROW_WILD, &lanes);
        else
            row_panel_block(panel, start, count, vectors, full, frame, ROW_LANES, &lanes);
        for (size_t v = 0; v < vectors; v++) {
            row_total total[FA_LANES];
            row_panel_fold(&lanes, v, count, total);
            for (size_t l = 0; l < FA_LANES; l++) {
                row_sum *one = sum + v * FA_LANES + l;
                double m = top[v * FA_LANES + l];
                one->first = m > one->max ? start : one->first;
                row_merge(one, m, row_exponent_of(m, 0), total[l]);
                one->min = bottom[v * FA_LANES + l] < one->min ? bottom[v * FA_LANES + l] : one->min;
            }
        }
    }
    return 1;
}

/* row_drop for a row of a panel; where it must be left out, its block is copied and treated as a contiguous one. */
FA_INLINE void row_panel_drop(const row_panel *panel, size_t r, row_sum *sum)
{
    if (row_subtract_top(sum))
        return;
    real block[ROW_BLOCK];
    size_t count = panel->n - sum->first < ROW_BLOCK ? panel->n - sum->first : ROW_BLOCK;
    for (size_t i = 0; i < count; i++)
        block[i] = panel->x[(ptrdiff_t)(sum->first + i) * panel->step + (ptrdiff_t)r];
    row_leave_out_top(sum, block, count, row_first_index(block, count, sum->max));
}

/* A field of every lane's struct as a vector. */
#define ROW_FIELD(target, values, field)                                                                               \
    do {                                                                                                               \
        real lane_[FA_LANES];                                                                                          \
        for (size_t l_ = 0; l_ < FA_LANES; l_++)                                                                       \
            lane_[l_] = (real)(values)[l_].field;                                                                      \
        target = v_load(lane_);                                                                                        \
    } while (0)

/* For rows of several blocks. */
FA_INLINE void row_panel_scales(const row_sum *sum, size_t vectors, row_scale *scale, int *near)
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

FA_INLINE void row_panel_ratios(const row_sum *sum, size_t vectors, row_column_ratio *ratio, int *near)
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

FA_INLINE void row_panel_quotients(const row_panel *panel, const row_sum *sum, real *y, ptrdiff_t y_step,
                                   size_t vectors, int full)
{
    row_scale scale[ROW_PANEL];
    int near;
    row_panel_scales(sum, vectors, scale, &near);
    if (near)
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
    if (near)
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

/* A whole panel, or vector by vector; returns how many rows are through, less than all if one is out of reach. */
#define ROW_COLUMNS(name)                                                                                              \
    static size_t row_##name##_columns(const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n,           \
                                       size_t rows)                                                                    \
    {                                                                                                                  \
        row_panel panel = {x, x_step, n, rows};                                                                        \
        if (rows == ROW_PANEL_ROWS)                                                                                    \
            return row_panel_##name(&panel, y, y_step, ROW_PANEL, 1) ? rows : 0;                                       \
        for (size_t r = 0; r < rows; r += FA_LANES) {                                                                  \
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
