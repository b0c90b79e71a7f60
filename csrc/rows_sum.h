/* One contiguous row: its maximum, and the sum of e^x that every function of the family is made from.  What a function
 * does with it stands in rows_softmax.h and rows_loss.h; the same sum over columns in rows_columns.h.
 *
 * The sum has a fixed shape: blocks of 1,024 elements, each relative to a power of two near its own maximum; inside a
 * block element i goes to virtual lane i mod ROW_VIRTUAL; lanes combine by halves in float64, blocks one after the other.
 * A lane adds H by Fast2Sum, exactly, and collects the errors and H q in a second accumulator.  That one is moved into the
 * first after every fourth full group: beside the H q of one large element each small one would be rounded the same way. */
#ifndef FA_ROWS_SUM_H
#define FA_ROWS_SUM_H

#include "rows_wide.h"

enum {
    ROW_BLOCK = FA_ROW_BLOCK,
    ROW_GROUP = ROW_VIRTUAL / FA_LANES, /* vectors that hold the virtual lanes */
    ROW_DRAIN = 4,                      /* groups */
};
#define ROW_NOWHERE SIZE_MAX

/* What is known of a row after it was read.  Sums are in units of 2^exponent (and of 2^-ROW_BASE e^c, see rows_power.h).
 * x - shift is what was reduced.  `own` is the sum of the block with the maximum, `others` that of all others.  With drop,
 * the first of the row's largest elements is `top` and is in neither sum; without, it is in them and top is 0.  Where top is
 * the larger part of the whole, it was not subtracted but left out, and stands at index `first`.  `kept`: H and q of the
 * row's only block were kept. */
typedef fa_row_sum row_sum;

/* H and q of a block, for who needs them again.  The gap keeps the two from sharing their address modulo 4,096, which
 * makes loads wait for stores. */
typedef struct {
    _Alignas(64) real h[ROW_BLOCK + 1024 / sizeof(real)];
    real q[ROW_BLOCK];
} row_powers;

static const integer row_iota[ROW_VIRTUAL] = {0,  1,  2,  3,  4,  5,  6,  7,  8,
                                              9,  10, 11, 12, 13, 14, 15,
#ifdef FA_REAL_F32
                                              16, 17, 18, 19, 20, 21, 22, 23, 24,
                                              25, 26, 27, 28, 29, 30, 31
#endif
};

/* Over the lanes of a vector, by halves. */
FA_INLINE double row_largest_lane(vreal v)
{
    real lane[FA_LANES];
    v_store(lane, v);
    for (int width = FA_LANES / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] = lane[l] > lane[l + width] ? lane[l] : lane[l + width];
    return lane[0];
}

/* NaNs are passed over: they reach the result through the sum. */
FA_INLINE void row_extremes(const real *x, size_t n, double *max, double *min)
{
    vreal largest[4], smallest[4];
    for (int j = 0; j < 4; j++) {
        largest[j] = K(-INFINITY);
        smallest[j] = K(INFINITY);
    }
    size_t i = 0;
    for (; i + 4 * FA_LANES <= n; i += 4 * FA_LANES)
        for (int j = 0; j < 4; j++) {
            vreal v = v_load(x + i + (size_t)j * FA_LANES);
            largest[j] = v_max(v, largest[j]);
            smallest[j] = v_min(v, smallest[j]);
        }
    for (; i < n; i += FA_LANES) {
        if (n - i < FA_LANES) {
            vint position = v_load(row_iota);
            vmask inside = v_lt(position, KI((integer)(n - i)));
            vreal v = v_load_part(x + i, n - i);
            smallest[0] = v_min(v_select(inside, v, K(INFINITY)), smallest[0]);
            v = v_select(inside, v, K(-INFINITY));
            largest[0] = v_max(v, largest[0]);
            break;
        }
        vreal v = v_load(x + i);
        largest[0] = v_max(v, largest[0]);
        smallest[0] = v_min(v, smallest[0]);
    }
    *max = row_largest_lane(v_max(v_max(largest[0], largest[1]), v_max(largest[2], largest[3]))) + 0.0; /* +0 for -0 */
    *min = -row_largest_lane(-v_min(v_min(smallest[0], smallest[1]), v_min(smallest[2], smallest[3])));
}

