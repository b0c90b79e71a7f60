/* Lookup of an interval's row of the tables in tables/, laid out as the vectors want it: whole rows where rows are
 * loaded, whole columns where they are permuted.
 * The tables themselves are written by tools/coefficients.py; formulas that use them belong in tanh.h and gelu.h. */
#ifndef FA_INTERVAL_H
#define FA_INTERVAL_H
#include "vec.h"

#define FA_TABLE(name, type, ...) static const _Alignas(64) type name = __VA_ARGS__
#ifdef FA_LOOKUP_BY_ROWS
typedef float fa_rows4[32][4];
typedef float fa_rows8[32][8];
#define FA_ROW(...) {__VA_ARGS__},
#define FA_TABLE4(name, ROWS) FA_TABLE(name, fa_rows4, {ROWS(FA_ROW)})
#define FA_TABLE8(name, ROWS) FA_TABLE(name, fa_rows8, {ROWS(FA_ROW)})
#else
typedef float fa_rows4[4][32];
typedef float fa_rows8[7][32];
#define FA_COLUMN1(a, ...) a,
#define FA_COLUMN2(a, b, ...) b,
#define FA_COLUMN3(a, b, c, ...) c,
#define FA_COLUMN4(a, b, c, ...) FA_COLUMN1(__VA_ARGS__, 0)
#define FA_COLUMN5(a, b, c, d, e, ...) e,
#define FA_COLUMN6(a, b, c, d, e, f, ...) f,
#define FA_COLUMN7(a, b, c, d, e, f, ...) FA_COLUMN1(__VA_ARGS__, 0)
#define FA_COLUMNS4(ROWS)                                                                                              \
    {ROWS(FA_COLUMN1)}, {ROWS(FA_COLUMN2)}, {ROWS(FA_COLUMN3)}, { ROWS(FA_COLUMN4) }
#define FA_TABLE4(name, ROWS) FA_TABLE(name, fa_rows4, {FA_COLUMNS4(ROWS)})
#define FA_TABLE8(name, ROWS)                                                                                          \
    FA_TABLE(name, fa_rows8, {FA_COLUMNS4(ROWS), {ROWS(FA_COLUMN5)}, {ROWS(FA_COLUMN6)}, {ROWS(FA_COLUMN7)}})
FA_INLINE void v_lookup_rows4(const fa_rows4 t, vi32 k, int low, vf32 column[4])
{
    for (int i = 0; i < 4; i++)
        column[i] = v_lookup32(t[i], k >> low);
}
FA_INLINE void v_lookup_rows8(const fa_rows8 t, vi32 k, int low, vf32 column[8])
{
    for (int i = 0; i < 7; i++)
        column[i] = v_lookup32(t[i], k >> low);
}
#endif

/* The bits of scale*t + 1; an interval's number is in five of them: eight intervals to an octave. */
enum { FA_INTERVAL_LOW = 20 };
FA_INLINE vi32 v_interval(vf32 t, vf32 scale) { return v_bits(v_fma(t, scale, KF(1))); }
#endif
