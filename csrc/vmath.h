/* Lane mathematics the activations share: exponential, logistic tail, logarithm, as head and tail so that the caller
 * rounds once.  Error bounds stand beside each; coefficients come from
 * tools/coefficients_vmath.py.  No activation here. */
#ifndef FA_VMATH_H
#define FA_VMATH_H

#include "mode.h"
#ifdef FA_REAL_F64
#include "tables/exp_f64.h"
#endif

#ifdef FA_REAL_F32
#define FA_BIAS_SHIFT 23 /* where the exponent field begins */
#define FA_SCALE 64      /* e^y is kept times 2^±FA_SCALE where it may leave the normal range */
#define FA_UP 0x1p64f
#define FA_DOWN 0x1p-64f
#define FA_ANY_LIMIT INFINITY
#define FA_EXP_LIMIT 86.0
#define FA_TAIL_LIMIT 64.0 /* up to here the low part of e^-y is a normal number, or too small to count */
#define FA_COUNTS 0x1p-60  /* what is below is nothing beside 1, even times FA_EXP_ZERO */
#define FA_EXP_ZERO 110.0  /* e^-y, and y times it, round to 0 from here on */
#define FA_EXP_GONE 40.0   /* 1 + e^-y rounds to 1 */
#define FA_ROUND_MAGIC 0x1.8p23f
#define FA_CUBE_ZERO 11.0 /* the same for e^-2u of gelu's tanh form, and its derivative */
#define FA_FAR 192        /* past FA_EXP_LIMIT e^±y is kept times 2^∓FA_FAR where another factor makes up for it: */
#define FA_FAR_OTHER 0x1p-100 /* that factor comes times this, or over it, and the product times the next, or over it */
#define FA_FAR_PRODUCT 0x1p-92
#define FA_FAR_ZERO 205.0  /* e^-y times the largest number rounds to 0 from here on */
#define FA_OVER_ZERO 210.0 /* and over the smallest */
#else
#define FA_BIAS_SHIFT 52
#define FA_SCALE 512
#define FA_UP 0x1p512
#define FA_DOWN 0x1p-512
#define FA_ANY_LIMIT INFINITY
#define FA_EXP_LIMIT 700.0
#define FA_TAIL_LIMIT 640.0
#define FA_COUNTS 0x1p-130
#define FA_EXP_ZERO 760.0
#define FA_EXP_GONE 80.0
#define FA_ROUND_MAGIC 0x1.8p52
#define FA_CUBE_ZERO 21.7
#define FA_FAR 1536
#define FA_FAR_OTHER 0x1p-800
#define FA_FAR_PRODUCT 0x1p-736
#define FA_FAR_ZERO 1475.0
#define FA_OVER_ZERO 1495.0
#endif

#define FA_THIN NAN /* no limit, for rows of so few operations that stores set their pace */
#if FA_VECTOR_BYTES == 32
#define FA_LIGHT                                                                                                       \
    FA_THIN /* for rows of ten operations or twenty, which AVX2 treats the same way: no blocks, so nothing kept */
#else
#define FA_LIGHT FA_ANY_LIMIT
#endif

/* e^y = scale·(1 + excess), kept apart so that the caller can add before it rounds. */
typedef struct {
    vreal scale, excess;
} fa_exponential;

/* No low part: what x + FA_NOTHING leaves as it is, and the compiler leaves out. */
#define FA_NOTHING K(-0.0)

/* exp(y + low)·2^shift, |y| ≤ FA_EXP_ZERO: scale a power of two, excess = expm1(r) for r in ±ln2/2.  head + tail = excess
 * to 2^-34 (float32), 2^-63 (float64) before their roundings. */
typedef struct {
    vreal scale, head, tail;
} fa_exponential3;

