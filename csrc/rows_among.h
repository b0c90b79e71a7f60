/* The sum over one block while its neighbours are seen to: the extremes of the one after it, and the result of the one before.
 * One loop for all three, since each end of a loop costs as much as a dozen vectors.  Same bits as one after the other. */
#ifndef FA_ROWS_AMONG_H
#define FA_ROWS_AMONG_H

#include "rows_block.h"

/* Whether results go into the loop too: not with sixteen registers, where it is a tenth slower. */
enum { ROW_MERGES = FA_VECTOR_BYTES == 64 };
/* Whether extremes do: not where pairs fill them. */
enum { ROW_READS_AHEAD = !ROW_PAIRS };

/* What becomes of the block before: nothing, H(1 + q)(first + second), or x - first - second. */
enum { ROW_NO_RESULT, ROW_PRODUCTS, ROW_DIFFERENCES };

/* n elements each */
typedef struct {
    const real *next;
    const row_powers *powers;
    const real *x;
    real *y, first, second;
} row_neighbours;

FA_INLINE void row_neighbour_result(const row_neighbours *b, size_t i, size_t count, vreal first, vreal second,
                                    int result)
{
    vreal y;
    if (result == ROW_PRODUCTS)
        y = row_product(v_load(b->powers->h + i), v_load(b->powers->q + i), first, second, ROW_NEAR);
    else
        y = row_difference(count < FA_LANES ? v_load_part(b->x + i, count) : v_load(b->x + i), first, second, 1, 1);
    if (count < FA_LANES)
        v_store_part(b->y + i, y, count);
    else
        v_store(b->y + i, y);
}

/* Of a near block; extremes are those of b->next. */
FA_INLINE row_total row_block_among(const real *x, size_t n, const row_frame *frame, double max, row_powers *powers,
                                    int keep, const row_neighbours *b, int result, fa_row_block *extremes)
{
    const row_frame near = row_near_table(*frame);
    const vreal first = K(b->first), second = K(b->second);
    vreal s[ROW_GROUP], a[ROW_GROUP], largest[ROW_GROUP], smallest[ROW_GROUP];
    for (size_t j = 0; j < ROW_GROUP; j++) {
        s[j] = K(ROW_PRELOAD);
        a[j] = K(0);
        largest[j] = K(-INFINITY);
        smallest[j] = K(INFINITY);
    }
    const size_t whole = n / ROW_VIRTUAL * ROW_VIRTUAL;
    for (size_t start = 0; start < whole; start += ROW_VIRTUAL) {
        row_full_group(x, start / ROW_VIRTUAL, &near, ROW_NEAR, powers, keep, s, a);
        for (size_t j = 0; j < ROW_GROUP; j++) {
            vreal v = v_load(b->next + start + j * FA_LANES);
            largest[j] = v_max(v, largest[j]);
            smallest[j] = v_min(v, smallest[j]);
            if (result != ROW_NO_RESULT)
                row_neighbour_result(b, start + j * FA_LANES, FA_LANES, first, second, result);
        }
    }
    if (whole < n) {
        row_partial_group(x, whole, n, ROW_NOWHERE, &near, max, ROW_NEAR, powers, keep, s, a);
        row_extremes_part(b->next + whole, n - whole, largest, smallest);
        for (size_t i = whole; i < n && result != ROW_NO_RESULT; i += FA_LANES)
            row_neighbour_result(b, i, n - i < FA_LANES ? n - i : FA_LANES, first, second, result);
    }
    for (size_t j = 1; j < ROW_GROUP; j++) {
        largest[0] = v_max(largest[j], largest[0]);
        smallest[0] = v_min(smallest[j], smallest[0]);
    }
    extremes->max = row_largest_lane(largest[0]) + 0.0; /* +0 for -0 */
    extremes->min = -row_largest_lane(-smallest[0]);
    return row_fold(s, a, n);
}

/* What is needed of it, each compiled once. */
static row_total row_block_ahead(const real *x, size_t n, const row_frame *frame, double max, const real *next,
                                 fa_row_block *extremes)
{
    const row_neighbours b = {.next = next};
    return row_block_among(x, n, frame, max, NULL, 0, &b, ROW_NO_RESULT, extremes);
}
static row_total row_block_and_products(const real *x, size_t n, const row_frame *frame, double max, row_powers *powers,
                                        const row_neighbours *b, fa_row_block *extremes)
{
    return row_block_among(x, n, frame, max, powers, 1, b, ROW_PRODUCTS, extremes);
}
static row_total row_block_and_differences(const real *x, size_t n, const row_frame *frame, double max,
                                           const row_neighbours *b, fa_row_block *extremes)
{
    return row_block_among(x, n, frame, max, NULL, 0, b, ROW_DIFFERENCES, extremes);
}

#endif
