/* Rows one in each vector lane, whose sums are known: logarithms, losses and slopes of all of them at once, in float64.  The same
 * arithmetic as in rows_loss.h, so the same bits.  No element of a row is looked at here. */
#ifndef FA_ROWS_BESIDE_H
#define FA_ROWS_BESIDE_H

#include "rows_loss.h"

/* Rows whose sums are known, their top dropped, and which wait until there are as many as lanes: a row by itself takes a
 * tenth to half of its time for what comes after its sum. */
enum { ROW_FEW = 3 }; /* less are faster by themselves */
typedef struct {
    size_t count, row[FA_LANES];
    real max[FA_LANES], min[FA_LANES], chosen[FA_LANES];
    double exponent[FA_LANES], own[FA_LANES], top[FA_LANES];
} row_waiting;

#if defined(FA_REAL_F32) && FA_VECTOR_BYTES

/* Numbers of float64, one for each row. */
typedef struct {
    vf64 half[FA_HALVES];
} row_wides;

/* The rows' sums, as in row_sum. */
typedef struct {
    vreal max;
    row_frame frame;
    row_wides exponent, own, top;
} row_beside;

#define ROW_EACH_HALF(k) for (int k = 0; k < FA_HALVES; k++)

FA_INLINE row_wides row_widen_both(vreal v)
{
    row_wides w;
    ROW_EACH_HALF(k) w.half[k] = row_widen(v, k);
    return w;
}

FA_INLINE vreal row_beside_magic(const row_wides *exponent)
{
    return v_narrow(KD(ROW_MAGIC) + (KD(ROW_BASE) - exponent->half[0]),
                    KD(ROW_MAGIC) + (KD(ROW_BASE) - exponent->half[FA_HALVES - 1]));
}

/* log(1 + rest) of every row. */
FA_INLINE row_wides row_beside_excess(const row_beside *s)
{
    row_wides excess;
    ROW_EACH_HALF(k) excess.half[k] = row_log1p(s->own.half[k] / s->top.half[k]);
    return excess;
}

/* max + log(1 + rest) as head and tail, as row_log_sum_of has it. */
FA_INLINE void row_beside_log_sums(const row_beside *s, vreal *head, vreal *tail)
{
    const row_wides max = row_widen_both(s->max), excess = row_beside_excess(s);
    row_wides rest;
    *head = v_narrow(max.half[0] + excess.half[0], max.half[FA_HALVES - 1] + excess.half[FA_HALVES - 1]);
    ROW_EACH_HALF(k) rest.half[k] = (max.half[k] - row_widen(*head, k)) + excess.half[k];
    *tail = v_narrow(rest.half[0], rest.half[FA_HALVES - 1]);
}

/* max - x[t] + log(1 + rest), as row_surprise has it. */
FA_CALLED void row_beside_surprise(const row_beside *s, vreal chosen, double *losses)
{
    const row_wides max = row_widen_both(s->max), value = row_widen_both(chosen), excess = row_beside_excess(s);
    ROW_EACH_HALF(k)
    {
        vf64 d = max.half[k] - value.half[k], b = d - max.half[k];
        vf64 lost = (max.half[k] - (d - b)) - (value.half[k] + b);
        vf64 sum = v_select(v_eq(d, KD(INFINITY)), d + excess.half[k], d + (excess.half[k] + lost));
        v_store(losses + k * FA_LANES_F64, sum);
    }
}

/* The gradient at the target, as row_class_loss has it. */
FA_CALLED vreal row_beside_slopes(const row_beside *s, vreal chosen, double factor)
{
    vreal f, h = row_reduce(chosen, &s->frame, ROW_WILD, &f), q = row_fraction(f);
    row_wides slope;
    const row_wides max = row_widen_both(s->max), value = row_widen_both(chosen);
    ROW_EACH_HALF(k)
    {
        vf64 head = row_widen(h, k), own = head + head * row_widen(q, k);
        vf64 whole = s->own.half[k] + s->top.half[k];
        vf64 rest = v_select(v_eq(value.half[k], max.half[k]), s->own.half[k], whole - own);
        slope.half[k] = KD(factor) * (KD(0) - rest / whole);
    }
    return v_narrow(slope.half[0], slope.half[FA_HALVES - 1]);
}

FA_INLINE int row_may_wait(const row_sum *sum) { return fabs(sum->max) <= ROW_LIMIT; }

FA_INLINE void row_wait(row_waiting *w, const row_sum *sum, real chosen, size_t row)
{
    const size_t r = w->count++;
    w->row[r] = row;
    w->max[r] = (real)sum->max;
    w->min[r] = (real)sum->min;
    w->chosen[r] = chosen;
    w->exponent[r] = sum->exponent;
    w->own[r] = row_add(sum->others, sum->own).head;
    w->top[r] = sum->top.head;
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
        w->own[r] = w->top[r] = 1;
    }
}

FA_INLINE row_beside row_beside_of(const row_waiting *w)
{
    row_beside s = {.max = v_load(w->max), .exponent = row_wides_at(w->exponent)};
    s.own = row_wides_at(w->own);
    s.top = row_wides_at(w->top);
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
