/* Derivatives of the softmax family on one contiguous row, from the forward result where the function keeps it. */
#ifndef FA_ROWS_VJP_H
#define FA_ROWS_VJP_H

#include "rows_loss.h"

/* y (g - sum of g y) */
static void row_vjp_softmax(const void *result, const void *gradient, void *dx, size_t n)
{
    const real *y = result, *g = gradient;
    real *d = dx;
    double dot = row_dot(y, g, n);
    for (size_t i = 0; i < n; i++)
        d[i] = (real)(y[i] * (g[i] - dot));
}

/* g - e^y sum of g */
static void row_vjp_log_softmax(const void *result, const void *gradient, void *dx, size_t n)
{
    const real *y = result, *g = gradient;
    real *d = dx;
    double total = row_plain_sum(g, n), max, min;
    row_extremes(y, n, &max, &min);
    /* e^y alone: a sum of e^0, as row_table has it */
    row_sum one = {.max = 0, .min = min, .own = {ROW_FACTOR * row_power_of_two(ROW_BASE), 0}};
    row_scale_values values = row_scale_of(&one, 1.0);
    row_scale scale = row_scale_splat(&values);
    for (size_t i = 0; i < n; i += FA_LANES) {
        size_t left = n - i < FA_LANES ? n - i : FA_LANES;
        vreal v = v_load_part(y + i, left), e = values.near ? row_quotient(v, &scale, 0) : row_quotient(v, &scale, 1);
        real lane[FA_LANES];
        v_store(lane, e);
        for (size_t l = 0; l < left; l++)
            d[i + l] = (real)(g[i + l] - total * lane[l]);
    }
}

/* g softmax(x) */
static void row_vjp_logsumexp(const void *x, double g, void *dx, size_t n)
{
    row_sum sum;
    row_powers powers;
    row_sum_of(x, n, 0, &sum, &powers);
    row_write_times(x, dx, n, &sum, &powers, g);
}

#endif
