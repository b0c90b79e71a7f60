/* The sum over one block while its neighbours are seen to: the extremes of the one after it, and the result of the one before.
 * One loop for all three, since each end of a loop costs as much as a dozen vectors.  Same bits as one after the other. */
#ifndef FA_ROWS_AMONG_H
#define FA_ROWS_AMONG_H

#include "rows_block.h"

/* Whether results go into the loop too: not with sixteen registers, where it is a tenth slower, nor in float64, where it
 * gains 2 %. */
#if defined(FA_MASKED) && defined(FA_REAL_F32)
enum { ROW_MERGES = 1 };
#else
enum { ROW_MERGES = 0 };
#endif

/* The block before may become H(1 + q)(first + second).  n elements each. */
typedef struct {
    const real *next;
    const row_powers *powers; /* of the block before, or NULL */
    real *y, first, second;
} row_neighbours;

#ifdef FA_MASKED

/* A row as aligned vectors: the first begins `phase` elements before it, the last may end after it.  A load across cache lines
 * counts double, and where NumPy puts arrays nearly all are.  What an element's virtual lane is does not change by it: the lanes only
 * stand elsewhere, turned by `phase`, and a sum by halves is the same however they are turned. */
typedef struct {
    uintptr_t start;
    size_t phase, end; /* elements from start to the row's end */
} row_vectors;

FA_INLINE row_vectors row_vectors_at(const real *x, size_t phase, size_t n)
{
    return (row_vectors){.start = (uintptr_t)x - phase * sizeof(real), .phase = phase, .end = phase + n};
}

/* In float64 the sum of less elements than lanes takes less halves. */
FA_INLINE size_t row_phase_of(const real *x, size_t n)
{
    return n < ROW_VIRTUAL ? 0 : (uintptr_t)x / sizeof(real) % FA_LANES;
}

FA_INLINE real *row_vector(const row_vectors *r, size_t i) { return (real *)(r->start + i * sizeof(real)); }

/* The lanes of the vector at i that belong to the row. */
FA_INLINE vmask row_inside(const row_vectors *r, size_t i)
{
    const size_t left = r->end > i ? r->end - i : 0;
    return v_first(left < FA_LANES ? left : FA_LANES) & ~v_first(i ? 0 : r->phase);
}

/* What a loop over a near block keeps in registers. */
typedef struct {
    vreal s[ROW_GROUP], a[ROW_GROUP], largest[ROW_GROUP], smallest[ROW_GROUP];
} row_among_lanes;
enum { ROW_STEP = ROW_DRAIN * ROW_VIRTUAL };
#ifdef FA_REAL_F32
#define ROW_UNROLLED FA_FOUR_TIMES /* 2 % of rows of 1,000 */
#else
#define ROW_UNROLLED FA_NOT_UNROLLED
#endif

/* The powers of a vector, its number being j in its group, into the lanes: of the elements inside, or the whole of it. */
FA_INLINE void row_among_sum(const row_vectors *x, size_t i, size_t j, vmask inside, int whole, const row_frame *frame,
                             row_among_lanes *lanes, row_powers *powers, int keep)
{
    const real *p = row_vector(x, i);
    row_prefetch(p + ROW_BLOCK + ROW_BLOCK / 2); /* beyond what the extremes read */
    vreal v = whole ? v_load(p) : v_load_masked(p, inside);
    v_hold(v);
    vreal f, h = row_reduce(v, frame, ROW_NEAR, &f), q = row_fraction(f);
    h = whole ? h : v_select(inside, h, K(0));
    row_keep(powers, i, h, q, keep);
    row_add_power(lanes->s + j, lanes->a + j, h, q, ROW_NEAR);
}

/* row_drain of some lanes. */
FA_INLINE void row_drain_some(vreal *s, vreal *a, vmask some)
{
    vreal sum = *s, rest = *a;
    row_drain(&sum, &rest);
    *s = v_select(some, sum, *s);
    *a = v_select(some, rest, *a);
}

FA_INLINE void row_among_extremes(const row_vectors *next, size_t i, size_t j, vmask inside, int whole,
                                  row_among_lanes *lanes)
{
    const real *p = row_vector(next, i);
    vreal x = whole ? v_load(p) : v_load_masked(p, inside);
    v_hold(x);
    const vreal largest = v_max(x, lanes->largest[j]), smallest = v_min(x, lanes->smallest[j]);
    lanes->largest[j] = whole ? largest : v_select(inside, largest, lanes->largest[j]);
    lanes->smallest[j] = whole ? smallest : v_select(inside, smallest, lanes->smallest[j]);
}

/* The block before. */
typedef struct {
    row_vectors y; /* of the phase of its powers */
    const real *h, *q;
    vreal first, second;
} row_before;

