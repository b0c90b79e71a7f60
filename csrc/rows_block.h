/* One block of a contiguous row: the sum of e^x over it.  What a row makes of its blocks stands in rows_sum.h; the same sum over
 * columns in rows_panel.h.
 *
 * The sum has a fixed shape: element i of the block goes to virtual lane i mod ROW_VIRTUAL, lanes combine by halves in
 * float64.  A lane adds H by Fast2Sum, exactly, and collects the errors and H q in a second accumulator.  That one is moved
 * into the first after every fourth full group: beside the H q of one large element each small one would be rounded the
 * same way. */
#ifndef FA_ROWS_BLOCK_H
#define FA_ROWS_BLOCK_H

#include "rows_extremes.h"

enum {
    ROW_BLOCK = FA_ROW_BLOCK,
    ROW_GROUP = ROW_VIRTUAL / FA_LANES, /* vectors that hold the virtual lanes */
    ROW_DRAIN = 4,                      /* groups */
};

/* H, in units of `unit`, and q of a block from element `phase` on, for who needs them again.  The gap keeps the two from
 * sharing their address modulo 4,096, which makes loads wait for stores. */
typedef struct {
    _Alignas(64) real h[ROW_BLOCK + 1024 / sizeof(real)];
    real q[ROW_BLOCK + FA_LANES], unit;
    size_t phase;
} row_powers;

/* The power of two that a row with this maximum is measured in. */
FA_INLINE double row_exponent_of(double max, double shift) { return rint((max - shift) * ROW_LOG2E_HI); }

FA_INLINE row_frame row_frame_of(double max, double shift, double exponent)
{
    return (row_frame){
        .magic = K((real)(ROW_MAGIC + (ROW_BASE - exponent))),
        .shift = K((real)shift),
        .floor = K((real)(max - shift - ROW_DEPTH)),
    };
}

/* Which form suits a block of a row that is not far.  Where fma is emulated, which takes most of the time, one will do. */
FA_INLINE int row_form_of(double max, double min, double exponent)
{
#ifdef FA_EMULATED_FMA
    (void)max, (void)min, (void)exponent;
    return ROW_WILD;
#else
    return min > max - ROW_NEAR_DEPTH && fabs(ROW_BASE - ROW_LOWERED - exponent) < ROW_REACH ? ROW_NEAR : ROW_WILD;
#endif
}

/* How far below its frame a form has H, and what its lanes start at. */
FA_INLINE int row_lowered(int form) { return form == ROW_NEAR ? ROW_LOWERED : 0; }
FA_INLINE real row_preload(int form)
{
    return (real)(form == ROW_NEAR && ROW_LOWERED > 0 ? (double)((int64_t)1 << ROW_MANTISSA) : ROW_PRELOAD);
}

FA_INLINE void row_add_power(vreal *s, vreal *a, vreal h, vreal q, int form)
{
    vreal sum = *s + h, e = h - (sum - *s);
#ifdef ROW_RESIDUES
    if (form == ROW_NEAR)
        e = v_residue(h);
#else
    (void)form;
#endif
    *a = v_fma(h, q, *a) + e;
    *s = sum;
}

