/* Many rows of up to ROW_SHORT elements, one in each vector lane: their sums.  The same arithmetic in the same order as rows_sum.h, so the
 * same bits; rows out of reach take the way of longer ones.  A virtual lane is one of a few elements here, and what others do once
 * for a row is done on lanes.  What is made of the sums stands in rows_few.h. */
#ifndef FA_ROWS_SHORT_H
#define FA_ROWS_SHORT_H

#include "rows_beside.h"

enum { ROW_SHORT = FA_VECTOR_BYTES == 64 ? 64 : 96 };

/* How many rows of n elements must be left: fewer are faster one after the other. */
FA_INLINE size_t row_fewest(size_t n) { return n <= 32 ? FA_LANES / 4 + 1 : FA_LANES * 3 / 4; }

#ifdef ROW_BESIDE

/* Smaller H, 2^-174 of the frame, are less than what float32 can tell from 0, all of a row's together, times a factor of up to 1. */
#define ROW_SHOWN 0x1p-110

/* What virtual lanes add to their rows' sums, in two parts. */
typedef struct {
    vreal kept[ROW_VIRTUAL], rest[ROW_VIRTUAL];
} row_short_terms;

/* Rows side by side: element i of all of them at x[i]; h, q and the rest as in row_sum. */
typedef struct {
    size_t n, rows;
    vreal x[ROW_SHORT], h[ROW_SHORT], q[ROW_SHORT];
    row_short_terms terms;
    row_beside sum;
    vreal min;
    int form;
} row_shorts;

/* Extremes and frame; 0 if a row is out of reach. */
FA_INLINE int row_short_frame(row_shorts *s)
{
    s->sum.max = K(-INFINITY);
    s->min = K(INFINITY);
    for (size_t i = 0; i < s->n; i++) {
        s->sum.max = v_max(s->x[i], s->sum.max);
        s->min = v_min(s->x[i], s->min);
    }
    s->sum.max = s->sum.max + K(0);
    vmask outside = ~v_le(v_abs(s->sum.max), K(ROW_LIMIT));
    if (v_any(outside))
        return 0;
    ROW_EACH_HALF(k)
    s->sum.exponent.half[k] = (row_widen(s->sum.max, k) * KD(ROW_LOG2E_HI) + KD(0x1.8p52)) - KD(0x1.8p52);
    s->sum.frame =
        (row_frame){.magic = row_beside_magic(&s->sum.exponent), .shift = K(0), .floor = s->sum.max - K(ROW_DEPTH)};
    vmask deep = v_le(s->min, s->sum.frame.floor);
    s->form = v_any(deep) ? ROW_WILD : ROW_LANES;
    return 1;
}

/* What the first element of a virtual lane adds to its row's sum, and one more; `drains` after the fourth of them. */
FA_INLINE void row_short_parts(vreal h, vreal q, vreal *kept, vreal *rest)
{
    const vreal sum = K(ROW_PRELOAD) + h;
    *kept = sum - K(ROW_PRELOAD);
    *rest = h * q + (h - *kept);
}
FA_INLINE void row_short_parts_more(vreal h, vreal q, int drains, vreal *kept, vreal *rest)
{
    vreal sum = K(ROW_PRELOAD) + *kept;
    row_add_power(&sum, rest, h, q, ROW_LANES);
    if (drains)
        row_drain(&sum, rest);
    *kept = sum - K(ROW_PRELOAD);
}

/* The same of all elements; those that `largest`, if given, has marked add nothing. */
FA_INLINE void row_short_terms_of(const vreal *h, const vreal *q, size_t n, const vmask *largest, row_short_terms *t)
{
    const size_t first = n < ROW_VIRTUAL ? n : ROW_VIRTUAL;
    for (size_t i = 0; i < first; i++)
        row_short_parts(largest ? v_select(largest[i], K(0), h[i]) : h[i], q[i], t->kept + i, t->rest + i);
    for (size_t i = ROW_VIRTUAL; i < n; i++) {
        const size_t lane = i % ROW_VIRTUAL, group = i / ROW_VIRTUAL;
        row_short_parts_more(largest ? v_select(largest[i], K(0), h[i]) : h[i], q[i],
                             row_drains(group) && group < n / ROW_VIRTUAL, t->kept + lane, t->rest + lane);
    }
}

