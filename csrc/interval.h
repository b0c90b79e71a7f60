/* Lookup of an interval's row (b, base, c1 ... c5) of the tables in tables/, and the two layouts of a table.
 * The tables themselves are written by tools/coefficients.py; formulas that use them belong in tanh.h, gelu.h. */
#ifndef FA_INTERVAL_H
#define FA_INTERVAL_H
#include "vec.h"

#define FA_COLUMN_B(b, base, c1, c2, c3, c4, c5) b,
#define FA_COLUMN_BASE(b, base, c1, c2, c3, c4, c5) base,
#define FA_COLUMN_C1(b, base, c1, c2, c3, c4, c5) c1,
#define FA_COLUMN_C2(b, base, c1, c2, c3, c4, c5) c2,
#define FA_COLUMN_C3(b, base, c1, c2, c3, c4, c5) c3,
#define FA_COLUMN_C4(b, base, c1, c2, c3, c4, c5) c4,
#define FA_COLUMN_C5(b, base, c1, c2, c3, c4, c5) c5,
#define FA_COLUMNS(ROWS)                                                                                              \
    {                                                                                                                 \
        {ROWS(FA_COLUMN_B)}, {ROWS(FA_COLUMN_BASE)}, {ROWS(FA_COLUMN_C1)}, {ROWS(FA_COLUMN_C2)},                      \
            {ROWS(FA_COLUMN_C3)}, {ROWS(FA_COLUMN_C4)}, {ROWS(FA_COLUMN_C5)},                                         \
    }

typedef float fa_columns[7][32];

typedef struct {
    vf32 r, base, slope; /* the function is base + r*slope; where base is INFINITY, t + r*slope */
} fa_interval;

FA_INLINE fa_interval v_interval(const fa_columns c, vf32 t, vf32 scale)
{
    vi32 k = v_bits(v_fma(t, scale, KF(1))) >> 20;
    vf32 r = t - v_lookup32(c[0], k);
    vf32 p = v_fma(r, v_lookup32(c[6], k), v_lookup32(c[5], k));
    p = v_fma(r, p, v_lookup32(c[4], k));
    p = v_fma(r, p, v_lookup32(c[3], k));
    p = v_fma(r, p, v_lookup32(c[2], k));
    return (fa_interval){r, v_lookup32(c[1], k), p};
}
#endif
