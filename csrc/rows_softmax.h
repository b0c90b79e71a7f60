/* softmax, log_softmax and logsumexp of contiguous rows, from the sums of rows_sum.h.  No sums and no other losses here. */
#ifndef FA_ROWS_SOFTMAX_H
#define FA_ROWS_SOFTMAX_H

#include "rows_exact.h"
#include "rows_sum.h"

FA_INLINE row_total row_whole(const row_sum *sum) { return row_add(row_add(sum->others, sum->own), sum->top); }

/* What one row puts into a row_scale. */
typedef struct {
    real magic, shift, floor, delta, coefficient[ROW_DEGREE];
    int near; /* the result needs no wild form */
} row_scale_values;

/* For e^x times factor / sum. */
static row_scale_values row_scale_of(const row_sum *sum, double factor)
{
    row_total whole = row_whole(sum);
    vf64 eighths, delta = row_invert(KD(whole.head / factor), KD(whole.tail / factor), &eighths);
    double offset = ROW_BASE - sum->exponent + v_lane(eighths, 0), d = v_lane(delta, 0);
    double lowest = (sum->min - sum->shift) * ROW_LOG2E_HI + offset;
    row_scale_values values = {
        .magic = (real)(ROW_MAGIC + offset),
        .shift = (real)sum->shift,
        .floor = (real)((-offset - (ROW_RAISE - ROW_LOWEST - 4)) * ROW_LN2),
        .delta = (real)d,
        .near = sum->shift == 0 && lowest > ROW_LOWEST + 2 && fabs(offset) < ROW_REACH,
    };
    for (int i = 0; i < ROW_DEGREE; i++)
        values.coefficient[i] = (real)((1 + d) * row_polynomial[i]);
    return values;
}

FA_INLINE row_scale row_scale_splat(const row_scale_values *values)
{
    row_scale scale = {.frame.magic = K(values->magic), .frame.shift = K(values->shift), .delta = K(values->delta)};
    scale.frame.floor = K(values->floor);
    for (int i = 0; i < ROW_DEGREE; i++)
        scale.coefficient[i] = K(values->coefficient[i]);
    if (!values->near)
        scale.frame.magic = scale.frame.magic + K(ROW_RAISE);
    else
        scale.frame = row_near_table(scale.frame, 0);
    return scale;
}

/* How far ahead results are fetched, as a store fetches its line first: 1.1 to 1.35 times as fast out of cache. */
enum { ROW_FETCHED = FA_VECTOR_BYTES == 64 ? 512 : 1024 };

/* Elements before the first aligned vector of y, where a store across cache lines costs most. */
FA_INLINE size_t row_unaligned(const real *y, size_t n)
{
    const size_t before = FA_VECTOR_BYTES == 64 ? (0 - (uintptr_t)y / sizeof(real)) % FA_LANES : 0;
    return before < n ? before : 0;
}

FA_INLINE void row_quotients(const real *x, real *y, size_t n, const row_scale *scale, int form)
{
    size_t i = row_unaligned(y, n);
    const row_constants c = row_constants_here(0);
    if (i)
        v_store_part(y, row_quotient(v_load_part(x, i), scale, form), i);
    for (; ROW_PAIRS && i + 2 * FA_LANES <= n; i += 2 * FA_LANES) {
        const vreal v[2] = {v_load(x + i), v_load(x + i + FA_LANES)};
        const row_scale *const scales[2] = {scale, scale};
        vreal quotient[2];
        row_prefetch(y + i + ROW_FETCHED);
        row_quotient_two(v, scales, form, &c, quotient);
        v_store(y + i, quotient[0]);
        v_store(y + i + FA_LANES, quotient[1]);
    }
    for (; i + FA_LANES <= n; i += FA_LANES) {
        vreal v = v_load(x + i);
        v_hold(v);
        row_prefetch(y + i + ROW_FETCHED);
        v_store(y + i, row_quotient(v, scale, form));
    }
    if (i < n)
        v_store_part(y + i, row_quotient(v_load_part(x + i, n - i), scale, form), n - i);
}

static void row_write_wild(const real *x, real *y, size_t n, const row_scale *scale)
{
    row_quotients(x, y, n, scale, ROW_WILD);
}

/* A row of one block: H(1 + q) times factor/S = scale + rest. */
typedef struct {
    real scale, rest;
    int near;
    double lowest; /* exponent of the H that has no result */
} row_ratio;

