/* Linear layers whose results lie turned, one row for each column: their bias, and the gradient that comes to them in rows.
 * Included by kernels.inc, once for each instruction set and dtype. */
#ifndef FA_TURNED_H
#define FA_TURNED_H

#include "bias.h"
#include "vec/turn.h"

static void fa_add_bias_turned(size_t n_rows, size_t n, void *y, const void *bias, int rectify)
{
    for (size_t j = 0; j < n; j++) {
        real *const out = (real *)y + j * n_rows;
        const vreal added = K(bias == NULL ? 0 : ((const real *)bias)[j]);
        for (size_t i = 0; i < n_rows; i += FA_LANES) {
            vreal value = fa_some(out, i, n_rows);
            if (bias != NULL)
                value = value + added;
            fa_put(out, i, n_rows, rectify ? f_relu(value, FA_TAME) : value);
        }
    }
}

/* A square of g from row i and column j, `height` by `width` of it, turned into out; its columns are added to total. */
FA_INLINE void fa_turn_part(size_t n_rows, size_t n, const real *g, const real *y, real *out, vreal *total, size_t i,
                            size_t j, int height, int width)
{
    vreal square[FA_LANES];
    for (int k = 0; k < FA_LANES; k++)
        square[k] = k < height ? fa_some(g + (i + (size_t)k) * n, j, n) : K(0);
    fa_turn_square(square);
    for (int k = 0; k < width; k++) {
        const size_t at = (j + (size_t)k) * n_rows;
        if (y != NULL)
            square[k] = d_relu(fa_some(y + at, i, n_rows), square[k], FA_TAME);
        fa_put(out + at, i, n_rows, square[k]);
        total[k] = total[k] + square[k];
    }
}

static void fa_turn(size_t n_rows, size_t n, const void *g, const void *y, void *out, void *sum)
{
    for (size_t j = 0; j < n; j += FA_LANES) {
        const int width = n - j < FA_LANES ? (int)(n - j) : FA_LANES;
        vreal total[FA_LANES];
        for (int k = 0; k < FA_LANES; k++)
            total[k] = K(0);
        size_t i = 0;
        if (width == FA_LANES)
            for (; n_rows - i >= FA_LANES; i += FA_LANES)
                fa_turn_part(n_rows, n, g, y, out, total, i, j, FA_LANES, FA_LANES);
        for (; i < n_rows; i += FA_LANES)
            fa_turn_part(n_rows, n, g, y, out, total, i, j, n_rows - i < FA_LANES ? (int)(n_rows - i) : FA_LANES,
                         width);
        if (sum == NULL)
            continue;
        fa_turn_square(total);
        for (int k = 1; k < FA_LANES; k++)
            total[0] = total[0] + total[k];
        fa_put(sum, j, n, total[0]);
    }
}

#endif
