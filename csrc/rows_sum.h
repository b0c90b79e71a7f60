/* The sum of e^x over a contiguous row that every function of the family is made from: blocks of 1,024 elements, each
 * relative to a power of two near its own maximum, combine one after the other.  The sum of one block stands in
 * rows_block.h and rows_among.h; what a function does with the sum in rows_softmax.h and rows_loss.h. */
#ifndef FA_ROWS_SUM_H
#define FA_ROWS_SUM_H

#include "rows_among.h"

/* What is known of a row after it was read.  Sums are in units of 2^exponent (and of 2^-ROW_BASE e^c, see rows_power.h).
 * x - shift is what was reduced.  `own` is the sum of the block with the maximum, `others` that of all others.  With drop,
 * the first of the row's largest elements is `top` and is in neither sum; without, it is in them and top is 0.  Where top is
 * the larger part of the whole, it was not subtracted but left out, and stands at index `first`.  `kept`: H and q of the
 * row's only block were kept. */
typedef fa_row_sum row_sum;

/* e^max as the sums have it. */
FA_INLINE row_total row_top(const row_frame *frame, double max)
{
    vreal f, h = row_reduce(K((real)max), frame, ROW_WILD, &f);
    double head = v_lane(h, 0), tail = head * (double)v_lane(row_fraction(f), 0);
#ifdef FA_REAL_F32
    return (row_total){head + tail, 0};
#else
    double sum = head + tail;
    return (row_total){sum, tail - (sum - head)};
#endif
}

/* The largest element is subtracted while the rest is more than this much of it, so that log(1 + rest) is above 1/4. */
#define ROW_DOMINATED 0x1.3p-2

/* What is left of a block without its top by subtraction; it may cancel, but by less than this much of the top it is off: the second
 * accumulator's errors, of which those beside the top's own H q weigh most. */
#ifdef FA_REAL_F32
#define ROW_SUBTRACTED 0x1p-24
#else
#define ROW_SUBTRACTED 0x1p-53
#endif

/* The top, and the sums without it if the subtraction does not cancel, which is returned; *rest is what it leaves of the block. */
FA_INLINE int row_subtract_top(row_sum *sum, double *rest)
{
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    sum->top = row_top(&frame, sum->max);
    const row_total own = row_add(sum->own, (row_total){-sum->top.head, -sum->top.tail});
    *rest = own.head;
    if (!(own.head + sum->others.head >= sum->top.head * ROW_DOMINATED))
        return 0;
    sum->own = own;
    return 1;
}

/* What a block is measured in whose elements but the top add up to `rest`: that of the row, but what is less than 1/16 of the top has
 * a scale of its own. */
FA_INLINE double row_rest_exponent(const row_sum *sum, double rest)
{
    if (!(rest + sum->others.head < sum->top.head * 0x1p-4) || !(rest > 0))
        return sum->exponent;
    int below;
    frexp(rest, &below);
    return sum->exponent + (below - ROW_BASE);
}

/* The sum of a block without the element at skip, measured in `exponent`. */
FA_CALLED row_total row_block_without(const row_sum *sum, const real *block, size_t n, size_t skip, double exponent)
{
    const row_frame frame = row_frame_of(sum->max, sum->shift, exponent);
    const double largest = exponent < sum->exponent ? exponent * ROW_LN2 : sum->max;
    const int near =
        sum->shift == 0 && sum->min > sum->max - ROW_DEPTH && row_form_of(largest, sum->min, exponent) == ROW_NEAR;
    const row_total total = near ? row_block_near(block, n, skip, &frame, sum->max)
                                 : row_block_wild(block, n, skip, &frame, sum->max, NULL);
    return row_times_power(total, exponent - sum->exponent);
}

/* The sums without the top, the element at skip of a block, by adding up that block again; rest is what subtraction left.  The block is
 * added up twice only where that does not tell its scale. */
static void row_leave_out_top(row_sum *sum, const real *block, size_t n, size_t skip, double rest)
{
    const double error = sum->top.head * ROW_SUBTRACTED;
    double exponent = row_rest_exponent(sum, rest + error);
    if (exponent != row_rest_exponent(sum, rest - error)) {
        sum->own = row_block_without(sum, block, n, skip, sum->exponent);
        exponent = row_rest_exponent(sum, sum->own.head);
        if (exponent == sum->exponent)
            return;
    }
    sum->own = row_block_without(sum, block, n, skip, exponent);
}

/* The sums without the first of the largest elements; start is where the first block that holds it begins. */
static void row_drop(row_sum *sum, const real *x, size_t n, size_t start)
{
    double rest;
    if (row_subtract_top(sum, &rest))
        return;
    size_t m = n - start < ROW_BLOCK ? n - start : ROW_BLOCK, skip = row_first_index(x + start, m, sum->max);
    sum->first = skip == ROW_NOWHERE ? skip : start + skip;
    row_leave_out_top(sum, x + start, m, skip, rest);
}

/* Rows that hold infinities or numbers too large to reduce: the maximum of the row first, everything relative to it.  A block has a
 * scale of its own, as elsewhere, unless all of it counts as lying ROW_DEPTH below.  Returns where the first block that holds the
 * maximum starts. */