static row_ratio row_ratio_of(const row_sum *sum, double factor)
{
    row_total whole = row_whole(sum);
    double ratio = factor / whole.head;
    int64_t bits;
    memcpy(&bits, &ratio, sizeof bits);
    double exponent = (double)(bits >> 52) - 1023;
    double lowest = (sum->min - sum->shift) * ROW_LOG2E_HI - sum->exponent + ROW_BASE + exponent;
    row_ratio r = {.near = sum->shift == 0 && lowest > ROW_NEAR_FROM && exponent > ROW_NEAR_FROM};
    r.lowest = ROW_NOTHING - ROW_RAISE - exponent;
    double raised = r.near ? ratio : ratio * row_power_of_two(ROW_RAISE);
    r.scale = (real)raised;
#ifdef FA_REAL_F32
    r.rest = (real)(raised - r.scale);
#else
    r.rest = raised * ((fma(-ratio, whole.head, factor) - ratio * whole.tail) / factor);
#endif
    return r;
}

typedef struct {
    vreal scale, rest, lowest;
} row_ratio_lanes;

FA_INLINE vreal row_product_at(const real *h, const real *q, const row_ratio_lanes *ratio, int form)
{
    const vreal head = form == ROW_WILD ? v_max(ratio->lowest, v_load(h)) : v_load(h);
    return row_product(head, v_load(q), ratio->scale, ratio->rest, form);
}

FA_INLINE void row_products_two(const real *h, const real *q, real *y, const row_ratio_lanes *ratio, int form)
{
    const vreal first = row_product_at(h, q, ratio, form);
    const vreal second = row_product_at(h + FA_LANES, q + FA_LANES, ratio, form);
    v_store(y, first);
    v_store(y + FA_LANES, second);
}

/* Two vectors at a time, the last of which overlap those before. */
FA_INLINE void row_products(const row_powers *powers, real *y, size_t n, const row_ratio *ratio, int form)
{
    const row_ratio_lanes lanes = {K(ratio->scale * powers->unit), K(ratio->rest * powers->unit),
                                   K((real)(row_power_of_two(ratio->lowest) / powers->unit))};
    const real *h = powers->h + powers->phase, *q = powers->q + powers->phase;
    if (n >= 2 * FA_LANES) {
        for (size_t i = 0; i + 2 * FA_LANES < n; i += 2 * FA_LANES)
            row_products_two(h + i, q + i, y + i, &lanes, form);
        const size_t last = n - 2 * FA_LANES;
        row_products_two(h + last, q + last, y + last, &lanes, form);
        return;
    }
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal product = row_product_at(h + i, q + i, &lanes, form);
        if (n - i >= FA_LANES)
            v_store(y + i, product);
        else
            v_store_part(y + i, product, n - i);
    }
}

/* factor * softmax of a part of a row of several blocks */
static void row_write_again(const real *x, real *y, size_t n, const row_sum *sum, double factor)
{
    row_scale_values values = row_scale_of(sum, factor);
    row_scale scale = row_scale_splat(&values);
    if (values.near)
        row_quotients(x, y, n, &scale, ROW_NEAR);
    else
        row_write_wild(x, y, n, &scale);
}

/* A row of one block went the far way, where nothing is kept. */
static void row_keep_far(const real *x, size_t n, const row_sum *sum, row_powers *powers)
{
    if (sum->kept)
        return;
    row_frame frame = row_frame_of(sum->max, sum->shift, sum->exponent);
    row_block_wild(x, n, ROW_NOWHERE, &frame, sum->max, powers);
}

static void row_write_products(const row_powers *powers, real *y, size_t n, const row_ratio *ratio)
{
    if (ratio->near)
        row_products(powers, y, n, ratio, ROW_NEAR);
    else
        row_products(powers, y, n, ratio, ROW_WILD);
}

/* factor * softmax(x), with what row_sum_of left behind. */
static void row_write(const real *x, real *y, size_t n, const row_sum *sum, row_powers *powers, double factor)
{
    if (n > ROW_BLOCK) {
        row_write_again(x, y, n, sum, factor);
        return;
    }
    row_keep_far(x, n, sum, powers);
    row_ratio ratio = row_ratio_of(sum, factor);
    row_write_products(powers, y, n, &ratio);
}

/* Rows of several blocks. */
static void row_softmax_of(const real *x, real *y, size_t n)
{
    row_sum sum;
    row_sum_of(x, n, 0, &sum, NULL, NULL);
    row_write_again(x, y, n, &sum, 1.0);
}

/* log(1 + everything else / e^max), which is what the log-sum exceeds the maximum by. */
FA_INLINE row_total row_excess(const row_sum *sum)
{
    row_total rest = row_add(sum->others, sum->own);
    double ratio = rest.head / sum->top.head;
#ifdef FA_REAL_F32
    return (row_total){row_log1p_one(ratio), 0};
#else
    double lost = fma(-ratio, sum->top.head, rest.head) + (rest.tail - ratio * sum->top.tail);
    return row_log1p_exact((row_total){ratio, lost / sum->top.head});
#endif
}

