/* Rows that lie side by side, one in each vector lane: their sums.  The same arithmetic in the same order as rows_sum.h, so the
 * same bits; virtual lanes stand in memory here.  What is made of the sums stands in rows_columns.h. */
#ifndef FA_ROWS_PANEL_H
#define FA_ROWS_PANEL_H

#include "rows_softmax.h"

#include <stdlib.h>

enum {
    ROW_PAIRED = ROW_PAIRS && sizeof(real) == 4, /* float64 gains nothing */
    ROW_NARROW = ROW_PAIRED ? 8 : 4,             /* vectors of rows of which the second level holds a block */
    ROW_PANEL = ROW_PAIRED ? 32 : 4,             /* at most: so many are read as streams */
    ROW_PANEL_ROWS = ROW_PANEL * FA_LANES,
    ROW_AHEAD = 16,   /* elements of a row that are fetched ahead: processors do not foresee steps of a page */
    ROW_TOGETHER = 4, /* elements whose extremes are taken at a time */
};

/* A panel: `vectors` vectors of rows, of which the last may be partly filled.  By pairs a full one is any even number of them. */
typedef struct {
    const real *x;
    ptrdiff_t step;
    size_t n, rows;
} row_panel;

/* How many elements ahead the first level fetches. */
FA_INLINE size_t row_panel_near(const row_panel *panel)
{
    return panel->rows > ROW_NARROW * FA_LANES ? ROW_TOGETHER : ROW_AHEAD;
}

FA_INLINE vreal row_column(const row_panel *panel, size_t i, size_t v, int full)
{
    const real *p = panel->x + (ptrdiff_t)i * panel->step + v * FA_LANES;
    vreal x = full || panel->rows - v * FA_LANES >= FA_LANES ? v_load(p) : v_load_part(p, panel->rows - v * FA_LANES);
    v_hold(x);
    return x;
}

/* The lines of vectors v and v + 1 at p, v being even, in the first level or further. */
FA_INLINE void row_prefetch_pair(const real *p, size_t v, int far)
{
    const real *last = p + 2 * FA_LANES - 1;
    if (far) {
        if (v == 0)
            row_prefetch_far(p);
        row_prefetch_far(last);
    } else {
        if (v == 0)
            row_prefetch(p);
        row_prefetch(last);
    }
}

/* Of some vectors of rows from `first` on; with a constant number of them they stay in registers. */
FA_INLINE void row_panel_extremes(const row_panel *panel, size_t start, size_t count, size_t first, size_t vectors,
                                  int full, vreal *max, vreal *min)
{
    for (size_t i = 0; i < count; i++)
        for (size_t v = 0; v < vectors; v++) {
            const real *ahead = panel->x + (ptrdiff_t)(start + i + ROW_AHEAD) * panel->step + (first + v) * FA_LANES;
            if (!ROW_PAIRED)
                row_prefetch(ahead);
            else if (v % 2 == 0)
                row_prefetch_pair(ahead, first + v, 0);
            vreal x = row_column(panel, start + i, first + v, full);
            max[v] = v_max(x, max[v]);
            min[v] = v_min(x, min[v]);
        }
}

/* Of a full panel by pairs, some elements at a time; the last of them overlap those before. */
FA_INLINE void row_panel_extremes_pairs(const row_panel *panel, size_t start, size_t count, vreal *max, vreal *min)
{
    const ptrdiff_t step = panel->step;
    for (size_t i = 0; i < count; i += ROW_TOGETHER) {
        const real *p = panel->x + (ptrdiff_t)(start + (count - i < ROW_TOGETHER ? count - ROW_TOGETHER : i)) * step;
        const real *ahead = p + ROW_TOGETHER * step;
        for (size_t v = 0; v * FA_LANES < panel->rows; v += 2, p += 2 * FA_LANES, ahead += 2 * FA_LANES)
            ROW_BOTH
            {
                vreal largest = max[v + j], smallest = min[v + j];
                for (int k = 0; k < ROW_TOGETHER; k++) {
                    vreal x = v_load(p + k * step + j * FA_LANES);
                    largest = v_max(x, largest);
                    smallest = v_min(x, smallest);
                    if (j)
                        row_prefetch_pair(ahead + k * step, v, 0);
                }
                max[v + j] = largest;
                min[v + j] = smallest;
            }
    }
}