/* A virtual lane's total. */
FA_INLINE row_totals row_short_term(const vreal *kept, const vreal *rest, int k)
{
#ifdef FA_REAL_F32 /* from memory, as widening halves of a register takes twice as many operations */
    const float *const p = (const float *)kept + (size_t)k * FA_LANES_F64;
    const float *const r = (const float *)rest + (size_t)k * FA_LANES_F64;
    return row_totals_of(v_load_widened(p) + v_load_widened(r), KD(0));
#else
    (void)k;
    const vf64 head = *kept + *rest;
    return row_totals_of(head, *rest - (head - *kept));
#endif
}

/* The tree of row_fold; its last eight in registers, as each level in memory waits for the stores of the one before. */
FA_INLINE row_sums row_short_fold(row_sums *term, size_t n)
{
    const size_t last = n < 8 ? 1 : 8;
    for (size_t width = ROW_VIRTUAL / 2; width >= last; width /= 2)
        for (size_t i = 0; i < width && i + width < n; i++)
            term[i] = row_sums_add(term[i], term[i + width]);
    if (last == 1)
        return term[0];
    row_sums four[4];
    for (size_t i = 0; i < 4; i++)
        four[i] = row_sums_add(term[i], term[i + 4]);
    return row_sums_add(row_sums_add(four[0], four[2]), row_sums_add(four[1], four[3]));
}

FA_INLINE row_sums row_short_total(const row_short_terms *terms, size_t n)
{
    const size_t lanes = n < ROW_VIRTUAL ? n : ROW_VIRTUAL;
    row_sums term[ROW_VIRTUAL];
    for (size_t i = 0; i < lanes; i++)
        ROW_EACH_HALF(k) term[i].half[k] = row_short_term(terms->kept + i, terms->rest + i, k);
    return row_short_fold(term, lanes);
}

/* H and q of every element. */
FA_INLINE void row_short_powers(const row_shorts *s, const row_frame *frame, int form, vreal *h, vreal *q)
{
    size_t i = 0;
    const row_constants c = row_constants_here(0);
    for (; ROW_PAIRS && i + 2 <= s->n; i += 2) {
        const row_frame *const frames[2] = {frame, frame};
        vreal f[2];
        row_reduce_two(s->x + i, frames, form, &c, h + i, f);
        row_fraction_two(f, &c, 0, q + i);
    }
    for (; i < s->n; i++) {
        vreal f;
        h[i] = row_reduce(s->x[i], frame, form, &f);
        q[i] = row_fraction(f);
    }
#ifdef FA_REAL_F32
    for (i = 0; i < s->n && form == ROW_WILD; i++) /* no result shows it, and H q may be subnormal */
        q[i] = v_select(v_lt(h[i], K(ROW_SHOWN)) & v_eq(q[i], q[i]), K(1), q[i]); /* a NaN's H is anything */
#endif
}

/* The sum, with the powers. */
FA_INLINE void row_short_sum(row_shorts *s, int form)
{
    row_short_powers(s, &s->sum.frame, form, s->h, s->q);
    row_short_terms_of(s->h, s->q, s->n, NULL, &s->terms);
    s->sum.own = row_short_total(&s->terms, s->n);
}

FA_ONCE row_sums row_short_others_again(const row_shorts *s, const vreal *h, const vreal *q)
{
    row_short_terms terms;
    vmask before = v_lt(K(0), K(0)), largest[ROW_SHORT];
    for (size_t i = 0; i < s->n; i++) {
        largest[i] = v_eq(s->x[i], s->sum.max) & ~before;
        before = before | largest[i];
    }
    row_short_terms_of(h, q, s->n, largest, &terms);
    return row_short_total(&terms, s->n);
}

