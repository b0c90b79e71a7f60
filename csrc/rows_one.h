/* One row of up to 32 float32 elements: the loss of an index with its gradient.  The arithmetic of rows_sum.h, so its bits; but
 * the sum without the largest element, which most such rows need, is taken beside the whole one and not after it. */
#ifndef FA_ROWS_ONE_H
#define FA_ROWS_ONE_H

#include "rows_few.h"

#if defined(FA_REAL_F32) && FA_VECTOR_BYTES
enum { ROW_PARTS = ROW_VIRTUAL / FA_LANES_F64 };

typedef struct {
    vf64 part[ROW_PARTS];
} row_parts;

/* What a vector of virtual lanes, its number being j, adds to the sum. */
FA_INLINE void row_one_put(row_parts *sum, size_t j, vreal h, vreal q)
{
    vreal kept, rest;
    row_short_parts(h, q, &kept, &rest);
    ROW_EACH_HALF(k) sum->part[j * FA_HALVES + (size_t)k] = row_widen(kept, k) + row_widen(rest, k);
}

/* The tree of row_fold. */
FA_INLINE double row_one_fold(row_parts *sum)
{
    double lane[FA_LANES_F64];
    for (size_t width = ROW_PARTS / 2; width; width /= 2)
        for (size_t j = 0; j < width; j++)
            sum->part[j] += sum->part[j + width];
    v_store(lane, sum->part[0]);
    for (size_t width = FA_LANES_F64 / 2; width; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

/* The lowest number of a lane that holds one of the largest. */
FA_INLINE vreal row_one_position(const real *x, size_t n, vreal max)
{
    vreal lowest = K(ROW_VIRTUAL);
    for (size_t j = 0; j < ROW_GROUP && j * FA_LANES < n; j++) {
        const size_t i = j * FA_LANES, count = n - i < FA_LANES ? n - i : FA_LANES;
        const vreal lane = v_to_float(v_load(row_iota + i));
        const vmask largest = v_eq(v_load_part(x + i, count), max) & v_lt(lane, K((real)n));
        lowest = v_min(v_select(largest, lane, K(ROW_VIRTUAL)), lowest);
    }
    return lowest;
}

/* The whole sum and that without the first of the largest elements, whose lane it returns; powers take H and q. */
FA_INLINE size_t row_one_sums(const real *x, size_t n, const row_frame *frame, double max, row_powers *powers,
                              double *whole, double *others)
{
    const double first = -row_largest_lane(-row_one_position(x, n, K((real)max)));
    row_parts all = {{{0}}}, but = {{{0}}};
    powers->unit = 1;
    powers->phase = 0;
    for (size_t j = 0; j < ROW_GROUP && j * FA_LANES < n; j++) {
        const size_t i = j * FA_LANES, count = n - i < FA_LANES ? n - i : FA_LANES;
        const vreal lane = v_to_float(v_load(row_iota + i));
        const vmask inside = v_lt(lane, K((real)n));
        vreal f, h = row_reduce(v_select(inside, v_load_part(x + i, count), K((real)max)), frame, ROW_LANES, &f);
        const vreal q = row_fraction(f);
        v_store(powers->h + i, h);
        v_store(powers->q + i, q);
        h = v_select(inside, h, K(0));
        row_one_put(&all, j, h, q);
        row_one_put(&but, j, v_select(v_eq(lane, K((real)first)), K(0), h), q);
    }
    *whole = row_one_fold(&all);
    *others = row_one_fold(&but);
    return (size_t)first;
}

/* row_sum_of with what is dropped; 0 if the row wants the way of longer ones. */
FA_INLINE int row_one_sum(const real *x, size_t n, row_sum *sum, row_powers *powers)
{
    vreal largest = K(-INFINITY), smallest = K(INFINITY);
    row_extremes_part(x, n, &largest, &smallest);
    const double max = row_largest_lane(largest) + 0.0, min = -row_largest_lane(-smallest);
    const double exponent = row_exponent_of(max, 0);
    if (!(fabs(max) <= ROW_LIMIT) || row_form_of(max, min, exponent) != ROW_NEAR)
        return 0;
    const row_frame frame = row_frame_of(max, 0, exponent);
    *sum = (row_sum){.max = max, .min = min, .exponent = exponent, .first = ROW_NOWHERE, .kept = 1};
    double whole, others;
    const size_t first = row_one_sums(x, n, &frame, max, powers, &whole, &others);
    sum->top = row_top(&frame, max);
    sum->own.head = whole - sum->top.head;
    if (sum->own.head >= sum->top.head * ROW_DOMINATED)
        return 1;
    sum->own.head = others;
    sum->first = first < n ? first : ROW_NOWHERE;
    const double scale = row_rest_exponent(sum, others);
    if (scale != exponent)
        sum->own = row_block_without(sum, x, n, sum->first, scale);
    return 1;
}

/* The loss of a row, and its gradient unless y is NULL; 0 if it was not done. */
static int row_one_loss(const fa_row_loss *loss, const real *x, size_t n, size_t target, double *result, real *y)
{
    row_sum sum;
    row_powers powers;
    row_slope slope;
    if (!row_one_sum(x, n, &sum, &powers))
        return 0;
    *result = row_class_loss(loss, x, n, target, &sum, y ? &slope : NULL);
    if (y) {
        const int is_scale = row_is_scale(slope.factor);
        row_ratio ratio = row_ratio_of(&sum, is_scale ? slope.factor : 1.0);
        row_write_products(&powers, y, n, &ratio);
        if (!is_scale)
            row_multiply(y, n, slope.factor);
        row_class_gradient(loss, &slope, y, n);
        row_flush(loss, &sum, y, n);
    }
    return 1;
}

#else
FA_INLINE int row_one_loss(const fa_row_loss *loss, const real *x, size_t n, size_t target, double *result, real *y)
{
    (void)loss, (void)x, (void)n, (void)target, (void)result, (void)y;
    return 0;
}
#endif

#endif