/* Extremes and frames of one block; returns 0 if some row is out of reach. */
FA_INLINE int row_panel_frames(const row_panel *panel, size_t start, size_t count, size_t vectors, int full, vreal *max,
                               vreal *min, row_frame *frame, int *wild)
{
    for (size_t v = 0; v < vectors; v++) {
        max[v] = K(-INFINITY);
        min[v] = K(INFINITY);
    }
    if (ROW_PAIRED && full && vectors > ROW_NARROW && count >= ROW_TOGETHER)
        row_panel_extremes_pairs(panel, start, count, max, min);
    else if (ROW_PAIRED && full && vectors == ROW_NARROW)
        row_panel_extremes(panel, start, count, 0, ROW_NARROW, 1, max, min);
    else if (ROW_PAIRED && full)
        for (size_t v = 0; v < vectors; v += 2)
            row_panel_extremes(panel, start, count, v, 2, 1, max + v, min + v);
    else
        row_panel_extremes(panel, start, count, 0, vectors, full, max, min);
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

/* Virtual lane l of vector v at l * width + v; wide ones are kept from sharing their addresses modulo 1,024. */
typedef struct {
    size_t width;
    vreal *s, *a;
} row_lanes;

FA_INLINE size_t row_lanes_width(size_t vectors) { return vectors > ROW_NARROW ? vectors + 2 : vectors; }

/* The first element of what is likely to be the next panel. */
FA_INLINE const real *row_panel_next(const row_panel *panel)
{
    const ptrdiff_t rows = (ptrdiff_t)panel->rows;
    return panel->x + (panel->step == rows ? (ptrdiff_t)panel->n * rows : rows);
}

/* What is read some time after the element at i is summed: of a narrow panel what follows the block's sums (longer panels than
 * one block are written first), else the groups up to the next drain. */
FA_INLINE const real *row_panel_ahead(const row_panel *panel, size_t i)
{
    if (panel->rows > ROW_NARROW * FA_LANES)
        return panel->x + (ptrdiff_t)(i + ROW_DRAIN * ROW_VIRTUAL) * panel->step;
    if (panel->n <= ROW_BLOCK)
        return row_panel_next(panel) + (ptrdiff_t)i * panel->step;
    return panel->x + (ptrdiff_t)(i + ROW_BLOCK < panel->n ? i + ROW_BLOCK : i) * panel->step;
}

/* The groups of a full panel from one drain to the next: lane by lane, two vectors of rows at a time, whose sums stay in registers
 * meanwhile. */
FA_INLINE void row_panel_drained(const row_panel *panel, size_t start, const real *ahead, const row_frame *frame,
                                 int form, row_lanes *lanes)
{
    const row_constants c = row_constants_here(0);
    for (size_t l = 0; l < ROW_VIRTUAL; l++)
        for (size_t v = 0; v * FA_LANES < panel->rows; v += 2) {
            vreal *s = lanes->s + l * lanes->width + v, *a = lanes->a + l * lanes->width + v, sum[2] = {s[0], s[1]},
                  rest[2] = {a[0], a[1]};
            const real *p = panel->x + (ptrdiff_t)(start + l) * panel->step + v * FA_LANES;
            const row_frame *const frames[2] = {frame + v, frame + v + 1};
            for (size_t g = 0; g < ROW_DRAIN; g++, p += ROW_VIRTUAL * panel->step) {
                const vreal x[2] = {v_load(p), v_load(p + FA_LANES)};
                vreal f[2], h[2], q[2];
                row_prefetch_pair(p + panel->step, v, 0);
                row_prefetch_pair(ahead + (ptrdiff_t)(l + g * ROW_VIRTUAL) * panel->step + v * FA_LANES, v, 1);
                row_reduce_two(x, frames, form, &c, h, f);
                row_fraction_two(f, &c, 0, q);
                ROW_BOTH row_add_power(sum + j, rest + j, h[j], q[j], form);
            }
            ROW_BOTH row_drain(sum + j, rest + j);
            ROW_BOTH s[j] = sum[j], a[j] = rest[j];
        }
}

/* Sums of one block into lanes. */
FA_INLINE void row_panel_block(const row_panel *panel, size_t start, size_t count, size_t vectors, int full,
                               const row_frame *frame, int form, row_lanes *lanes)
{
    size_t used = count < ROW_VIRTUAL ? count : ROW_VIRTUAL;
    for (size_t l = 0; l < used; l++)
        for (size_t v = 0; v < vectors; v++) {
            lanes->s[l * lanes->width + v] = K(ROW_PRELOAD);
            lanes->a[l * lanes->width + v] = K(0);
        }
    size_t i = 0;
    if (ROW_PAIRED && full)
        for (; i + ROW_DRAIN * ROW_VIRTUAL <= count; i += ROW_DRAIN * ROW_VIRTUAL)
            row_panel_drained(panel, start + i, row_panel_ahead(panel, start + i), frame, form, lanes);
    for (; i < count; i++)
        for (size_t v = 0; v < vectors; v++) {
            vreal x = row_column(panel, start + i, v, full), f, h = row_reduce(x, frame + v, form, &f);
            vreal q = row_fraction(f);
            const size_t lane = i % ROW_VIRTUAL * lanes->width + v;
            vreal *sum = lanes->s + lane, *rest = lanes->a + lane;
            row_add_power(sum, rest, h, q, form);
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
                t[l] = row_totals_of(KD(0), KD(0));
                continue;
            }
            vreal s = lanes->s[l * lanes->width + v] - K(ROW_PRELOAD), a = lanes->a[l * lanes->width + v];
#ifdef FA_REAL_F32
            t[l] = row_totals_of(row_widen(s, part) + row_widen(a, part), KD(0));
#else
            vf64 head = s + a;
            t[l] = row_totals_of(head, a - (head - s));
#endif
        }
        for (size_t w = width / 2; w; w /= 2)
            for (size_t l = 0; l < w; l++)
                t[l] = row_add_lanes(t[l], t[l + w]);
        double head[FA_LANES_F64], tail[FA_LANES_F64];
        v_store(head, t[0].head);
        v_store(tail, row_tail(t[0]));
        for (size_t l = 0; l < FA_LANES_F64; l++)
            total[(size_t)part * FA_LANES_F64 + l] = (row_total){head[l], tail[l]};
    }
}

