/* Derivatives of the softmax family on one contiguous row, from the forward result where the function keeps it. */
#ifndef FA_ROWS_VJP_H
#define FA_ROWS_VJP_H

#include "rows_loss.h"

/* A number of float64 as two of the unit's dtype; the second is 0 where the first is not finite. */
typedef struct {
    vreal head, tail;
} row_pair;

FA_INLINE row_pair row_pair_of(double value)
{
    real head = (real)value, tail = (real)(value - head);
    return (row_pair){K(head), K(isfinite(head) ? tail : 0)};
}

FA_INLINE vreal row_some(const real *x, size_t i, size_t n)
{
    return n - i >= FA_LANES ? v_load(x + i) : v_load_part(x + i, n - i);
}

FA_INLINE void row_put(real *y, size_t i, size_t n, vreal value)
{
    if (n - i >= FA_LANES)
        v_store(y + i, value);
    else
        v_store_part(y + i, value, n - i);
}

/* y (g - sum of g y) */
static void row_vjp_softmax(const void *result, const void *gradient, void *dx, size_t n)
{
    const real *y = result, *g = gradient;
    row_pair dot = row_pair_of(row_dot(y, g, n));
    for (size_t i = 0; i < n; i += FA_LANES)
        row_put(dx, i, n, row_some(y, i, n) * ((row_some(g, i, n) - dot.head) - dot.tail));
}

FA_INLINE void row_less_powers(const real *y, const real *g, real *dx, size_t n, row_pair total, const row_scale *scale,
                               int form)
{
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal e = row_quotient(row_some(y, i, n), scale, form);
        row_put(dx, i, n, v_fnma(total.tail, e, v_fnma(total.head, e, row_some(g, i, n))));
    }
}

/* g - e^y sum of g */
static void row_vjp_log_softmax(const void *result, const void *gradient, void *dx, size_t n)
{
    const real *y = result, *g = gradient;
    double max, min;
    row_extremes(y, n, &max, &min);
    /* e^y alone: a sum of e^0, as row_table has it */
    row_sum one = {.max = 0, .min = min, .own = {ROW_FACTOR * row_power_of_two(ROW_BASE), 0}};
    row_scale_values values = row_scale_of(&one, 1.0);
    row_scale scale = row_scale_splat(&values);
    row_pair total = row_pair_of(row_dot(g, NULL, n));
    if (values.near)
        row_less_powers(y, g, dx, n, total, &scale, ROW_NEAR);
    else
        row_less_powers(y, g, dx, n, total, &scale, ROW_WILD);
}

/* g e^(x - inf), as the limit has it where x is not infinite. */
static void row_infinite_slopes(const real *x, double g, real *dx, size_t n)
{
    const real at_top = NAN, below = row_has_nan(x, n) ? at_top : (real)(g * 0);
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] == (real)INFINITY ? at_top : below;
}

/* g softmax(x) */
static void row_vjp_logsumexp(const void *x, double g, void *dx, size_t n)
{
    row_sum sum;
    row_powers powers;
    row_sum_of(x, n, 0, &sum, &powers, NULL);
    if (sum.max == INFINITY)
        row_infinite_slopes(x, g, dx, n);
    else
        row_write_times(x, dx, n, &sum, &powers, g);
}

#endif
