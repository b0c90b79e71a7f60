/* Rows one in each vector lane, whose sums are known: logarithms, losses and slopes of all of them at once, in float64.  The same
 * arithmetic as in rows_loss.h, so the same bits.  No element of a row is looked at here. */
#ifndef FA_ROWS_BESIDE_H
#define FA_ROWS_BESIDE_H

#include "rows_lanes.h"
#include "rows_loss.h"

/* Where it pays: where fma is emulated, float64 takes a row at a time. */
#if FA_VECTOR_BYTES && (defined(FA_REAL_F32) || !defined(FA_EMULATED_FMA))
#define ROW_BESIDE
#endif

/* Rows whose sums are known, their top dropped, and which wait until there are as many as lanes: a row by itself takes a
 * tenth to half of its time for what comes after its sum. */
enum { ROW_FEW = 3 }; /* less are faster by themselves */
typedef struct {
    size_t count, row[FA_LANES];
    real max[FA_LANES], min[FA_LANES], chosen[FA_LANES];
    double exponent[FA_LANES], own[2][FA_LANES], top[2][FA_LANES]; /* heads, and in the float64 unit tails */
} row_waiting;

#ifdef ROW_BESIDE

/* The rows' sums, as in row_sum. */
typedef struct {
    vreal max;
    row_frame frame;
    row_wides exponent;
    row_sums own, top;
} row_beside;

FA_INLINE vreal row_beside_magic(const row_wides *exponent)
{
    row_wides magic;
    ROW_EACH_HALF(k) magic.half[k] = KD(ROW_MAGIC) + (KD(ROW_BASE) - exponent->half[k]);
    return row_narrow_all(magic);
}

/* row_top */
FA_INLINE row_totals row_top_lanes(vreal h, vreal q, int k)
{
    const vf64 head = row_widen(h, k), tail = head * row_widen(q, k), sum = head + tail;
    return row_totals_of(sum, tail - (sum - head));
}

/* row_quotient_of before its parts are added. */
FA_INLINE row_totals row_quotient_lanes(row_totals a, row_totals b)
{
    const vf64 ratio = a.head / b.head;
    return row_totals_of(ratio, (v_fma(-ratio, b.head, a.head) + (row_tail(a) - ratio * row_tail(b))) / b.head);
}

/* log(1 + rest) of every row: row_excess. */
FA_INLINE row_doubles row_beside_excess(const row_beside *s, int k)
{
    const row_totals ratio = row_quotient_lanes(s->own.half[k], s->top.half[k]);
#ifdef FA_REAL_F32
    return (row_doubles){row_log1p(ratio.head), KD(0)};
#else
    return row_log1p_exact_lanes(ratio);
#endif
}

/* max + log(1 + rest) as head and tail, as row_log_sum_of has it. */
FA_INLINE void row_beside_log_sums(const row_beside *s, vreal *head, vreal *tail)
{
    row_wides sum, rest;
    row_doubles excess[ROW_HALVES];
    ROW_EACH_HALF(k)
    {
        excess[k] = row_beside_excess(s, k);
        sum.half[k] = row_widen(s->max, k) + excess[k].head;
    }
    *head = row_narrow_all(sum);
    ROW_EACH_HALF(k)
    {
        const vf64 max = row_widen(s->max, k);
        if (ROW_TAILS)
            rest.half[k] = row_two_sums(max, excess[k].head).tail + excess[k].tail;
        else
            rest.half[k] = (max - row_widen(*head, k)) + excess[k].head;
    }
    *tail = row_narrow_all(rest);
}

/* The same rounded once.  Returns whether row_logsumexp_of has it otherwise in any row, and marks those rows. */
FA_INLINE int row_beside_logsumexps(const row_beside *s, double exact_below, double *results, double *cancels)
{
    int any = 0;
    row_doubles excess[ROW_HALVES];
    ROW_EACH_HALF(k) excess[k] = row_beside_excess(s, k);
    ROW_EACH_HALF(k)
    {
        const row_doubles sum = row_two_sums(row_widen(s->max, k), excess[k].head);
        const vm64 does = v_lt(v_abs(sum.head), excess[k].head) & v_lt(v_abs(sum.head), KD(exact_below));
        v_store(results + k * FA_LANES_F64, ROW_TAILS ? sum.head + (sum.tail + excess[k].tail) : sum.head);
        if (ROW_TAILS)
            v_store(cancels + k * FA_LANES_F64, v_select(does, KD(1), KD(0)));
        any |= ROW_TAILS && v_any(does);
    }
    return any;
}

