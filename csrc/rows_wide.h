/* What the rows compute in float64 whatever the dtype: totals as head and tail, log1p, the scale of a row's result.
 * Scalars and vf64 only; nothing here walks over an array. */
#ifndef FA_ROWS_WIDE_H
#define FA_ROWS_WIDE_H

#include "rows_api.h"
#include "rows_power.h"

/* A number in each lane, in two doubles. */
typedef struct {
    vf64 head, tail;
} row_doubles;

/* A sum of non-negative numbers, of one row and of a row in each lane.  In the float32 unit a double has bits to spare
 * and there is no tail, or it stays 0. */
typedef fa_row_total row_total;
#ifdef FA_REAL_F32
typedef struct {
    vf64 head;
} row_totals;
FA_INLINE row_totals row_totals_of(vf64 head, vf64 tail)
{
    (void)tail;
    return (row_totals){head};
}
FA_INLINE vf64 row_tail(row_totals t)
{
    (void)t;
    return KD(0);
}
FA_INLINE vf64 row_widen(vf32 v, int half)
{
#if FA_HALVES == 2
    return half ? v_widen_hi(v) : v_widen_lo(v);
#else
    (void)half;
    return v_widen_lo(v);
#endif
}
FA_INLINE row_total row_add(row_total a, row_total b) { return (row_total){a.head + b.head, a.tail}; }
FA_INLINE row_totals row_add_lanes(row_totals a, row_totals b) { return (row_totals){a.head + b.head}; }
#else
typedef row_doubles row_totals;
FA_INLINE row_totals row_totals_of(vf64 head, vf64 tail) { return (row_totals){head, tail}; }
FA_INLINE vf64 row_tail(row_totals t) { return t.tail; }
FA_INLINE vf64 row_widen(vf64 v, int half)
{
    (void)half;
    return v;
}
#define ROW_ADD(T, total)                                                                                              \
    {                                                                                                                  \
        T s = a.head + b.head, t = s - a.head;                                                                         \
        T e = ((a.head - (s - t)) + (b.head - t)) + (a.tail + b.tail), head = s + e;                                   \
        return (total){head, e - (head - s)};                                                                          \
    }
FA_INLINE row_total row_add(row_total a, row_total b) ROW_ADD(double, row_total) FA_INLINE row_totals
    row_add_lanes(row_totals a, row_totals b) ROW_ADD(vf64, row_totals)
#undef ROW_ADD
#endif

/* 2^e, 0 where that is below the normal numbers. */
FA_INLINE double row_power_of_two(double e)
{
    if (!(e >= -1022))
        return e < -1022 ? 0 : e;
    e = e < 1023 ? e : 1023;
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double p;
    memcpy(&p, &bits, sizeof p);
    return p;
}

FA_CALLED row_total row_times_power(row_total a, double e)
{
    double half = trunc(e / 2), p = row_power_of_two(half), r = row_power_of_two(e - half);
    return (row_total){a.head * p * r, a.tail * p * r};
}

/* log(2^k (1 + f)) + lost after fdlibm: f - (f^2/2 - s (f^2/2 + R(s^2))) with s = f/(2 + f).  Error below 1 ULP. */
#define ROW_LOG_REDUCED(T)                                                                                             \
    {                                                                                                                  \
        T s = f / (2.0 + f), z = s * s, w = z * z;                                                                     \
        T t1 = w * (0x1.999999997fa04p-2 + w * (0x1.c71c51d8e78afp-3 + w * 0x1.39a09d078c69fp-3));                     \
        T t2 = z * (0x1.5555555555593p-1 +                                                                             \
                    w * (0x1.2492494229359p-2 + w * (0x1.7466496cb03dep-3 + w * 0x1.2f112df3e5244p-3)));               \
        T half = 0.5 * f * f;                                                                                          \
        return k * 0x1.62e42fee00000p-1 -                                                                              \
               ((half - (s * (half + (t1 + t2)) + (k * 0x1.a39ef35793c76p-33 + lost))) - f);                           \
    }
FA_INLINE vf64 row_log_reduced(vf64 k, vf64 f, vf64 lost) ROW_LOG_REDUCED(vf64)
    FA_INLINE double row_log_reduced_one(double k, double f, double lost) ROW_LOG_REDUCED(double)
#undef ROW_LOG_REDUCED

    /* u = 2^k m with m in [sqrt(1/2), sqrt(2)) */
    FA_INLINE vf64 row_split(vf64 u, vi64 *k)
{
    vi64 bits = v_bits(u) + KI64(0x3ff0000000000000 - 0x3fe6a09e00000000);
    *k = (bits >> 52) - KI64(0x3ff);
    return v_real((bits & KI64(0x000fffffffffffff)) + KI64(0x3fe6a09e00000000));
}

