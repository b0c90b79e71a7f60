/* Lookup of an interval's row (b, base, c1 ... c5) of the tables in tables/, laid out as the vectors want it.
 * The tables themselves are written by tools/coefficients.py; formulas that use them belong in tanh.h and gelu.h. */
#ifndef FA_INTERVAL_H
#define FA_INTERVAL_H
#include "vec.h"

#ifdef FA_LOOKUP_BY_ROWS
typedef float fa_intervals[32][8];
#define FA_INTERVAL_ROW(b, base, c1, c2, c3, c4, c5) {b, base, c1, c2, c3, c4, c5, 0},
#define FA_INTERVALS(ROWS) {ROWS(FA_INTERVAL_ROW)}
#else
typedef float fa_intervals[7][32];
#define FA_COLUMN_B(b, base, c1, c2, c3, c4, c5) b,
#define FA_COLUMN_BASE(b, base, c1, c2, c3, c4, c5) base,
#define FA_COLUMN_C1(b, base, c1, c2, c3, c4, c5) c1,
#define FA_COLUMN_C2(b, base, c1, c2, c3, c4, c5) c2,
#define FA_COLUMN_C3(b, base, c1, c2, c3, c4, c5) c3,
#define FA_COLUMN_C4(b, base, c1, c2, c3, c4, c5) c4,
#define FA_COLUMN_C5(b, base, c1, c2, c3, c4, c5) c5,
#define FA_INTERVALS(ROWS)                                                                                            \
    {                                                                                                                 \
        {ROWS(FA_COLUMN_B)}, {ROWS(FA_COLUMN_BASE)}, {ROWS(FA_COLUMN_C1)}, {ROWS(FA_COLUMN_C2)},                      \
            {ROWS(FA_COLUMN_C3)}, {ROWS(FA_COLUMN_C4)}, {ROWS(FA_COLUMN_C5)},                                         \
    }
FA_INLINE void v_lookup_rows(const fa_intervals t, vi32 k, vf32 column[8])
{
    for (int i = 0; i < 7; i++)
        column[i] = v_lookup32(t[i], k);
}
#endif
#define FA_INTERVAL_TABLE(name, ROWS) static const _Alignas(64) fa_intervals name = FA_INTERVALS(ROWS)

typedef struct {
    vf32 r, base, slope; /* the function is base + r*slope; where base is INFINITY, t + r*slope */
} fa_interval;

FA_INLINE fa_interval v_interval(const fa_intervals table, vf32 t, vf32 scale)
{
    vf32 c[8];
    v_lookup_rows(table, v_bits(v_fma(t, scale, KF(1))) >> 20, c);
    vf32 r = t - c[0];
    vf32 p = v_fma(r, c[6], c[5]);
    p = v_fma(r, p, c[4]);
    p = v_fma(r, p, c[3]);
    return (fa_interval){r, c[1], v_fma(r, p, c[2])};
}
#endif
