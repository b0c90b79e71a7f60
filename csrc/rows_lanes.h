/* Rows one in each vector lane: numbers of float64 for each of them, and the ways between rows in memory and lanes.  No formulas. */
#ifndef FA_ROWS_LANES_H
#define FA_ROWS_LANES_H

#include "rows_wide.h"

#ifdef FA_REAL_F32
enum { ROW_HALVES = FA_HALVES, ROW_TAILS = 0 };
#else
enum { ROW_HALVES = 1, ROW_TAILS = 1 };
#endif
#define ROW_EACH_HALF(k) for (int k = 0; k < ROW_HALVES; k++)

/* Numbers of float64, one for each row. */
typedef struct {
    vf64 half[ROW_HALVES];
} row_wides;

/* Sums, one for each row. */
typedef struct {
    row_totals half[ROW_HALVES];
} row_sums;

FA_INLINE row_sums row_sums_add(row_sums a, row_sums b)
{
    ROW_EACH_HALF(k) a.half[k] = row_add_lanes(a.half[k], b.half[k]);
    return a;
}

FA_INLINE row_totals row_negative(row_totals t) { return row_totals_of(-t.head, -row_tail(t)); }

FA_INLINE row_totals row_choose(vm64 mask, row_totals a, row_totals b)
{
    return row_totals_of(v_select(mask, a.head, b.head), v_select(mask, row_tail(a), row_tail(b)));
}

FA_INLINE row_wides row_widen_all(vreal v)
{
    row_wides w;
    ROW_EACH_HALF(k) w.half[k] = row_widen(v, k);
    return w;
}

FA_INLINE vreal row_narrow_all(row_wides w)
{
#ifdef FA_REAL_F32
    return v_narrow(w.half[0], w.half[ROW_HALVES - 1]);
#else
    return w.half[0];
#endif
}

/* Where rows stand: element i of row r at data[r * step + i * apart], apart being 1 unless step is. */
typedef struct {
    real *data;
    ptrdiff_t step, apart;
} row_short_place;

/* Where elements that are turned together start, the last of which overlap those before. */
#ifdef FA_TURNS
FA_INLINE size_t row_lanes_turned(size_t n, size_t i) { return i + FA_TURNED <= n ? i : n - FA_TURNED; }
#endif

/* Elements of up to FA_LANES rows side by side. */
FA_INLINE vreal row_lanes_load(const real *p, size_t rows)
{
    return rows == FA_LANES ? v_load(p) : v_load_part(p, rows);
}
FA_INLINE void row_lanes_store(real *p, vreal v, size_t rows)
{
    if (rows == FA_LANES)
        v_store(p, v);
    else
        v_store_part(p, v, rows);
}

/* n elements of rows to lanes, and back.  Rows side by side stand as lanes do. */
FA_ONCE void row_lanes_take(vreal *x, size_t n, size_t rows, const row_short_place *place)
{
    const real *from = place->data;
    const ptrdiff_t step = place->step;
    if (step == 1) {
        for (size_t i = 0; i < n; i++, from += place->apart)
            x[i] = row_lanes_load(from, rows);
        return;
    }
#ifdef FA_TURNS
    if (rows == FA_LANES && n >= FA_TURNED) {
        for (size_t i = 0; i < n; i += FA_TURNED)
            v_load_turned(from + row_lanes_turned(n, i), step, x + row_lanes_turned(n, i));
        return;
    }
#endif
    if (rows < FA_LANES)
        memset(x, 0, n * sizeof *x);
    for (size_t r = 0; r < rows; r++, from += step)
        for (size_t i = 0; i < n; i++)
            memcpy((char *)(x + i) + r * sizeof(real), from + i, sizeof(real));
}

FA_ONCE void row_lanes_give(const vreal *x, size_t n, size_t rows, const row_short_place *place)
{
    real *to = place->data;
    const ptrdiff_t step = place->step;
    if (step == 1) {
        for (size_t i = 0; i < n; i++, to += place->apart)
            row_lanes_store(to, x[i], rows);
        return;
    }
#ifdef FA_TURNS
    if (rows == FA_LANES && n >= FA_TURNED) {
        for (size_t i = 0; i < n; i += FA_TURNED)
            v_store_turned(to + row_lanes_turned(n, i), step, x + row_lanes_turned(n, i));
        return;
    }
#endif
    for (size_t r = 0; r < rows; r++, to += step)
        for (size_t i = 0; i < n; i++)
            memcpy(to + i, (const char *)(x + i) + r * sizeof(real), sizeof(real));
}

#endif