/* log(1 + r), r >= 0 */
FA_INLINE vf64 row_log1p(vf64 r)
{
    vf64 u = KD(1) + r;
    vi64 k;
    vf64 m = row_split(u, &k);
    vm64 small = v_eq(k, KI64(0));
    vf64 lost = v_select(v_lt(r, KD(1)), r - (u - KD(1)), KD(1) - (u - r)) / u; /* by rounding 1 + r */
    vf64 y = row_log_reduced(v_to_float(k), v_select(small, r, m - KD(1)), v_select(small, KD(0), lost));
    return v_select(v_lt(r, KD(0x1p1023)) & v_ge(r, KD(0x1p-54)), y, r);
}

/* The same of one number, which is what a row has: divisions of whole vectors take three times as long. */
FA_INLINE double row_log1p_one(double r)
{
    if (!(r < 0x1p1023 && r >= 0x1p-54))
        return r;
    double u = 1 + r, m, k = 0, lost = (r < 1 ? r - (u - 1) : 1 - (u - r)) / u;
    int64_t bits;
    memcpy(&bits, &u, sizeof bits);
    bits += 0x3ff0000000000000 - 0x3fe6a09e00000000;
    if (bits >> 52 == 0x3ff)
        return row_log_reduced_one(k, r, 0);
    k = (double)((bits >> 52) - 0x3ff);
    bits = (bits & 0x000fffffffffffff) + 0x3fe6a09e00000000;
    memcpy(&m, &bits, sizeof m);
    return row_log_reduced_one(k, m - 1, lost);
}

FA_INLINE vf64 row_log(vf64 p)
{
    vm64 subnormal = v_lt(p, KD(0x1p-1022));
    vi64 k;
    vf64 m = row_split(v_select(subnormal, p * KD(0x1p54), p), &k);
    vf64 y = row_log_reduced(v_to_float(k) - v_select(subnormal, KD(54), KD(0)), m - KD(1), KD(0));
    y = v_select(v_lt(p, KD(INFINITY)), y, p);
    return v_select(v_gt(p, KD(0)), y, v_select(v_eq(p, KD(0)), KD(-INFINITY), KD(NAN)));
}

/* 1/S = 2^-g (1 + delta) with g on the grid of 1/8 octave and |delta| < 0.05: eighths is -g. */
FA_INLINE vf64 row_invert(vf64 head, vf64 tail, vf64 *eighths)
{
    static const int64_t root[8] = {0x3ff0000000000000,
                                    0x3ff172b83c7d517b - (1LL << 49),
                                    0x3ff306fe0a31b715 - (2LL << 49),
                                    0x3ff4bfdad5362a27 - (3LL << 49),
                                    0x3ff6a09e667f3bcd - (4LL << 49),
                                    0x3ff8ace5422aa0db - (5LL << 49),
                                    0x3ffae89f995ad3ad - (6LL << 49),
                                    0x3ffd5818dcfba487 - (7LL << 49)};
    /* relative to root */
    static const double root_tail[8] = {0,
                                        -0x1.01b15eaa59348p-55,
                                        0x1.34d754db0abb6p-55,
                                        0x1.690cebb7aafb0p-56,
                                        -0x1.3b3efbf5e2229p-54,
                                        0x1.db72fc1f0eab4p-55,
                                        0x1.c1a7792cb3386p-55,
                                        0x1.4a385a63d07a7p-56};
    vi64 bits = v_bits(head);
    vf64 t = v_real((bits & KI64(0x000fffffffffffff)) | KI64(0x3ff0000000000000)) - KD(1);
    vf64 log2_head = v_to_float((bits >> 52) - KI64(1023)) + t * v_fma(t, KD(-0.3435), KD(1.3435));
    vf64 z = KD(0x1.8p49) + log2_head;
    vi64 grid = v_bits(z);
    *eighths = KD(0x1.8p49) - z;
#if FA_VECTOR_BYTES
    vi64 up = grid << 49;
#else
    vi64 up = (vi64)((uint64_t)grid << 49);
#endif
    vf64 power = v_real(v_lookup8(root, grid) + up);
    vf64 v = power / head;
    vf64 residual = v_fma(-v, head, power) + power * v_lookup8(root_tail, grid) - v * tail;
    return (v - KD(1)) + residual / head;
}

#endif