FA_INLINE int row_panel_sums_of(const row_panel *panel, size_t vectors, int full, row_lanes lanes, row_sum *sum)
{
    vreal max[ROW_PANEL], min[ROW_PANEL];
    row_frame frame[ROW_PANEL];
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

/* The lanes of a wide panel are more than the stack of a thread may hold: musl's have 128 KB.  0 also without memory. */
FA_CALLED int row_panel_sums_full(const row_panel *panel, size_t vectors, row_sum *sum)
{
    const size_t count = ROW_PAIRED ? vectors : ROW_PANEL, width = row_lanes_width(count), line = 64;
    char *room = malloc(2 * ROW_VIRTUAL * width * sizeof(vreal) + line);
    if (!room)
        return 0;
    vreal *lanes = (vreal *)(void *)(room + (line - (uintptr_t)room % line));
    int done = row_panel_sums_of(panel, count, 1, (row_lanes){width, lanes, lanes + ROW_VIRTUAL * width}, sum);
    free(room);
    return done;
}
FA_CALLED int row_panel_sums_one(const row_panel *panel, row_sum *sum)
{
    vreal lanes[2 * ROW_VIRTUAL];
    return row_panel_sums_of(panel, 1, 0, (row_lanes){1, lanes, lanes + ROW_VIRTUAL}, sum);
}

/* Sums of all rows of a panel, `first` being where the block with the maximum starts; 0 if some row is out of reach. */
FA_INLINE int row_panel_sums(const row_panel *panel, size_t vectors, int full, row_sum *sum)
{
    return full ? row_panel_sums_full(panel, vectors, sum) : row_panel_sums_one(panel, sum);
}

/* row_drop for a row of a panel; where it must be left out, its block is copied and treated as a contiguous one. */
FA_INLINE void row_panel_drop(const row_panel *panel, size_t r, row_sum *sum)
{
    double rest;
    if (row_subtract_top(sum, &rest))
        return;
    real block[ROW_BLOCK];
    size_t count = panel->n - sum->first < ROW_BLOCK ? panel->n - sum->first : ROW_BLOCK;
    for (size_t i = 0; i < count; i++)
        block[i] = panel->x[(ptrdiff_t)(sum->first + i) * panel->step + (ptrdiff_t)r];
    row_leave_out_top(sum, block, count, row_first_index(block, count, sum->max), rest);
}

#endif