/* Of one row in which it cancels. */
FA_INLINE double row_beside_again(const real *x, size_t n, double max)
{
#ifdef FA_REAL_F64
    const row_total exact = row_log_sum_exact(x, n, row_first_index(x, n, max));
    return exact.head + exact.tail;
#else
    (void)x, (void)n;
    return max; /* not asked for: the caller has it done in float64 */
#endif
}

/* max - x[t] + log(1 + rest), as row_surprise has it. */
FA_CALLED void row_beside_surprise(const row_beside *s, vreal chosen, double *losses)
{
    row_doubles excess[ROW_HALVES];
    ROW_EACH_HALF(k) excess[k] = row_beside_excess(s, k);
    ROW_EACH_HALF(k)
    {
        const row_doubles d = row_two_sums(row_widen(s->max, k), -row_widen(chosen, k));
        const vf64 lost = ROW_TAILS ? excess[k].tail + d.tail : d.tail, sum = d.head + (excess[k].head + lost);
        v_store(losses + k * FA_LANES_F64, v_select(v_eq(d.head, KD(INFINITY)), d.head + excess[k].head, sum));
    }
}

/* The gradient at the target, as row_class_loss has it without smoothing; weight, one for each row, may be NULL. */
FA_CALLED vreal row_beside_slopes(const row_beside *s, vreal chosen, double factor, const double *weight)
{
    vreal f, h = row_reduce(chosen, &s->frame, ROW_WILD, &f), q = row_fraction(f);
    row_wides slope;
    ROW_EACH_HALF(k)
    {
        const row_totals own = s->own.half[k], whole = row_add_lanes(own, s->top.half[k]);
        const row_totals others = row_add_lanes(whole, row_negative(row_top_lanes(h, q, k)));
        const vm64 largest = v_eq(row_widen(chosen, k), row_widen(s->max, k));
        const row_totals complement = row_quotient_lanes(row_choose(largest, own, others), whole);
        vf64 rest = ROW_TAILS ? complement.head + row_tail(complement) : complement.head;
        rest = weight ? v_load(weight + (size_t)k * FA_LANES_F64) * rest : rest;
        slope.half[k] = KD(factor) * (KD(0) - rest);
    }
    return row_narrow_all(slope);
}

FA_INLINE int row_may_wait(const row_sum *sum) { return fabs(sum->max) <= ROW_LIMIT; }

FA_INLINE void row_wait(row_waiting *w, const row_sum *sum, real chosen, size_t row)
{
    const size_t r = w->count++;
    const row_total own = row_add(sum->others, sum->own);
    w->row[r] = row;
    w->max[r] = (real)sum->max;
    w->min[r] = (real)sum->min;
    w->chosen[r] = chosen;
    w->exponent[r] = sum->exponent;
    w->own[0][r] = own.head;
    w->top[0][r] = sum->top.head;
    if (ROW_TAILS) {
        w->own[1][r] = own.tail;
        w->top[1][r] = sum->top.tail;
    }
}

FA_INLINE row_wides row_wides_at(const double *p)
{
    row_wides wides;
    ROW_EACH_HALF(k) wides.half[k] = v_load(p + k * FA_LANES_F64);
    return wides;
}

/* What is not waited for is some row too. */
FA_INLINE void row_wait_for_none(row_waiting *w)
{
    w->count = 0;
    for (size_t r = 0; r < FA_LANES; r++) {
        w->max[r] = w->chosen[r] = 0;
        w->exponent[r] = 0;
        w->own[0][r] = w->top[0][r] = 1;
        w->own[1][r] = w->top[1][r] = 0;
    }
}

FA_INLINE row_beside row_beside_of(const row_waiting *w)
{
    row_beside s = {.max = v_load(w->max), .exponent = row_wides_at(w->exponent)};
    ROW_EACH_HALF(k)
    {
        const size_t at = (size_t)k * FA_LANES_F64;
        s.own.half[k] = row_totals_of(v_load(w->own[0] + at), v_load(w->own[1] + at));
        s.top.half[k] = row_totals_of(v_load(w->top[0] + at), v_load(w->top[1] + at));
    }
    s.frame = (row_frame){.magic = row_beside_magic(&s.exponent), .shift = K(0), .floor = s.max - K(ROW_DEPTH)};
    return s;
}

#else
FA_INLINE int row_may_wait(const row_sum *sum)
{
    (void)sum;
    return 0;
}
FA_INLINE void row_wait(row_waiting *w, const row_sum *sum, real chosen, size_t row)
{
    (void)w, (void)sum, (void)chosen, (void)row;
}
FA_INLINE void row_wait_for_none(row_waiting *w) { w->count = 0; }
#endif

#endif
