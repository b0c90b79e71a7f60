/* Inner products of one contiguous row, accumulated in float64 in lanes of a fixed number: element i belongs to lane
 * i mod ROW_DOT, whatever the vector's width.  In the float64 unit products and sums carry their errors along. */
#ifndef FA_ROWS_DOT_H
#define FA_ROWS_DOT_H

#include "rows_wide.h"

enum { ROW_DOT = 16 };

typedef struct {
    double head[ROW_DOT], tail[ROW_DOT];
} row_accumulator;

FA_INLINE void row_accumulate(row_accumulator *sum, size_t lane, double product, double error)
{
#ifdef FA_REAL_F32
    (void)error;
    sum->head[lane] += product;
#else
    double s = sum->head[lane] + product, t = s - sum->head[lane];
    sum->tail[lane] += ((sum->head[lane] - (s - t)) + (product - t)) + error;
    sum->head[lane] = s;
#endif
}

/* The error of a * b; in the float32 unit products of widened floats are exact or near enough. */
FA_INLINE double row_product_error(double a, double b, double product)
{
#ifdef FA_REAL_F32
    (void)a, (void)b, (void)product;
    return 0;
#else
    return fma(a, b, -product);
#endif
}

/* In a function of its own, as are what many call once a row. */
FA_ONCE double row_accumulated(const row_accumulator *sum)
{
    row_accumulator s = *sum;
    for (size_t width = ROW_DOT / 2; width; width /= 2)
        for (size_t l = 0; l < width; l++) {
            double error = s.tail[l] + s.tail[l + width];
            s.tail[l] = 0;
            row_accumulate(&s, l, s.head[l + width], error);
        }
    return isfinite(s.head[0]) ? s.head[0] + s.tail[0] : s.head[0];
}

/* The lanes while whole steps are added, in registers. */
enum { ROW_DOT_VECTORS = ROW_DOT / FA_LANES_F64 };
typedef struct {
    vf64 head[ROW_DOT_VECTORS], tail[ROW_DOT_VECTORS];
} row_accumulators;

/* Lanes j FA_LANES_F64 and on of sixteen elements. */
FA_INLINE vf64 row_dot_load(const real *a, size_t j)
{
#ifdef FA_REAL_F32
    return v_load_widened(a + j * FA_LANES_F64);
#else
    return v_load(a + j * FA_LANES);
#endif
}

FA_INLINE void row_dot_whole(row_accumulators *sum, const real *a, const real *b)
{
    for (size_t j = 0; j < ROW_DOT_VECTORS; j++) {
        vf64 u = row_dot_load(a, j), product = b ? u * row_dot_load(b, j) : u;
#ifdef FA_REAL_F32
        sum->head[j] += product;
#else
        vf64 error = b ? v_fma(u, row_dot_load(b, j), -product) : KD(0);
        vf64 s = sum->head[j] + product, t = s - sum->head[j];
        sum->tail[j] += ((sum->head[j] - (s - t)) + (product - t)) + error;
        sum->head[j] = s;
#endif
    }
}

#ifdef FA_REAL_F32
/* What is left of a row, with zeros behind it: they change no lane. */
FA_INLINE const real *row_dot_rest(const real *a, size_t count, real *rest)
{
    for (size_t j = 0; j < ROW_DOT; j += FA_LANES)
        v_store(rest + j, j >= count ? K(0) : count - j < FA_LANES ? v_load_part(a + j, count - j) : v_load(a + j));
    return rest;
}