FA_INLINE void row_among_result(const row_before *b, size_t i, vmask inside, int whole)
{
    const vreal y = row_product(v_load(b->h + i), v_load(b->q + i), b->first, b->second, ROW_NEAR);
    if (whole)
        v_store(row_vector(&b->y, i), y);
    else
        v_store_masked(row_vector(&b->y, i), y, inside);
}

/* All three at vector i, its number being j in its group. */
FA_INLINE void row_among_whole(const row_vectors *x, const row_vectors *next, const row_before *before, size_t i,
                               size_t j, const row_frame *frame, row_among_lanes *lanes, row_powers *powers, int keep,
                               int results)
{
    row_among_sum(x, i, j, 0, 1, frame, lanes, powers, keep);
    row_among_extremes(next, i, j, 0, 1, lanes);
    if (results)
        row_among_result(before, i, 0, 1);
}

/* What is left of a row after whole steps, from i on: of its vectors the first and the last may be partly outside. */
FA_INLINE void row_among_rest_sum(const row_vectors *x, size_t i, const row_frame *frame, row_among_lanes *lanes,
                                  row_powers *powers, int keep)
{
    if (i >= x->end)
        return;
    row_among_sum(x, i, 0, row_inside(x, i), 0, frame, lanes, powers, keep);
    row_drain_some(lanes->s, lanes->a, v_first(x->phase));
    for (i += FA_LANES; i + 2 * FA_LANES <= x->end; i += 2 * FA_LANES) {
        row_among_sum(x, i, 1, 0, 1, frame, lanes, powers, keep);
        row_among_sum(x, i + FA_LANES, 0, 0, 1, frame, lanes, powers, keep);
    }
    if (i < x->end)
        row_among_sum(x, i, 1, row_inside(x, i), 0, frame, lanes, powers, keep);
    if (i + FA_LANES < x->end)
        row_among_sum(x, i + FA_LANES, 0, row_inside(x, i + FA_LANES), 0, frame, lanes, powers, keep);
}

FA_INLINE void row_among_rest_extremes(const row_vectors *next, size_t i, row_among_lanes *lanes)
{
    if (i < next->end)
        row_among_extremes(next, i, 0, row_inside(next, i), 0, lanes);
    for (i += FA_LANES; i + FA_LANES <= next->end; i += FA_LANES)
        row_among_extremes(next, i, 1, 0, 1, lanes);
    if (i < next->end)
        row_among_extremes(next, i, 0, row_inside(next, i), 0, lanes);
}

FA_INLINE void row_among_rest_results(const row_before *b, size_t i)
{
    if (i < b->y.end)
        row_among_result(b, i, row_inside(&b->y, i), 0);
    for (i += FA_LANES; i + FA_LANES <= b->y.end; i += FA_LANES)
        row_among_result(b, i, 0, 1);
    if (i < b->y.end)
        row_among_result(b, i, row_inside(&b->y, i), 0);
}

/* Nothing seen and nothing added yet. */
FA_INLINE row_among_lanes row_among_nothing(void)
{
    row_among_lanes lanes;
    for (size_t j = 0; j < ROW_GROUP; j++) {
        lanes.s[j] = K(row_preload(ROW_NEAR));
        lanes.a[j] = K(0);
        lanes.largest[j] = K(-INFINITY);
        lanes.smallest[j] = K(INFINITY);
    }
    return lanes;
}

/* The steps that are whole in all three, from the first one to the last; returns where they end. */
FA_INLINE size_t row_among_steps(const row_vectors *x, const row_vectors *next, const row_before *before,
                                 const row_frame *frame, row_among_lanes *lanes, row_powers *powers, int keep,
                                 int results)
{
    /* Of even vectors lanes below the phase are full, and drained, a vector later than those from it on. */
    const vmask below = v_first(x->phase), above = ~below, all = v_first(FA_LANES);
    vmask in_x = row_inside(x, 0), in_next = row_inside(next, 0), in_before = results ? row_inside(&before->y, 0) : all;
    size_t i = 0;
    for (; i + ROW_STEP <= x->end - x->phase; i += ROW_STEP) {
        row_among_sum(x, i, 0, in_x, 0, frame, lanes, powers, keep);
        if (x->phase)
            row_drain_some(lanes->s, lanes->a, below);
        row_among_extremes(next, i, 0, in_next, 0, lanes);
        if (results)
            row_among_result(before, i, in_before, 0);
        row_among_whole(x, next, before, i + FA_LANES, 1, frame, lanes, powers, keep, results);
        ROW_UNROLLED
        for (size_t k = 2 * FA_LANES; k < ROW_STEP; k += 2 * FA_LANES) {
            row_among_whole(x, next, before, i + k, 0, frame, lanes, powers, keep, results);
            row_among_whole(x, next, before, i + k + FA_LANES, 1, frame, lanes, powers, keep, results);
        }
        row_drain_some(lanes->s, lanes->a, above);
        row_drain(lanes->s + 1, lanes->a + 1);
        in_x = in_next = in_before = all;
    }
    return i;
}