FA_INLINE size_t row_first_index(const real *x, size_t n, double value)
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

/* The power of two that a row with this maximum is measured in. */
FA_INLINE double row_exponent_of(double max, double shift) { return rint((max - shift) * ROW_LOG2E_HI); }

FA_INLINE row_frame row_frame_of(double max, double shift, double exponent)
{
    return (row_frame){K((real)(ROW_MAGIC + (ROW_BASE - exponent))), K((real)shift),
                       K((real)(max - shift - ROW_DEPTH))};
}

FA_INLINE void row_add_power(vreal *s, vreal *a, vreal h, vreal q)
{
    vreal sum = *s + h, e = h - (sum - *s);
    *a = v_fma(h, q, *a) + e;
    *s = sum;
}

/* The second accumulator into the first, as far as it goes, without error. */
FA_INLINE void row_drain(vreal *s, vreal *a)
{
    vreal sum = *s + *a;
    *a = *a - (sum - *s);
    *s = sum;
}

/* Whether lanes are drained after this group. */
FA_INLINE int row_drains(size_t group) { return group % ROW_DRAIN == ROW_DRAIN - 1; }

/* The next block comes from memory while this one is computed.  An address past the end does no harm. */
FA_INLINE void row_prefetch(const real *p)
{
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

FA_INLINE void row_keep(row_powers *powers, size_t i, vreal h, vreal q)
{
    if (powers) {
        v_store(powers->h + i, h);
        v_store(powers->q + i, q);
    }
}

/* The group at x[start], if it is not full or holds the element to drop. */
FA_INLINE void row_partial_group(const real *x, size_t start, size_t n, size_t skip, const row_frame *frame, double max,
                                 int wild, row_powers *powers, vreal *s, vreal *a)
{
    for (size_t j = 0; j < ROW_GROUP; j++) {
        size_t i = start + j * FA_LANES;
        if (i >= n)
            return;
        vreal v = n - i < FA_LANES ? v_load_part(x + i, n - i) : v_load(x + i);
        vint position = v_load(row_iota + j * FA_LANES);
        vmask inside = v_lt(position, KI((integer)(n - start < ROW_VIRTUAL ? n - start : ROW_VIRTUAL)));
        vmask dropped = v_eq(position, KI(skip - start < ROW_VIRTUAL ? (integer)(skip - start) : -1));
        vreal f, h = row_reduce(v_select(inside, v, K((real)max)), frame, wild, &f), q = row_fraction(f);
        row_keep(powers, i, h, q);
        row_add_power(s + j, a + j, v_select(dropped, K(0), v_select(inside, h, K(0))), q);
    }
}

/* The lanes' totals, added by halves; lanes from n on are 0 and left out. */
FA_INLINE row_total row_fold(const vreal *s, const vreal *a, size_t n)
{
#ifdef FA_REAL_F32
    double lane[ROW_VIRTUAL];
    for (size_t j = 0; j < ROW_GROUP; j++)
        for (int half = 0; half < FA_HALVES; half++)
            v_store(lane + j * FA_LANES + (size_t)half * FA_LANES_F64,
                    row_widen(s[j] - K(ROW_PRELOAD), half) + row_widen(a[j], half));
    (void)n;
    for (size_t width = ROW_VIRTUAL / 2; width; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return (row_total){lane[0], 0};
#else
    row_total lane[ROW_VIRTUAL];
    for (size_t j = 0; j < ROW_GROUP; j++) {
        double sums[FA_LANES], errors[FA_LANES];
        v_store(sums, s[j] - K(ROW_PRELOAD));
        v_store(errors, a[j]);
        for (size_t l = 0; l < FA_LANES; l++) {
            double head = sums[l] + errors[l];
            lane[j * FA_LANES + l] = (row_total){head, errors[l] - (head - sums[l])};
        }
    }
    size_t width = ROW_VIRTUAL;
    while (width / 2 >= n)
        width /= 2;
    for (width /= 2; width; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] = row_add(lane[l], lane[l + width]);
    return lane[0];
#endif
}

/* The sum over one block, n >= 1, without the element at skip; powers may be NULL. */
FA_INLINE row_total row_block(const real *x, size_t n, size_t skip, const row_frame *frame, double max, int wild,
                              row_powers *powers)
{
    vreal s[ROW_GROUP], a[ROW_GROUP];
    for (size_t j = 0; j < ROW_GROUP; j++) {
        s[j] = K(ROW_PRELOAD);
        a[j] = K(0);
    }
    size_t full = n / ROW_VIRTUAL, special = skip < n ? skip / ROW_VIRTUAL : full, group = 0;
    for (;;) {
        size_t stop = group <= special && special < full ? special : full;
        for (; group < stop; group++)
            for (size_t j = 0; j < ROW_GROUP; j++) {
                size_t i = group * ROW_VIRTUAL + j * FA_LANES;
                row_prefetch(x + i + ROW_BLOCK);
                vreal f, h = row_reduce(v_load(x + i), frame, wild, &f), q = row_fraction(f);
                row_keep(powers, i, h, q);
                row_add_power(s + j, a + j, h, q);
                if (row_drains(group))
                    row_drain(s + j, a + j);
            }
        if (group * ROW_VIRTUAL >= n)
            break;
        row_partial_group(x, group * ROW_VIRTUAL, n, skip, frame, max, wild, powers, s, a);
        for (size_t j = 0; j < ROW_GROUP && group < full && row_drains(group); j++)
            row_drain(s + j, a + j);
        if (++group > full)
            break;
    }
    return row_fold(s, a, n);
}

/* The four forms, each compiled once. */
static row_total row_block_near(const real *x, size_t n, size_t skip, const row_frame *frame, double max)
{
    return row_block(x, n, skip, frame, max, 0, NULL);
}
static row_total row_block_wild(const real *x, size_t n, size_t skip, const row_frame *frame, double max)
{
    return row_block(x, n, skip, frame, max, 1, NULL);
}
static row_total row_block_near_kept(const real *x, size_t n, size_t skip, const row_frame *frame, double max,
                                     row_powers *powers)
{
    return row_block(x, n, skip, frame, max, 0, powers);
}
static row_total row_block_wild_kept(const real *x, size_t n, size_t skip, const row_frame *frame, double max,
                                     row_powers *powers)
{
    return row_block(x, n, skip, frame, max, 1, powers);
}

/* e^max as the sums have it. */
FA_INLINE row_total row_top(const row_frame *frame, double max)
{
    vreal f, h = row_reduce(K((real)max), frame, 1, &f);
    double head = v_lane(h, 0), tail = head * (double)v_lane(row_fraction(f), 0);
#ifdef FA_REAL_F32
    return (row_total){head + tail, 0};
#else
    double sum = head + tail;
    return (row_total){sum, tail - (sum - head)};
#endif
}

/* The sums without the first of the largest elements, by subtraction; 0 if that would cancel. */
FA_INLINE int row_subtract_top(row_sum *sum)
{
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    sum->top = row_top(&frame, sum->max);
    row_total own = row_add(sum->own, (row_total){-sum->top.head, -sum->top.tail});
    if (!(own.head + sum->others.head >= sum->top.head))
        return 0;
    sum->own = own;
    return 1;
}

/* The same by adding up the block with the maximum, n elements, again.  A dominated sum, less than 1/16 of what was left
 * out, is measured on its own scale. */
static void row_leave_out_top(row_sum *sum, const real *block, size_t n, size_t skip)
{
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    sum->own = row_block_wild(block, n, skip, &frame, sum->max);
    double rest = sum->own.head + sum->others.head;
    if (!(rest < sum->top.head * 0x1p-4) || !(sum->own.head > 0))
        return;
    int below;
    frexp(sum->own.head, &below);
    double exponent = sum->exponent + (below - ROW_BASE);
    frame = row_frame_of(sum->max, sum->shift, exponent);
    sum->own = row_times_power(row_block_wild(block, n, skip, &frame, sum->max), exponent - sum->exponent);
}

/* start: of the first block that holds the maximum. */
FA_INLINE void row_drop(row_sum *sum, const real *x, size_t n, size_t start)
{
    if (row_subtract_top(sum))
        return;
    size_t m = n - start < ROW_BLOCK ? n - start : ROW_BLOCK, skip = row_first_index(x + start, m, sum->max);
    sum->first = start + skip;
    row_leave_out_top(sum, x + start, m, skip);
}

/* Rows that hold infinities or numbers too large to reduce: the maximum of the row first, everything relative to it. */
static void row_sum_far(const real *x, size_t n, int drop, row_sum *sum)
{
    double max = -INFINITY, min = INFINITY;
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        double block_max, block_min;
        row_extremes(x + i, n - i < ROW_BLOCK ? n - i : ROW_BLOCK, &block_max, &block_min);
        max = block_max > max ? block_max : max;
        min = block_min < min ? block_min : min;
    }
    double shift = fabs(max) > ROW_LIMIT ? max : 0, exponent = row_exponent_of(max, shift);
    row_frame frame = row_frame_of(max, shift, exponent);
    *sum = (row_sum){.max = max, .min = min, .shift = shift, .exponent = exponent, .first = ROW_NOWHERE};
    size_t start = n;
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK;
        row_total total = row_block_wild(x + i, m, ROW_NOWHERE, &frame, max);
        if (start == n && row_first_index(x + i, m, max) != ROW_NOWHERE) {
            start = i;
            sum->own = total;
        } else {
            sum->others = row_add(sum->others, total);
        }
    }
    if (drop && start < n)
        row_drop(sum, x, n, start);
}

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