/* The sum without the first of the largest, of powers, or of their terms where each element has a virtual lane of its own. */
FA_INLINE row_sums row_short_others(const row_shorts *s, const vreal *h, const vreal *q, const row_short_terms *terms)
{
    row_short_terms others;
    vmask before = v_lt(K(0), K(0));
    if (s->n > ROW_VIRTUAL)
        return row_short_others_again(s, h, q);
    for (size_t i = 0; i < s->n; i++) {
        const vmask largest = v_eq(s->x[i], s->sum.max) & ~before;
        before = before | largest;
        others.kept[i] = v_select(largest, K(0), terms->kept[i]);
        others.rest[i] = v_select(largest, K(0), terms->rest[i]);
    }
    return row_short_total(&others, s->n);
}

FA_INLINE vf64 row_power_of_two_lanes(vi64 e) { return v_real((e + KI64(1023)) << 52); }

/* What is less than 1/16 of the top on its own scale, as row_leave_out_top has it. */
FA_INLINE void row_short_rescale(row_shorts *s, const row_sums *rest, const vm64 *dominated)
{
    row_wides exponent;
    row_short_terms terms;
    vreal h[ROW_SHORT], q[ROW_SHORT];
    vi64 lift[ROW_HALVES];
    ROW_EACH_HALF(k)
    {
        lift[k] = ((v_bits(rest->half[k].head) >> 52) & KI64(0x7ff)) - KI64(1022 + ROW_BASE);
        lift[k] = v_select(dominated[k], lift[k], KI64(0));
        exponent.half[k] = s->sum.exponent.half[k] + v_to_float(lift[k]);
    }
    row_frame frame = s->sum.frame;
    frame.magic = row_beside_magic(&exponent);
    row_short_powers(s, &frame, ROW_WILD, h, q);
    if (s->n <= ROW_VIRTUAL)
        row_short_terms_of(h, q, s->n, NULL, &terms);
    const row_sums again = row_short_others(s, h, q, &terms);
    ROW_EACH_HALF(k)
    {
        const vi64 half = lift[k] >> 1; /* a float64 row's may be beyond one power of two */
        const vf64 p = row_power_of_two_lanes(half), r = row_power_of_two_lanes(lift[k] - half);
        const row_totals on_scale = row_totals_of(again.half[k].head * p * r, row_tail(again.half[k]) * p * r);
        s->sum.own.half[k] = row_choose(dominated[k], on_scale, s->sum.own.half[k]);
    }
}

/* row_drop. */
FA_CALLED void row_short_drop(row_shorts *s)
{
    vreal f, h = row_reduce(s->sum.max, &s->sum.frame, ROW_LANES, &f), q = row_fraction(f);
    vm64 left_out[ROW_HALVES], dominated[ROW_HALVES];
    int any_left_out = 0, any_dominated = 0;
    ROW_EACH_HALF(k)
    {
        const row_totals top = s->sum.top.half[k] = row_top_lanes(h, q, k);
        const row_totals own = s->sum.own.half[k] = row_add_lanes(s->sum.own.half[k], row_negative(top));
        left_out[k] = ~v_ge(own.head, top.head * KD(ROW_DOMINATED));
        any_left_out |= v_any(left_out[k]);
    }
    if (!any_left_out)
        return;
    const row_sums rest = row_short_others(s, s->h, s->q, &s->terms);
    ROW_EACH_HALF(k)
    {
        const vf64 but = rest.half[k].head;
        s->sum.own.half[k] = row_choose(left_out[k], rest.half[k], s->sum.own.half[k]);
        dominated[k] = v_lt(but, s->sum.top.half[k].head * KD(0x1p-4)) & v_gt(but, KD(0));
        any_dominated |= v_any(dominated[k]);
    }
    if (any_dominated)
        row_short_rescale(s, &rest, dominated);
}

/* Takes rows and sums them; 0 if one is out of reach. */
FA_CALLED int row_short_begin(row_shorts *s, const row_short_place *x, size_t n, size_t rows)
{
    s->n = n;
    s->rows = rows < FA_LANES ? rows : FA_LANES;
    if (rows < row_fewest(n) && x->apart == 1)
        return 0;
    row_lanes_take(s->x, n, s->rows, x);
    if (!row_short_frame(s))
        return 0;
    if (s->form == ROW_WILD)
        row_short_sum(s, ROW_WILD);
    else
        row_short_sum(s, ROW_LANES);
    return 1;
}

#endif

#endif