static size_t row_sum_far(const real *x, size_t n, row_sum *sum)
{
    double max = -INFINITY, min = INFINITY, block_max, block_min;
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        row_extremes(x + i, n - i < ROW_BLOCK ? n - i : ROW_BLOCK, &block_max, &block_min);
        max = block_max > max ? block_max : max;
        min = block_min < min ? block_min : min;
    }
    double shift = fabs(max) > ROW_LIMIT ? max : 0;
    *sum = (row_sum){.max = max, .min = min, .shift = shift, .first = ROW_NOWHERE};
    sum->exponent = row_exponent_of(max, shift);
    size_t first = row_first_index(x, n, max), start = first == ROW_NOWHERE ? 0 : first / ROW_BLOCK * ROW_BLOCK;
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        const size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK;
        row_extremes(x + i, m, &block_max, &block_min);
        const double top = block_max > max - ROW_DEPTH ? block_max : max - ROW_DEPTH;
        const double exponent = row_exponent_of(top, shift);
        const row_frame frame = row_frame_of(top, shift, exponent);
        const row_total total =
            row_times_power(row_block_wild(x + i, m, ROW_NOWHERE, &frame, top, NULL), exponent - sum->exponent);
        if (i == start)
            sum->own = total;
        else
            sum->others = row_add(sum->others, total);
    }
    return start;
}

/* Whether all of a block may lie so far below the row's maximum that it adds nothing, as masked elements do. */
FA_INLINE int row_is_deep(double max) { return max < -ROW_LIMIT; }

/* What such a block adds, then. */
FA_INLINE row_total row_deep_total(const real *x, size_t n) { return (row_total){row_has_nan(x, n) ? NAN : 0, 0}; }

/* Takes one more block into the sum. */
FA_INLINE void row_merge(row_sum *sum, double max, double exponent, row_total total)
{
    if (max > sum->max) {
        sum->others = row_times_power(row_add(sum->others, sum->own), sum->exponent - exponent);
        sum->own = total;
        sum->max = max;
        sum->exponent = exponent;
        return;
    }
    sum->others = row_add(sum->others, row_times_power(total, exponent - sum->exponent));
}

/* Every block of a long row by itself, with nothing dropped. */
static void row_blocks(const void *row, size_t n, fa_row_block *blocks)
{
    const real *x = row;
    for (size_t i = 0; i < n; i += ROW_BLOCK, blocks++) {
        size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK;
        row_extremes(x + i, m, &blocks->max, &blocks->min);
        if (row_is_deep(blocks->max))
            blocks->total = row_deep_total(x + i, m);
        if (fabs(blocks->max) > ROW_LIMIT)
            continue; /* the row will be summed otherwise */
        fa_row_block extremes = *blocks;
        blocks->total = row_block_any(x + i, m, row_exponent_of(blocks->max, 0), &extremes, NULL, NULL);
    }
}

/* Reads a row of one block, whose extremes are known and become those of the next as in row_block_any, and drops nothing. */
FA_CALLED void row_sum_block(const real *x, size_t n, fa_row_block *extremes, row_sum *sum, row_powers *powers,
                             const real *next)
{
    const double max = extremes->max, min = extremes->min;
    if (fabs(max) > ROW_LIMIT) {
        row_sum_far(x, n, sum);
        if (next)
            row_extremes(next, n, &extremes->max, &extremes->min);
        return;
    }
    double exponent = row_exponent_of(max, 0);
    row_total total = row_block_any(x, n, exponent, extremes, powers, next);
    *sum = (row_sum){.max = max, .min = min, .exponent = exponent, .first = ROW_NOWHERE, .own = total};
    sum->kept = powers != NULL;
}

/* Reads a row, n >= 1, once from memory.  drop is a constant of the caller.  A row of one block leaves its powers, if
 * they are asked for and it does not go the far way.  blocks may be NULL; else it spares reading x. */
FA_ONCE void row_sum_of(const real *x, size_t n, int drop, row_sum *sum, row_powers *powers, const fa_row_block *blocks)
{
    *sum = (row_sum){.max = -INFINITY, .min = INFINITY, .first = ROW_NOWHERE};
    size_t start = 0;
    double deepest = -INFINITY;
    fa_row_block ahead = {0};
    if (!blocks)
        row_extremes(x, n < ROW_BLOCK ? n : ROW_BLOCK, &ahead.max, &ahead.min);
    if (!blocks && n <= ROW_BLOCK) {
        row_sum_block(x, n, &ahead, sum, powers, NULL);
        if (drop)
            row_drop(sum, x, n, 0);
        return;
    }
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK, left = n - i - m;
        const fa_row_block block = blocks ? blocks[i / ROW_BLOCK] : ahead;
        const int is_deep = row_is_deep(block.max);
        if (fabs(block.max) > ROW_LIMIT && !is_deep) {
            deepest = INFINITY;
            break;
        }
        double exponent = row_exponent_of(block.max, 0);
        row_total total = block.total;
        if (!blocks && is_deep)
            total = row_deep_total(x + i, m);
        else if (!blocks)
            total = row_block_any(x + i, m, exponent, &ahead, NULL, left >= ROW_BLOCK ? x + i + m : NULL);
        if (!blocks && left && (is_deep || left < ROW_BLOCK))
            row_extremes(x + i + m, left < ROW_BLOCK ? left : ROW_BLOCK, &ahead.max, &ahead.min);
        sum->min = block.min < sum->min ? block.min : sum->min;
        if (is_deep) { /* nothing or NaN: no scale matters */
            deepest = block.max > deepest ? block.max : deepest;
            sum->others = row_add(sum->others, total);
            continue;
        }
        start = block.max > sum->max ? i : start;
        row_merge(sum, block.max, exponent, total);
    }
    if (!(sum->max - deepest >= 2 * ROW_DEPTH))
        start = row_sum_far(x, n, sum);
    if (drop)
        row_drop(sum, x, n, start);
}

#endif