FA_INLINE row_total row_block_any(const real *x, size_t n, size_t skip, const row_frame *frame, double max, int wild,
                                  row_powers *powers)
{
    if (powers)
        return wild ? row_block_wild_kept(x, n, skip, frame, max, powers)
                    : row_block_near_kept(x, n, skip, frame, max, powers);
    return wild ? row_block_wild(x, n, skip, frame, max) : row_block_near(x, n, skip, frame, max);
}

/* Every block of a long row by itself, with nothing dropped. */
static void row_blocks(const void *row, size_t n, fa_row_block *blocks)
{
    const real *x = row;
    for (size_t i = 0; i < n; i += ROW_BLOCK, blocks++) {
        size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK;
        row_extremes(x + i, m, &blocks->max, &blocks->min);
        if (fabs(blocks->max) > ROW_LIMIT)
            continue; /* the row will be summed otherwise */
        row_frame frame = row_frame_of(blocks->max, 0, row_exponent_of(blocks->max, 0));
        blocks->total =
            row_block_any(x + i, m, ROW_NOWHERE, &frame, blocks->max, !(blocks->min > blocks->max - ROW_DEPTH), NULL);
    }
}

/* Reads a row, n >= 1, once from memory.  drop is a constant of the caller.  A row of one block leaves its powers, if
 * they are asked for and it does not go the far way.  blocks may be NULL; else it spares reading x. */
