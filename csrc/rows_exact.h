/* Log-sums in two doubles, for the float64 unit: log(1 + r) as head and tail, and whole rows to 2^-64 where
 * max + log(1 + rest) cancels, which is slow and done only where a result needs it. */
#ifndef FA_ROWS_EXACT_H
#define FA_ROWS_EXACT_H

#include "rows_wide.h"

/* Of one number, and of one in each lane.  log(2^k (1 + f)), good to 2^-58 of itself: with s = f/(2 + f) it is
 * k log 2 + 2s + s R(s^2); only s needs its tail. */
#define ROW_EXACT(T, total, C, fused, two_sum, plus, log)                                                              \
    FA_INLINE total two_sum(T a, T b)                                                                                  \
    {                                                                                                                  \
        T s = a + b, t = s - a;                                                                                        \
        return (total){s, (a - (s - t)) + (b - t)};                                                                    \
    }                                                                                                                  \
    FA_INLINE total plus(total a, total b)                                                                             \
    {                                                                                                                  \
        total s = two_sum(a.head, b.head);                                                                             \
        return two_sum(s.head, s.tail + (a.tail + b.tail));                                                            \
    }                                                                                                                  \
    FA_INLINE total log(T k, total f)                                                                                  \
    {                                                                                                                  \
        total d = plus((total){C(2.0), C(0.0)}, f);                                                                    \
        T s = f.head / d.head;                                                                                         \
        T tail = (fused(-s, d.head, f.head) + (f.tail - s * d.tail)) / d.head;                                         \
        T z = s * s;                                                                                                   \
        T R = z *                                                                                                      \
              (0x1.5555555555593p-1 +                                                                                  \
               z * (0x1.999999997fa04p-2 +                                                                             \
                    z * (0x1.2492494229359p-2 +                                                                        \
                         z * (0x1.c71c51d8e78afp-3 +                                                                   \
                              z * (0x1.7466496cb03dep-3 + z * (0x1.39a09d078c69fp-3 + z * 0x1.2f112df3e5244p-3))))));  \
        total y = two_sum(k * 0x1.62e42fee00000p-1, 2.0 * s);                                                          \
        return two_sum(y.head, y.tail + (2.0 * tail + (s * R + k * 0x1.a39ef35793c76p-33)));                           \
    }
ROW_EXACT(double, row_total, , fma, row_two_sum, row_plus, row_log_exact)
ROW_EXACT(vf64, row_doubles, KD, v_fma, row_two_sums, row_plus_lanes, row_log_exact_lanes)
#undef ROW_EXACT

FA_INLINE row_total row_two_product(double a, double b)
{
    double p = a * b;
    return (row_total){p, fma(a, b, -p)};
}

FA_INLINE row_total row_times(row_total a, row_total b)
{
    row_total p = row_two_product(a.head, b.head);
    return row_two_sum(p.head, p.tail + (a.head * b.tail + a.tail * b.head));
}

#define ROW_LOG_FROM 0x1.6a09ep0 /* below it 1 + r is not split */

/* log(1 + r) */
FA_INLINE row_total row_log1p_exact(row_total r)
{
    if (!(r.head >= 0x1p-1000 && r.head < 0x1p1000))
        return (row_total){r.head, 0};
    row_total u = row_plus((row_total){1, 0}, r);
    if (u.head < ROW_LOG_FROM)
        return row_log_exact(0, r);
    int64_t bits;
    memcpy(&bits, &u.head, sizeof bits);
    double k = (double)((bits + (0x3ff0000000000000 - 0x3fe6a09e00000000)) >> 52) - 1023, p = row_power_of_two(-k);
    return row_log_exact(k, row_plus((row_total){u.head * p, u.tail * p}, (row_total){-1, 0}));
}

