/* The bias of a linear layer: added to every row, and its gradient, the sum of all rows; both with the rectifier that often
 * follows.  Included by kernels.inc, once for each instruction set and dtype. */
#ifndef FA_BIAS_H
#define FA_BIAS_H

#include "activations.h"
#include "vec.h"

/* Lanes [i, i + FA_LANES) of p, the last ones filled up with zeros. */
FA_INLINE vreal fa_some(const real *p, size_t i, size_t n)
{
    return n - i >= FA_LANES ? v_load(p + i) : v_load_part(p + i, n - i);
}
FA_INLINE void fa_put(real *p, size_t i, size_t n, vreal value)
{
    if (n - i >= FA_LANES)
        v_store(p + i, value);
    else
        v_store_part(p + i, value, n - i);
}

static void fa_add_bias(size_t n_rows, size_t n, void *y, const void *bias, int rectify)
{
    real *const out = y;
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n; j += FA_LANES) {
            vreal value = fa_some(out + i * n, j, n);
            if (bias != NULL)
                value = value + fa_some(bias, j, n);
            fa_put(out + i * n, j, n, rectify ? f_relu(value, FA_TAME) : value);
        }
}

/* Rows are added in groups, and the groups' sums after that, so that the error grows with neither count.  Columns go in
 * strips of several vectors, so that each visit to a row reads a piece worth the way. */
enum { FA_ROWS_A_GROUP = 32, FA_STRIP = 8 };

/* The sum over the rows of g, or of g where y is above 0, which is written to out; columns from j, `width` vectors. */
FA_INLINE void fa_sum_strip(size_t n_rows, size_t n, const real *y, const real *g, real *out, real *sum, size_t j,
                            int width)
{
    vreal total[FA_STRIP], group[FA_STRIP];
    for (int k = 0; k < width; k++)
        total[k] = K(0);
    for (size_t start = 0; start < n_rows; start += FA_ROWS_A_GROUP) {
        size_t end = n_rows - start < FA_ROWS_A_GROUP ? n_rows : start + FA_ROWS_A_GROUP;
        for (int k = 0; k < width; k++)
            group[k] = K(0);
        for (size_t i = start * n + j; i < end * n + j; i += n)
            for (int k = 0; k < width; k++) {
                size_t at = i + (size_t)k * FA_LANES, left = i - j + n;
                vreal part = fa_some(g, at, left);
                if (y != NULL) {
                    part = d_relu(fa_some(y, at, left), part, FA_TAME);
                    fa_put(out, at, left, part);
                }
                group[k] = group[k] + part;
            }
        for (int k = 0; k < width; k++)
            total[k] = total[k] + group[k];
    }
    for (int k = 0; k < width; k++)
        if (sum != NULL)
            fa_put(sum, j + (size_t)k * FA_LANES, n, total[k]);
}

static void fa_sum_rows(size_t n_rows, size_t n, const void *y, const void *g, void *out, void *sum)
{
    size_t j = 0;
    for (; n - j >= FA_STRIP * FA_LANES; j += FA_STRIP * FA_LANES)
        fa_sum_strip(n_rows, n, y, g, out, sum, j, FA_STRIP);
    for (; j < n; j += FA_LANES)
        fa_sum_strip(n_rows, n, y, g, out, sum, j, 1);
}

#endif
