/* The bias of a linear layer: added to every row, and its gradient, the sum of all rows.  Included by kernels.inc, once for
 * each instruction set and dtype. */
#ifndef FA_BIAS_H
#define FA_BIAS_H

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

static void fa_add_bias(size_t n_rows, size_t n, void *y, const void *bias)
{
    real *const out = y;
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n; j += FA_LANES)
            fa_put(out + i * n, j, n, fa_some(out + i * n, j, n) + fa_some(bias, j, n));
}

/* Rows are added in groups, and the groups' sums after that, so that the error grows with neither count. */
enum { FA_ROWS_A_GROUP = 32 };

static void fa_sum_rows(size_t n_rows, size_t n, const void *g, void *sum)
{
    const real *const in = g;
    for (size_t j = 0; j < n; j += FA_LANES) {
        vreal total = K(0);
        for (size_t start = 0; start < n_rows; start += FA_ROWS_A_GROUP) {
            size_t end = n_rows - start < FA_ROWS_A_GROUP ? n_rows : start + FA_ROWS_A_GROUP;
            vreal group = K(0);
            for (size_t i = start; i < end; i++)
                group = group + fa_some(in + i * n, j, n);
            total = total + group;
        }
        fa_put(sum, j, n, total);
    }
}

#endif