FA_INLINE fa_exponential3 v_exp3(vreal y, vreal low, int shift)
{
#ifdef FA_REAL_F32
    const vreal log2_e = K(0x1.715476p0), ln2_head = K(0x1.62e4p-1), ln2_tail = K(0x1.7f7d1cp-20);
#else
    const vreal log2_e = K(0x1.71547652b82fep0), ln2_head = K(0x1.62e42fefa38p-1), ln2_tail = K(0x1.ef35793c7673p-45);
#endif
    vreal z = v_fma(y, log2_e, K(FA_ROUND_MAGIC)), n = z - K(FA_ROUND_MAGIC);
    vreal exact = v_fnma(n, ln2_head, y);
    vreal r = v_fnma(n, ln2_tail, exact) + low;
    vreal lost = v_fnma(n, ln2_tail, exact - r) + low;
#ifdef FA_REAL_F32 /* (e^r − 1 − r)/r² on ±0.3473, error 2^-34 r^-2; one degree less costs expm1 0.2 ULP */
    vreal q = v_fma(r, K(0x1.a1b92p-13), K(0x1.6d97ccp-10));
    q = v_fma(r, q, K(0x1.11107cp-7));
    q = v_fma(r, q, K(0x1.55547ep-5));
    q = v_fma(r, q, K(0x1.555556p-3));
    q = v_fma(r, q, K(0.5));
#else /* the same, error 2^-64 r^-2; two chains by even and odd powers */
    vreal r2 = r * r;
    vreal even = v_fma(r2, K(0x1.1f9e9ff0f679ap-29), K(0x1.27e4beb6f1589p-22));
    vreal odd = v_fma(r2, K(0x1.af6db7ece8c20p-26), K(0x1.71ddef10bb2a3p-19));
    even = v_fma(r2, even, K(0x1.a01a01b493178p-16));
    odd = v_fma(r2, odd, K(0x1.a01a01b3edbdfp-13));
    even = v_fma(r2, even, K(0x1.6c16c16c134acp-10));
    odd = v_fma(r2, odd, K(0x1.111111110eb36p-7));
    even = v_fma(r2, even, K(0x1.555555555555ep-5));
    odd = v_fma(r2, odd, K(0x1.555555555555cp-3));
    vreal q = v_fma(r, odd, v_fma(r2, even, K(0.5)));
#endif
    vint exponent = (v_bits(z) << FA_BIAS_SHIFT) + v_bits(K(1)) + (KI(shift) << FA_BIAS_SHIFT);
    return (fa_exponential3){v_real(exponent), r, v_fma(r * r, q, lost)};
}

/* e^(y + low)·2^shift, the short form: relative error of scale·(1 + excess) 2^-26 (float32), 2^-54.6 (float64) before any
 * rounding of the sum.  8 steps an octave (float64: 16), whose common factor is taken out of the polynomial so that the
 * table's entries are accurate to 2^-27, and excess ≤ 0 (float64: to 2^-54.7).  For y ≥ 0 the exponent of scale is not below
 * that of 1 + scale·excess, as Fast2Sum wants. */
FA_INLINE fa_exponential v_exp(vreal y, vreal low, int shift, fa_runs runs)
{
#ifdef FA_REAL_F32
    static const int32_t step[8] = {0x3f85f007, 0x3f820f5c, 0x3f7f4791, 0x3f7db212,
                                    0x3f7d6a98, 0x3f7e8f5e, 0x3f81415c, 0x3f85a485};
    vreal z = v_fma(y, K(0x1.715476p3), K(FA_ROUND_MAGIC)), n = z - K(FA_ROUND_MAGIC);
    vreal r = v_fma(n, K(0x1.05c61p-32), v_fma(n, K(-0x1.62e43p-4), y)) + low;
    vreal p = v_fma(r, K(0x1.463cbep-5), K(0x1.463d6cp-3));
    p = v_fma(r, p, K(0x1.e94d6ep-2));
    p = v_fma(r, p, K(0x1.e94d6ep-1));
    p = v_fma(r, p, K(-0x1.6b2928p-5));
    vint k = v_bits(z);
    vint scale = v_lookup8(step, k) + (k << 20) + (KI(shift) << FA_BIAS_SHIFT);
    return (fa_exponential){v_kept(v_real(scale), 1, runs), v_kept(p, 2, runs)};
#else
    const double *c = fa_exp_f64;
    vreal z = v_fma(y, K(FA_EXP_F64_STEPS), K(FA_ROUND_MAGIC)), n = z - K(FA_ROUND_MAGIC);
    vreal r = v_fnma(n, K(FA_EXP_F64_LOW), v_fnma(n, K(FA_EXP_F64_HIGH), y)) + low, r2 = r * r;
    vreal even = v_fma(r2, v_fma(r2, v_fma(r2, K(c[6]), K(c[4])), K(c[2])), K(c[0]));
    vreal odd = v_fma(r2, v_fma(r2, K(c[5]), K(c[3])), K(c[1]));
    vint k = v_bits(z);
    vreal octaves = v_real((k << (FA_BIAS_SHIFT - 4)) + (KI(shift) << FA_BIAS_SHIFT));
    vint scale = v_lookup16_ahead(fa_exp_f64_powers, k, runs) + v_bits(v_kept(octaves, 1, runs));
    return (fa_exponential){v_real(scale), v_kept(v_fma(r, odd, even), 2, runs)};
#endif
}

typedef struct {
    vreal head, tail;
} fa_pair;

FA_INLINE fa_pair fa_kept_pair(fa_pair y, int place, fa_runs runs)
{
    return (fa_pair){v_kept(y.head, place, runs), v_kept(y.tail, place + 1, runs)};
}

