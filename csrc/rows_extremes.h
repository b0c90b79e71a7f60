/* What is searched for in a contiguous row: its extremes, a NaN, a number.  No sums here. */
#ifndef FA_ROWS_EXTREMES_H
#define FA_ROWS_EXTREMES_H

#include "rows_wide.h"

#define ROW_NOWHERE SIZE_MAX

static const integer row_iota[ROW_VIRTUAL] = {0,  1,  2,  3,  4,  5,  6,  7,  8,
                                              9,  10, 11, 12, 13, 14, 15,
#ifdef FA_REAL_F32
                                              16, 17, 18, 19, 20, 21, 22, 23, 24,
                                              25, 26, 27, 28, 29, 30, 31
#endif
};

/* Over the lanes of a vector. */
FA_INLINE double row_largest_lane(vreal v)
{
#ifdef FA_REDUCES
    return v_largest(v);
#else
    real lane[FA_LANES];
    v_store(lane, v);
    for (int width = FA_LANES / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] = lane[l] > lane[l + width] ? lane[l] : lane[l + width];
    return lane[0];
#endif
}

/* Extremes of up to four vectors, the last of which may be partly filled. */
FA_INLINE void row_extremes_part(const real *x, size_t n, vreal *largest, vreal *smallest)
{
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal v = n - i < FA_LANES ? v_load_part(x + i, n - i) : v_load(x + i);
        vmask inside = v_lt(v_load(row_iota), KI((integer)(n - i < FA_LANES ? n - i : FA_LANES)));
        *largest = v_max(v_select(inside, v, K(-INFINITY)), *largest);
        *smallest = v_min(v_select(inside, v, K(INFINITY)), *smallest);
    }
}

FA_INLINE void row_extremes_four(const real *x, vreal *largest, vreal *smallest)
{
    for (int j = 0; j < 4; j++) {
        vreal v = v_load(x + (size_t)j * FA_LANES);
        largest[j] = v_max(v, largest[j]);
        smallest[j] = v_min(v, smallest[j]);
    }
}

/* Of n elements beside what is known.  The last four vectors overlap those before: a loop over what is left would end where the
 * processor does not expect it. */
FA_INLINE void row_extremes_onto(const real *x, size_t n, vreal *largest, vreal *smallest)
{
    if (n < 4 * FA_LANES) {
        row_extremes_part(x, n, largest, smallest);
        return;
    }
    for (size_t i = 0; i + 4 * FA_LANES < n; i += 4 * FA_LANES)
        row_extremes_four(x + i, largest, smallest);
    row_extremes_four(x + n - 4 * FA_LANES, largest, smallest);
}

FA_INLINE void row_extremes_of(const vreal *largest, const vreal *smallest, double *max, double *min)
{
    *max = row_largest_lane(v_max(v_max(largest[0], largest[1]), v_max(largest[2], largest[3]))) + 0.0; /* +0 for -0 */
    *min = -row_largest_lane(-v_min(v_min(smallest[0], smallest[1]), v_min(smallest[2], smallest[3])));
}

/* NaNs are passed over: they reach the result through the sum. */
FA_CALLED void row_extremes(const real *x, size_t n, double *max, double *min)
{
    vreal largest[4], smallest[4];
    for (int j = 0; j < 4; j++) {
        largest[j] = K(-INFINITY);
        smallest[j] = K(INFINITY);
    }
    row_extremes_onto(x, n, largest, smallest);
    row_extremes_of(largest, smallest, max, min);
}

FA_CALLED int row_has_nan(const real *x, size_t n)
{
    vmask found = v_unordered(K(0), K(0));
    for (size_t i = 0; i < n; i += FA_LANES) {
        const vreal v = n - i < FA_LANES ? v_load_part(x + i, n - i) : v_load(x + i);
        found = found | v_unordered(v, v);
    }
    return v_any(found);
}

static size_t row_first_index(const real *x, size_t n, double value)
{
    size_t i = 0;
    for (; i + 4 * FA_LANES <= n; i += 4 * FA_LANES) {
        vmask found = v_eq(v_load(x + i), K((real)value));
        for (int j = 1; j < 4; j++)
            found = found | v_eq(v_load(x + i + (size_t)j * FA_LANES), K((real)value));
        if (v_any(found))
            break;
    }
    while (i + FA_LANES <= n && !v_any(v_eq(v_load(x + i), K((real)value))))
        i += FA_LANES;
    while (i < n && !(x[i] == (real)value))
        i++;
    return i < n ? i : ROW_NOWHERE;
}

#endif