FA_INLINE void row_sum_of(const real *x, size_t n, int drop, row_sum *sum, row_powers *powers,
                          const fa_row_block *blocks)
{
    if (n > ROW_BLOCK)
        powers = NULL;
    *sum = (row_sum){.max = -INFINITY, .min = INFINITY, .first = ROW_NOWHERE, .kept = powers != NULL};
    size_t start = 0;
    fa_row_block ahead;
    if (!blocks)
        row_extremes(x, n < ROW_BLOCK ? n : ROW_BLOCK, &ahead.max, &ahead.min);
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        size_t m = n - i < ROW_BLOCK ? n - i : ROW_BLOCK, left = n - i - m;
        const fa_row_block block = blocks ? blocks[i / ROW_BLOCK] : ahead;
        if (fabs(block.max) > ROW_LIMIT) {
            row_sum_far(x, n, drop, sum);
            return;
        }
        if (!blocks && left) /* before this block's sum, which takes long enough for the result to be there in time */
            row_extremes(x + i + m, left < ROW_BLOCK ? left : ROW_BLOCK, &ahead.max, &ahead.min);
        double exponent = row_exponent_of(block.max, 0);
        row_frame frame = row_frame_of(block.max, 0, exponent);
        int wild = !(block.min > block.max - ROW_DEPTH);
        start = block.max > sum->max ? i : start;
        row_merge(sum, block.max, exponent,
                  blocks ? block.total : row_block_any(x + i, m, ROW_NOWHERE, &frame, block.max, wild, powers));
        sum->min = block.min < sum->min ? block.min : sum->min;
    }
    if (drop)
        row_drop(sum, x, n, start);
}

#endif