/* The same of two, operation by operation. */
FA_INLINE void row_add_power_two(vreal *s, vreal *a, const vreal *h, const vreal *q)
{
    vreal sum[2], product[2], e[2];
    ROW_BOTH
    {
        sum[j] = s[j] + h[j];
        v_pin(sum[j]);
    }
    ROW_BOTH
    {
        product[j] = v_fma(h[j], q[j], a[j]);
        v_pin(product[j]);
    }
    ROW_BOTH
    {
        e[j] = sum[j] - s[j];
        v_pin(e[j]);
    }
    ROW_BOTH
    {
        e[j] = h[j] - e[j];
        v_pin(e[j]);
    }
    ROW_BOTH
    {
        a[j] = product[j] + e[j];
        v_pin(a[j]);
        s[j] = sum[j];
    }
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

/* What is needed some time later is fetched meanwhile: of a sum the block after the next, whose extremes come before this
 * one's sum.  An address past the end does no harm. */
FA_INLINE void row_prefetch(const real *p)
{
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

/* Into the second level: for later than the first would keep it. */
FA_INLINE void row_prefetch_far(const real *p)
{
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(p, 0, 2);
#else
    (void)p;
#endif
}

FA_INLINE void row_keep(row_powers *powers, size_t i, vreal h, vreal q, int keep)
{
    if (keep) {
        v_store(powers->h + i, h);
        v_store(powers->q + i, q);
    }
}

FA_INLINE void row_full_group(const real *x, size_t group, const row_frame *frame, int form, row_powers *powers,
                              int keep, vreal *s, vreal *a)
{
    for (size_t j = 0; j < ROW_GROUP; j++) {
        size_t i = group * ROW_VIRTUAL + j * FA_LANES;
        row_prefetch(x + i + 2 * ROW_BLOCK);
        vreal f, h = row_reduce(v_load(x + i), frame, form, &f), q = row_fraction(f);
        row_keep(powers, i, h, q, keep);
        row_add_power(s + j, a + j, h, q, form);
        if (row_drains(group))
            row_drain(s + j, a + j);
    }
}

/* Two of a group's vectors, at x[i]. */
FA_INLINE void row_full_pair(const real *x, size_t i, const row_frame *frame, int form, const row_constants *c,
                             row_powers *powers, int keep, vreal *s, vreal *a)
{
    const row_frame *const frames[2] = {frame, frame};
    const vreal v[2] = {v_load(x + i), v_load(x + i + FA_LANES)};
    vreal f[2], h[2], q[2];
    row_prefetch(x + i + 2 * ROW_BLOCK);
    row_reduce_two(v, frames, form, c, h, f);
    row_fraction_two(f, c, 1, q);
    ROW_BOTH row_keep(powers, i + (size_t)j * FA_LANES, h[j], q[j], keep);
    row_add_power_two(s, a, h, q);
}

/* Two vectors of lanes through full groups up to `stop`: what they add up stays in registers. */
FA_INLINE void row_full_lanes(const real *x, size_t lane, size_t group, size_t stop, const row_frame *frame, int form,
                              row_powers *powers, int keep, vreal *s, vreal *a)
{
    vreal sum[2] = {s[0], s[1]}, rest[2] = {a[0], a[1]};
    const row_constants c = row_constants_here(1);
    size_t i = group * ROW_VIRTUAL + lane;
    for (; group + ROW_DRAIN <= stop && form == ROW_NEAR; group += ROW_DRAIN) {
        FA_FOUR_TIMES
        for (size_t g = 0; g < ROW_DRAIN; g++, i += ROW_VIRTUAL)
            row_full_pair(x, i, frame, form, &c, powers, keep, sum, rest);
        ROW_BOTH row_drain(sum + j, rest + j);
    }
    for (; group < stop; group++, i += ROW_VIRTUAL) {
        row_full_pair(x, i, frame, form, &c, powers, keep, sum, rest);
        for (size_t j = 0; j < 2 && row_drains(group); j++)
            row_drain(sum + j, rest + j);
    }
    ROW_BOTH s[j] = sum[j], a[j] = rest[j];
}

/* Of a near block, x being where a drain has just been.  Functions of their own, so that what is around them takes no registers. */
FA_CALLED void row_near_lanes(const real *x, size_t lane, size_t stop, const row_frame *frame, vreal *s, vreal *a)
{
    const row_frame here = *frame;
    row_full_lanes(x, lane, 0, stop, &here, ROW_NEAR, NULL, 0, s, a);
}
FA_CALLED void row_near_lanes_kept(const real *x, size_t lane, size_t stop, const row_frame *frame, row_powers *powers,
                                   vreal *s, vreal *a)
{
    const row_frame here = *frame;
    row_full_lanes(x, lane, 0, stop, &here, ROW_NEAR, powers, 1, s, a);
}

/* The group at x[start], if it is not full or holds the element to drop. */
FA_INLINE void row_partial_group(const real *x, size_t start, size_t n, size_t skip, const row_frame *frame, double max,
                                 int form, row_powers *powers, int keep, vreal *s, vreal *a)
{
    for (size_t j = 0; j < ROW_GROUP; j++) {
        size_t i = start + j * FA_LANES;
        if (i >= n)
            return;
        vreal v = n - i < FA_LANES ? v_load_part(x + i, n - i) : v_load(x + i);
        vint position = v_load(row_iota + j * FA_LANES);
        vmask inside = v_lt(position, KI((integer)(n - start < ROW_VIRTUAL ? n - start : ROW_VIRTUAL)));
        vmask dropped = v_eq(position, KI(skip - start < ROW_VIRTUAL ? (integer)(skip - start) : -1));
        vreal f, h = row_reduce(v_select(inside, v, K((real)max)), frame, form, &f), q = row_fraction(f);
        row_keep(powers, i, h, q, keep);
        row_add_power(s + j, a + j, v_select(dropped, K(0), v_select(inside, h, K(0))), q, form);
    }
}

/* The lanes' totals, added by halves; lanes from n on are 0 and left out. */
FA_INLINE row_total row_fold(const vreal *s, const vreal *a, size_t n, int form)
{
    const vreal preload = K(row_preload(form));
    const double unit = row_power_of_two(row_lowered(form));
#ifdef FA_REAL_F32
    enum { PARTS = ROW_VIRTUAL / FA_LANES_F64 };
    vf64 part[PARTS];
    for (size_t j = 0; j < PARTS; j++)
        part[j] = row_widen(s[j / FA_HALVES] - preload, j % FA_HALVES) + row_widen(a[j / FA_HALVES], j % FA_HALVES);
    (void)n;
    for (size_t width = PARTS / 2; width; width /= 2)
        for (size_t j = 0; j < width; j++)
            part[j] += part[j + width];
    double lane[FA_LANES_F64];
    v_store(lane, part[0]);
    for (size_t width = FA_LANES_F64 / 2; width; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return (row_total){lane[0] * unit, 0};
#else
    row_total lane[ROW_VIRTUAL];
    for (size_t j = 0; j < ROW_GROUP; j++) {
        double sums[FA_LANES], errors[FA_LANES];
        v_store(sums, s[j] - preload);
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
    return (row_total){lane[0].head * unit, lane[0].tail * unit};
#endif
}

/* The sum over one block, n >= 1, without the element at skip; powers take H and q if `keep` says so. */
FA_INLINE row_total row_block(const real *x, size_t n, size_t skip, const row_frame *frame, double max, int form,
                              row_powers *powers, int keep)
{
    vreal s[ROW_GROUP], a[ROW_GROUP];
    for (size_t j = 0; j < ROW_GROUP; j++) {
        s[j] = K(row_preload(form));
        a[j] = K(0);
    }
    /* Groups one by one: the one with what is dropped, with those up to the next drain where pairs go from drain to drain. */
    const size_t full = n / ROW_VIRTUAL, together = ROW_PAIRS && form == ROW_NEAR ? ROW_DRAIN : 1;
    const size_t special = skip < n ? skip / ROW_VIRTUAL / together * together : full;
    for (size_t group = 0;;) {
        const size_t stop = group <= special && special < full ? special : full;
        for (size_t j = 0; ROW_PAIRS && group < stop && j < ROW_GROUP; j += 2)
            if (form != ROW_NEAR)
                row_full_lanes(x, j * FA_LANES, group, stop, frame, form, powers, keep, s + j, a + j);
            else if (keep)
                row_near_lanes_kept(x, j * FA_LANES, stop, frame, powers, s + j, a + j);
            else
                row_near_lanes(x + group * ROW_VIRTUAL, j * FA_LANES, stop - group, frame, s + j, a + j);
        for (; group < stop; group++)
            if (!ROW_PAIRS)
                row_full_group(x, group, frame, form, powers, keep, s, a);
        if (group * ROW_VIRTUAL >= n)
            break;
        do {
            row_partial_group(x, group * ROW_VIRTUAL, n, skip, frame, max, form, powers, keep, s, a);
            for (size_t j = 0; j < ROW_GROUP && group < full && row_drains(group); j++)
                row_drain(s + j, a + j);
        } while (++group % together && group * ROW_VIRTUAL < n);
    }
    if (keep) {
        powers->unit = (real)row_power_of_two(row_lowered(form));
        powers->phase = 0;
    }
    return row_fold(s, a, n, form);
}

#endif