/* What is taken off x for log_softmax: max + excess as head and tail of the unit's dtype. */
typedef struct {
    real head, tail;
    int finite, larger; /* no difference overflows; no |x| is above head */
} row_log_sum;

FA_INLINE row_log_sum row_log_sum_at(real head, real tail, double max, double min, double shift)
{
    row_log_sum log = {.head = head, .tail = tail, .finite = shift == 0 && min > -ROW_LIMIT};
    log.larger = log.finite && head > max && -head <= min; /* not of one -0: its difference is +0 */
    return log;
}

static row_log_sum row_log_sum_of(const row_sum *sum)
{
    row_total excess = row_excess(sum);
#ifdef FA_REAL_F32
    const real head = (real)(sum->max + excess.head), tail = (real)((sum->max - head) + excess.head);
#else
    row_total s = row_two_sum(sum->max, excess.head);
    const real head = s.head, tail = s.tail + excess.tail;
#endif
    return row_log_sum_at(head, tail, sum->max, sum->min, sum->shift);
}

FA_INLINE void row_differences(const real *x, real *y, size_t n, const row_log_sum *log, int finite, int larger)
{
    const vreal head = K(log->head), tail = K(log->tail);
    size_t i = row_unaligned(y, n);
    if (i)
        v_store_part(y, row_difference(v_load_part(x, i), head, tail, finite, larger), i);
    for (; i + FA_LANES <= n; i += FA_LANES) {
        vreal v = v_load(x + i);
        v_hold(v);
        row_prefetch(y + i + ROW_FETCHED);
        v_store(y + i, row_difference(v, head, tail, finite, larger));
    }
    if (i < n)
        v_store_part(y + i, row_difference(v_load_part(x + i, n - i), head, tail, finite, larger), n - i);
}

static void row_write_differences(const real *x, real *y, size_t n, const row_log_sum *log)
{
    if (log->larger)
        row_differences(x, y, n, log, 1, 1);
    else if (log->finite)
        row_differences(x, y, n, log, 1, 0);
    else
        row_differences(x, y, n, log, 0, 0);
}

/* log_softmax of a part of a row */
static void row_write_log(const row_sum *sum, const void *x, void *y, size_t n)
{
    row_log_sum log = row_log_sum_of(sum);
    row_write_differences(x, y, n, &log);
}

static void row_log_softmax_of(const real *x, real *y, size_t n)
{
    row_sum sum;
    row_sum_of(x, n, 1, &sum, NULL, NULL);
    row_write_log(&sum, x, y, n);
}

/* The steps of a long row. */
static void row_sum_softmax(const void *x, size_t n, const fa_row_block *blocks, row_sum *sum)
{
    row_sum_of(x, n, 0, sum, NULL, blocks);
}
static void row_sum_log_softmax(const void *x, size_t n, const fa_row_block *blocks, row_sum *sum)
{
    row_sum_of(x, n, 1, sum, NULL, blocks);
}
static void row_write_softmax(const row_sum *sum, const void *x, void *y, size_t n)
{
    row_write_again(x, y, n, sum, 1.0);
}

/* From the sum without its top.  In the float64 unit it is done again in two doubles where it cancels to less than exact_below. */
static void row_logsumexp_of(const row_sum *sum, const real *x, size_t n, double exact_below, double *head,
                             double *tail)
{
    *tail = 0;
    if (isinf(sum->max)) {
        *head = row_has_nan(x, n) ? NAN : sum->max;
        return;
    }
    row_total excess = row_excess(sum), s = row_two_sum(sum->max, excess.head);
    s.tail += excess.tail;
#ifdef FA_REAL_F32
    (void)exact_below;
#else
    if (fabs(s.head) < excess.head && fabs(s.head) < exact_below)
        s = row_log_sum_exact(x, n, row_first_index(x, n, sum->max));
#endif
    *head = s.head;
    *tail = s.tail;
}

/* The result is head + tail; of a row without elements -inf.  Where it cancels the caller asks the wider kernel. */
static void row_logsumexp(const void *x, size_t n, const fa_row_block *blocks, double *head, double *tail)
{
    *head = -INFINITY;
    *tail = 0;
    if (!n)
        return;
    row_sum sum;
    row_sum_of(x, n, 1, &sum, NULL, blocks);
    row_logsumexp_of(&sum, x, n, INFINITY, head, tail);
}

#endif