/* expm1(y), |y| ≤ 50, as head and tail that add to it with one rounding; the tail need not be small. */
FA_INLINE fa_pair v_expm1(vreal y)
{
    fa_exponential3 e = v_exp3(y, FA_NOTHING, 0);
    vreal base = e.scale - K(1), head = v_fma(e.scale, e.head, base);
    return (fa_pair){head, v_fma(e.scale, e.tail, v_fma(e.scale, e.head, base - head))};
}

/* A product's lower part, or 0 where the product is infinite. */
FA_INLINE vreal v_finite(vreal low) { return v_select(v_lt(v_abs(low), K(INFINITY)), low, K(0)); }

/* times·e^(y + low), |y| ≤ FA_FAR_ZERO when wild: rounded as once whatever the size of both; times 1 in the bits of the power
 * alone, scale·(1 + (head + tail)). */
FA_INLINE vreal v_times_exp(vreal times, vreal y, vreal low, const int wild)
{
    fa_exponential3 e = v_exp3(y, low, 0);
    vmask once = v_eq(times, K(1));
    vmask above = v_gt(y, K(FA_EXP_LIMIT)), below = v_lt(y, K(-FA_EXP_LIMIT));
    if (wild) {
        vint shift = v_select(above, KI(-FA_FAR), v_select(below, KI(FA_FAR), KI(0)));
        e.scale = v_real(v_bits(e.scale) + (shift << FA_BIAS_SHIFT));
        times = times * v_select(above, K(1 / FA_FAR_OTHER), v_select(below, K(FA_FAR_OTHER), K(1)));
    }
    vreal head = v_fma(e.scale, v_select(once, e.head + e.tail, e.head), e.scale);
    vreal tail = v_fma(e.scale, e.tail, v_fma(e.scale, e.head, e.scale - head));
    vreal product = v_fma(times, head, v_select(once, K(0), v_finite(times * tail)));
    if (wild)
        product = product * v_select(above, K(1 / FA_FAR_PRODUCT), v_select(below, K(FA_FAR_PRODUCT), K(1)));
    return product;
}

/* times / (one + e), e and one times the same power of two, as head and tail: one division, corrected by its residual.
 * The head alone is within 0.55 units in the last place. */
FA_INLINE fa_pair v_over_one_plus(vreal times, fa_exponential e, vreal one)
{
    vreal u = v_fma(e.scale, e.excess, one);
    vreal d = e.scale + u, d_low = u - (d - e.scale);
    vreal inverse = K(1) / d, q = times * inverse;
    vreal rest = v_fnma(q, d_low, v_fnma(q, d, times));
    vreal head = v_fma(inverse, rest, q);
    return (fa_pair){head, v_fma(inverse, rest, q - head)};
}

/* times / (1 + e^(t + low)) for t ≥ 0, both parts times 2^FA_SCALE when wild. */
FA_INLINE fa_pair v_logistic_tail(vreal times, vreal t, vreal low, fa_mode mode)
{
    const int wild = mode.wild;
    fa_exponential e = v_exp(wild ? v_min(K(FA_EXP_ZERO), t) : t, low, wild ? -FA_SCALE : 0, mode.runs);
    return v_over_one_plus(times, e, wild ? K(FA_DOWN) : K(1));
}

/* 1/(1 + e^(y + low)), y of either sign, within 2 ULP: half the operations after the exponential. */
FA_INLINE vreal v_logistic_short(vreal y, vreal low, fa_mode mode)
{
    const int wild = mode.wild;
    if (wild)
        y = v_max(K(-FA_EXP_GONE), v_min(K(FA_EXP_ZERO), y));
#ifdef FA_REAL_F32
    mode.runs = (fa_runs){0}; /* short enough for one run */
#endif
    fa_exponential e = v_exp(y, low, wild ? -FA_SCALE : 0, mode.runs);
    vreal q = K(1) / (e.scale + v_fma(e.scale, e.excess, wild ? K(FA_DOWN) : K(1)));
    return wild ? q * K(FA_DOWN) : q;
}

/* times q(1 − q), q = 1/(1 + e^t), t ≥ 0: even where q is subnormal it is rounded once. */
FA_INLINE vreal v_logistic_slope(double times, vreal t, fa_mode mode)
{
    const double down = mode.wild ? FA_DOWN : 1;
    vreal scaled = v_logistic_tail(K(1), t, FA_NOTHING, mode).head;
    vreal q = scaled * K(down);
    return v_fnma(q, scaled, scaled) * K(times * down);
}

/* log1p(head + tail), 0 ≤ head ≤ 1, tail below head's last place, as head and tail; relative error 2^-27 (float32),
 * 2^-54 (float64) of the sum. */