/* row_accumulated of lanes in registers. */
FA_INLINE double row_dot_fold(vf64 *head)
{
    double lane[FA_LANES_F64];
    for (size_t width = ROW_DOT_VECTORS / 2; width; width /= 2)
        for (size_t j = 0; j < width; j++)
            head[j] += head[j + width];
    v_store(lane, head[0]);
    for (size_t width = FA_LANES_F64 / 2; width; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}
#endif

/* sum of a b, or of a if b is NULL, a constant of the caller */
FA_INLINE double row_dot(const real *a, const real *b, size_t n)
{
    row_accumulators whole;
    size_t i = 0;
    for (size_t j = 0; j < ROW_DOT_VECTORS; j++)
        whole.head[j] = whole.tail[j] = KD(0);
    for (; i + ROW_DOT <= n; i += ROW_DOT)
        row_dot_whole(&whole, a + i, b ? b + i : NULL);
#ifdef FA_REAL_F32
    real first[ROW_DOT], second[ROW_DOT];
    if (i < n)
        row_dot_whole(&whole, row_dot_rest(a + i, n - i, first), b ? row_dot_rest(b + i, n - i, second) : NULL);
    return row_dot_fold(whole.head);
#else
    row_accumulator sum;
    for (size_t j = 0; j < ROW_DOT_VECTORS; j++) {
        v_store(sum.head + j * FA_LANES_F64, whole.head[j]);
        v_store(sum.tail + j * FA_LANES_F64, whole.tail[j]);
    }
    for (size_t l = 0; i + l < n; l++) {
        double u = a[i + l], v = b ? b[i + l] : 1, product = u * v;
        row_accumulate(&sum, l, product, v_lane(v_fma(KD(u), KD(v), KD(-product)), 0)); /* as above, also emulated */
    }
    return row_accumulated(&sum);
#endif
}

/* With u = weight (target (1 - smoothing) + smoothing / n), target and weight 1 where they are NULL:
 * (without a target there is no smoothing) total = sum of u, depth = sum of u (max - x). */
typedef struct {
    double total, depth;
} row_weights;

/* What is left of the weights, with zeros behind it.  ones, as many as there are lanes, stand for no weights. */
FA_CALLED const real *row_weights_rest(const real *from, const real *ones, size_t count, real *rest)
{
    for (size_t l = 0; l < ROW_DOT; l++)
        rest[l] = l < count ? (from ? from : ones)[l] : 0;
    return rest;
}

FA_ONCE row_weights row_weighted(const real *x, size_t n, const real *weight, const real *target, double smoothing,
                                 double max)
{
    real ones[ROW_DOT], rest[3][ROW_DOT];
    const double keep = 1 - smoothing, each = smoothing / (double)n;
    row_accumulator total = {{0}, {0}}, depth = {{0}, {0}};
    for (size_t l = 0; l < ROW_DOT; l++)
        ones[l] = 1;
    for (size_t i = 0; i < n; i += ROW_DOT) {
        const real *v = x + i, *w = weight ? weight + i : ones, *t = target ? target + i : ones;
        if (n - i < ROW_DOT) { /* nothing is added for what is not there */
            v = row_weights_rest(v, ones, n - i, rest[0]);
            w = row_weights_rest(w, ones, n - i, rest[1]);
            t = row_weights_rest(t, ones, n - i, rest[2]);
        }
        FA_NOT_UNROLLED
        for (size_t l = 0; l < ROW_DOT; l++) {
            double u = (keep * t[l] + each) * w[l], a = v[l];
            double d = max - a, b = d - max, lost = (max - (d - b)) - (a + b);
            double counts = isinf(u) && d == 0 ? 0 : u, product = counts * d; /* what inf gives comes from the total */
            row_accumulate(&total, l, u, 0);
            row_accumulate(&depth, l, product, row_product_error(counts, d, product) + counts * lost);
        }
    }
    return (row_weights){row_accumulated(&total), row_accumulated(&depth)};
}

/* sum of t log p over t != 0 */
FA_CALLED double row_log_dot(const real *p, const real *t, size_t n)
{
    row_accumulator sum = {{0}, {0}};
    for (size_t i = 0; i < n; i += ROW_DOT) {
        const size_t count = n - i < ROW_DOT ? n - i : ROW_DOT;
        double logs[ROW_DOT + FA_LANES_F64];
        for (size_t l = 0; l < count; l++)
            logs[l] = t[i + l] != 0 ? (double)p[i + l] : 1;
        FA_NOT_UNROLLED
        for (size_t l = 0; l < count; l += FA_LANES_F64)
            v_store(logs + l, row_log(count - l < FA_LANES_F64 ? v_load_part(logs + l, count - l) : v_load(logs + l)));
        FA_NOT_UNROLLED
        for (size_t l = 0; l < count; l++) {
            double v = t[i + l], product = v == 0 ? 0 : v * logs[l];
            row_accumulate(&sum, l, product, v == 0 ? 0 : row_product_error(v, logs[l], product));
        }
    }
    return row_accumulated(&sum);
}

#endif