FA_INLINE row_doubles row_log1p_exact_lanes(row_doubles r)
{
    const row_doubles u = row_plus_lanes((row_doubles){KD(1), KD(0)}, r);
    const vm64 unsplit = v_lt(u.head, KD(ROW_LOG_FROM));
    const vi64 k = ((v_bits(u.head) + KI64(0x3ff0000000000000 - 0x3fe6a09e00000000)) >> 52) - KI64(1023);
    const vf64 p = v_real((KI64(1023) - k) << 52);
    row_doubles f = row_plus_lanes((row_doubles){u.head * p, u.tail * p}, (row_doubles){KD(-1), KD(0)});
    f = (row_doubles){v_select(unsplit, r.head, f.head), v_select(unsplit, r.tail, f.tail)};
    const row_doubles y = row_log_exact_lanes(v_select(unsplit, KD(0), v_to_float(k)), f);
    const vm64 inside = v_ge(r.head, KD(0x1p-1000)) & v_lt(r.head, KD(0x1p1000));
    return (row_doubles){v_select(inside, y.head, r.head), v_select(inside, y.tail, KD(0))};
}

/* e^d for d <= 0 with relative error 2^-65: d = (n/8) log 2 + r, e^r = 1 + r + r^2/2 + r^3 P(r). */
FA_CALLED row_total row_exp_exact(row_total d)
{
    static const double root[8] = {0x1p0,
                                   0x1.172b83c7d517bp0,
                                   0x1.306fe0a31b715p0,
                                   0x1.4bfdad5362a27p0,
                                   0x1.6a09e667f3bcdp0,
                                   0x1.8ace5422aa0dbp0,
                                   0x1.ae89f995ad3adp0,
                                   0x1.d5818dcfba487p0};
    static const double root_tail[8] = {0,
                                        -0x1.19041b9d78a76p-55,
                                        0x1.6f46ad23182e4p-55,
                                        0x1.d4397afec42e2p-56,
                                        -0x1.bdd3413b26456p-54,
                                        0x1.6e9f156864b27p-54,
                                        0x1.7a1cd345dcc81p-54,
                                        0x1.2ed02d75b3707p-55};
    if (!(d.head > -1100))
        return (row_total){d.head == d.head ? 0 : d.head, 0};
    double n = rint(d.head * 8 * ROW_LOG2E_HI);
    /* log 2 / 8 in three parts, the first of 32 bits so that n times it is exact */
    row_total r = row_plus(d, row_two_product(n, -0x1.62e42fee00000p-4));
    r = row_plus(r, row_two_product(n, -0x1.a39ef35793c76p-36));
    r = row_plus(r, (row_total){n * -(0x1.cc01f97b57a08p-90), 0});
    double x = r.head;
    static const double factorial[] = {
        0x1.5555555555555p-3,  0x1.5555555555555p-5,  0x1.1111111111111p-7,
        0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16,
        0x1.71de3a556c734p-19, 0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26}; /* 1/3! to 1/11! */
    double P = factorial[8];
    for (int i = 7; i >= 0; i--)
        P = factorial[i] + x * P;
    row_total square = row_times(r, r), sum = row_plus(r, (row_total){0.5 * square.head, 0.5 * square.tail});
    sum = row_plus(sum, row_two_sum(square.head * x * P, 0));
    sum = row_plus((row_total){1, 0}, sum);
    int j = (int)(n - 8 * floor(n / 8));
    return row_times_power(row_times(sum, (row_total){root[j], root_tail[j]}), (n - j) / 8);
}

#ifdef FA_REAL_F64
/* max + log(1 + rest) of a row of finite numbers whose maximum stands at first. */
static row_total row_log_sum_exact(const real *x, size_t n, size_t first)
{
    double max = x[first];
    row_total rest = {0, 0};
    for (size_t i = 0; i < n; i++)
        if (i != first)
            rest = row_plus(rest, row_exp_exact(row_two_sum(x[i], -max)));
    row_total l = row_log1p_exact(rest), one = row_plus((row_total){1, 0}, rest);
    /* one step of Newton's method: l + (1 + rest) e^-l - 1 */
    row_total e = row_plus(row_times(one, row_exp_exact((row_total){-l.head, -l.tail})), (row_total){-1, 0});
    return row_plus(row_plus((row_total){max, 0}, l), e);
}
#endif

#endif