#ifdef FA_REAL_F32
/* u = 1 + head is brought near 1 by one of 16 reciprocals r of 8 bits, the first of them 1, with log(1/r) in two parts. */
FA_INLINE fa_pair v_log1p(vreal head, vreal tail)
{
    static const float reciprocal[16] = {0x1p0f,     0x1.d4p-1f, 0x1.bap-1f, 0x1.a4p-1f, 0x1.9p-1f,  0x1.7ep-1f,
                                         0x1.6cp-1f, 0x1.5cp-1f, 0x1.4ep-1f, 0x1.42p-1f, 0x1.36p-1f, 0x1.2ap-1f,
                                         0x1.2p-1f,  0x1.16p-1f, 0x1.0cp-1f, 0x1.04p-1f};
    static const float log_head[16] = {0.0f,           0x1.700d30p-4f, 0x1.2d1610p-3f, 0x1.95a5aep-3f,
                                       0x1.f991c6p-3f, 0x1.2bef08p-2f, 0x1.5d5bdep-2f, 0x1.8b639ap-2f,
                                       0x1.b56fa0p-2f, 0x1.dae754p-2f, 0x1.00e5aep-1f, 0x1.151c40p-1f,
                                       0x1.269622p-1f, 0x1.38ae22p-1f, 0x1.4b6fd6p-1f, 0x1.5af406p-1f};
    static const float log_tail[16] = {0.0f,
                                       0x1.5d581cp-29f,
                                       0x1.90d028p-28f,
                                       -0x1.847f40p-30f,
                                       0x1.967670p-28f,
                                       -0x1.91b656p-29f,
                                       -0x1.4d41a0p-31f,
                                       0x1.1165bep-27f,
                                       0x1.118a42p-28f,
                                       0x1.0992c2p-27f,
                                       0x1.6c81eap-27f,
                                       -0x1.21ad3ep-26f,
                                       -0x1.d9648ep-26f,
                                       -0x1.1cd124p-26f,
                                       0x1.f2e184p-26f,
                                       -0x1.e4db10p-28f};
    vreal u = head + K(1), lost = (head - (u - K(1))) + tail;
    vint j = v_min(KI(15), (v_bits(u) - v_bits(K(1))) >> 19);
    vreal r = v_lookup16(reciprocal, j), base = v_lookup16(log_head, j);
    vmask near = v_lt(u, K(1.0625)); /* r = 1: head itself is exact there, what is lost in u would round again */
    vreal f = v_select(near, head, v_fma(u, r, K(-1)));
    lost = v_select(near, tail, lost * r);
    vreal sum = base + f, sum_low = (base - sum) + f;
    vreal p = v_fma(f, K(0x1.803d92p-3), K(-0x1.fffa58p-3)); /* (log1p(f) − f)/f² on [−0.0289, 0.0626], 2^-28.5/f */
    p = v_fma(f, p, K(0x1.55580cp-2));
    p = v_fma(f, p, K(-0x1.000002p-1));
    vreal small = v_fnma(lost, f, lost) + (sum_low + v_lookup16(log_tail, j));
    return (fa_pair){sum, v_fma(f * f, p, small)};
}
#else
/* u = 1 + head is halved above √2; with s = f/(2 + f), log1p(f) = 2 atanh(s) = f − h + s(h + s²R(s²)), h = f²/2. */
FA_INLINE fa_pair v_log1p(vreal head, vreal tail)
{
    const vreal ln2 = K(0x1.62e42fefa39efp-1), ln2_low = K(0x1.abc9e3b39803fp-56);
    vreal u = head + K(1), lost = (head - (u - K(1))) + tail;
    vmask upper = v_gt(u, K(0x1.6a09e6p0));
    vreal half = v_select(upper, K(0.5), K(1));
    vreal f = v_fma(u, half, K(-1));
    lost = lost * half;
    vreal octave = v_select(upper, ln2, K(0)), octave_low = v_select(upper, ln2_low, K(0));
    vreal sum = octave + f, sum_low = (octave - sum) + f;
    vreal s = f / (K(2) + f), h = K(0.5) * f * f, z = s * s;
    vreal p = v_fma(z, K(0x1.0c11350620379p-3), K(0x1.0fbd3ceb66c39p-3)); /* R to 2^-58.7 on [0, 0.0295] */
    p = v_fma(z, p, K(0x1.3b1c42c2a5810p-3));
    p = v_fma(z, p, K(0x1.745cf8c284737p-3));
    p = v_fma(z, p, K(0x1.c71c7201ffc2ap-3));
    p = v_fma(z, p, K(0x1.249249247668cp-2));
    p = v_fma(z, p, K(0x1.9999999999a3ap-2));
    p = v_fma(z, p, K(0x1.5555555555555p-1));
    vreal small = v_fnma(lost, f, lost) + (sum_low + octave_low);
    return (fa_pair){sum, v_fma(s, v_fma(z, p, h), -h) + small};
}
#endif

#endif