/* Of a near block; extremes are those of b->next.  keep and results are constants of the caller. */
FA_INLINE row_total row_block_among(const real *x, size_t n, double exponent, row_powers *powers, int keep,
                                    const row_neighbours *b, int results, fa_row_block *extremes)
{
    const row_vectors here = row_vectors_at(x, row_phase_of(x, n), n);
    const row_vectors next = row_vectors_at(b->next, row_phase_of(b->next, n), n);
    row_before before = {{0, 0, 0}, NULL, NULL, K(b->first), K(b->second)};
    if (results) {
        before.y = row_vectors_at(b->y, b->powers->phase, n);
        before.h = b->powers->h;
        before.q = b->powers->q;
    }
    const row_frame near = row_near_table(row_frame_of(0, 0, exponent), ROW_LOWERED);
    row_among_lanes lanes = row_among_nothing();
    const size_t i = row_among_steps(&here, &next, &before, &near, &lanes, powers, keep, results);
    row_among_rest_sum(&here, i, &near, &lanes, powers, keep);
    row_among_rest_extremes(&next, i, &lanes);
    if (results)
        row_among_rest_results(&before, i);
    if (keep) {
        powers->unit = (real)row_power_of_two(ROW_LOWERED);
        powers->phase = here.phase;
    }
    extremes->max = row_largest_lane(v_max(lanes.largest[0], lanes.largest[1])) + 0.0; /* +0 for -0 */
    extremes->min = -row_largest_lane(-v_min(lanes.smallest[0], lanes.smallest[1]));
    return row_fold(lanes.s, lanes.a, n, ROW_NEAR);
}

/* What is needed of it, each compiled once. */
FA_CALLED row_total row_block_ahead(const real *x, size_t n, double exponent, const real *next, fa_row_block *extremes)
{
    const row_neighbours b = {.next = next};
    return row_block_among(x, n, exponent, NULL, 0, &b, 0, extremes);
}
#endif
FA_CALLED row_total row_block_and_products(const real *x, size_t n, double exponent, row_powers *powers,
                                           const row_neighbours *b, fa_row_block *extremes)
{
#ifdef FA_MASKED
    return row_block_among(x, n, exponent, powers, 1, b, 1, extremes);
#else
    (void)x, (void)n, (void)exponent, (void)powers, (void)b, (void)extremes;
    return (row_total){0, 0}; /* not asked for: ROW_MERGES */
#endif
}

/* The forms without neighbours. */
static row_total row_block_near(const real *x, size_t n, size_t skip, const row_frame *frame, double max)
{
    const row_frame near = row_near_table(*frame, ROW_LOWERED);
    return row_block(x, n, skip, &near, max, ROW_NEAR, NULL, 0);
}
static row_total row_block_near_kept(const real *x, size_t n, const row_frame *frame, double max, row_powers *powers)
{
    const row_frame near = row_near_table(*frame, ROW_LOWERED);
    return row_block(x, n, ROW_NOWHERE, &near, max, ROW_NEAR, powers, 1);
}
/* powers may be NULL: compiled once, as rows seldom are wild */
FA_ONCE row_total row_block_wild(const real *x, size_t n, size_t skip, const row_frame *frame, double max,
                                 row_powers *powers)
{
    return row_block(x, n, skip, frame, max, ROW_WILD, powers, powers != NULL);
}

/* The sum of the block whose extremes are given, which become those of n elements at next unless that is NULL; powers may
 * be NULL. */
FA_INLINE row_total row_block_any(const real *x, size_t n, double exponent, fa_row_block *extremes, row_powers *powers,
                                  const real *next)
{
    const double max = extremes->max;
    const int form = row_form_of(max, extremes->min, exponent);
#ifdef FA_MASKED
    if (form == ROW_NEAR && next && !powers)
        return row_block_ahead(x, n, exponent, next, extremes);
#endif
    const row_frame frame = row_frame_of(max, 0, exponent);
    row_total total;
    if (form == ROW_WILD)
        total = row_block_wild(x, n, ROW_NOWHERE, &frame, max, powers);
    else
        total =
            powers ? row_block_near_kept(x, n, &frame, max, powers) : row_block_near(x, n, ROW_NOWHERE, &frame, max);
    if (next)
        row_extremes(next, n, &extremes->max, &extremes->min);
    return total;
}

#endif
