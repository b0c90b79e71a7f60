/* Lookup of an interval's row of the tables in tables/, laid out as the vectors want it: whole rows where rows are
 * loaded, whole columns where they are permuted.
 * The tables themselves are written by tools/coefficients.py; formulas that use them belong in tanh.h and gelu.h. */
#ifndef FA_INTERVAL_H
#define FA_INTERVAL_H
#include "mode.h"

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
FA_INLINE void v_lookup_rows4(const fa_rows4 t, vi32 k, int low, fa_runs runs, vf32 column[4])
{
    (void)runs;
    for (int i = 0; i < 4; i++)
        column[i] = v_lookup32(t[i], k >> low);
}
FA_INLINE void v_lookup_rows8(const fa_rows8 t, vi32 k, int low, fa_runs runs, vf32 column[8])
{
    (void)runs;
    for (int i = 0; i < 7; i++)
        column[i] = v_lookup32(t[i], k >> low);
}
#endif

#ifdef FA_REAL_F64
/* Sixteen rows of sixteen doubles; entries a table does without are 0. */
typedef double fa_rows16[16][16];
#ifdef FA_LOOKUP_BY_ROWS
#define FA_TABLE16(name, ROWS) FA_TABLE(name, fa_rows16, {ROWS(FA_ROW)})
#else
#define FA_ENTRY0(a, ...) a,
#define FA_ENTRY1(a, ...) FA_ENTRY0(__VA_ARGS__)
#define FA_ENTRY2(a, ...) FA_ENTRY1(__VA_ARGS__)
#define FA_ENTRY3(a, ...) FA_ENTRY2(__VA_ARGS__)
#define FA_ENTRY4(a, ...) FA_ENTRY3(__VA_ARGS__)
#define FA_ENTRY5(a, ...) FA_ENTRY4(__VA_ARGS__)
#define FA_ENTRY6(a, ...) FA_ENTRY5(__VA_ARGS__)
#define FA_ENTRY7(a, ...) FA_ENTRY6(__VA_ARGS__)
#define FA_ENTRY8(a, ...) FA_ENTRY7(__VA_ARGS__)
#define FA_ENTRY9(a, ...) FA_ENTRY8(__VA_ARGS__)
#define FA_ENTRY10(a, ...) FA_ENTRY9(__VA_ARGS__)
#define FA_ENTRY11(a, ...) FA_ENTRY10(__VA_ARGS__)
#define FA_ENTRY12(a, ...) FA_ENTRY11(__VA_ARGS__)
#define FA_ENTRY13(a, ...) FA_ENTRY12(__VA_ARGS__)
#define FA_ENTRY14(a, ...) FA_ENTRY13(__VA_ARGS__)
#define FA_ENTRY15(a, ...) FA_ENTRY14(__VA_ARGS__, 0)
#define FA_ENTRIES8(ROWS)                                                                                              \
    {ROWS(FA_ENTRY0)}, {ROWS(FA_ENTRY1)}, {ROWS(FA_ENTRY2)}, {ROWS(FA_ENTRY3)}, {ROWS(FA_ENTRY4)}, {ROWS(FA_ENTRY5)},  \
        {ROWS(FA_ENTRY6)},                                                                                             \
    {                                                                                                                  \
        ROWS(FA_ENTRY7)                                                                                                \
    }
#define FA_TABLE16(name, ROWS)                                                                                         \
    FA_TABLE(name, fa_rows16,                                                                                          \
             {FA_ENTRIES8(ROWS),                                                                                       \
              {ROWS(FA_ENTRY8)},                                                                                       \
              {ROWS(FA_ENTRY9)},                                                                                       \
              {ROWS(FA_ENTRY10)},                                                                                      \
              {ROWS(FA_ENTRY11)},                                                                                      \
              {ROWS(FA_ENTRY12)},                                                                                      \
              {ROWS(FA_ENTRY13)},                                                                                      \
              {ROWS(FA_ENTRY14)},                                                                                      \
              {ROWS(FA_ENTRY15)}})
/* The first n entries of rows (k >> low) & 15. */
FA_INLINE void v_lookup_rows16(const fa_rows16 t, vi64 k, int low, fa_runs runs, int n, vf64 *column)
{
    (void)runs;
    for (int i = 0; i < n; i++)
        column[i] = v_lookup16(t[i], k >> low);
}
#endif
/* The polynomial c[0] + c[1]*r + ... + c[n - 1]*r^(n - 1), n > 1, by even and odd powers. */
FA_INLINE vf64 v_columns_polynomial(const vf64 *c, int n, vf64 r)
{
    const int last_even = (n - 1) / 2 * 2, last_odd = (n - 2) / 2 * 2 + 1;
    vf64 square = r * r, even = c[last_even], odd = c[last_odd];
    for (int i = last_even - 2; i >= 0; i -= 2)
        even = v_fma(square, even, c[i]);
    for (int i = last_odd - 2; i > 0; i -= 2)
        odd = v_fma(square, odd, c[i]);
    return v_fma(r, odd, even);
}
#endif

/* The bits of scale*t + 1; an interval's number is in five of them: eight intervals to an octave. */
enum { FA_INTERVAL_LOW = 20 };
FA_INLINE vi32 v_interval(vf32 t, vf32 scale) { return v_bits(v_fma(t, scale, KF(1))); }
#endif
