/* tanh t = t + t*z*N(z)/D(z), z = t*t <= 0.78, N and D from their constant term on, that of D being 1; relative error of
 * the quotient before rounding at most 2^-53.88, at z = 0.744759.
 * exp(2t) = s*(1 + p): n = round(t*STEPS), r = t - n*(HIGH + LOW), s the double of bits POWERS[n & 15] + (n << 48),
 * p = expm1(2r) by its coefficients from r on, absolute error at most 2^-56.99, at r = 0.010830.
 * Written by tools/coefficients.py tanh_f64. */
#define FA_TANH_F64_STEPS 0x1.71547652b82fep+5
#define FA_TANH_F64_HIGH 0x1.62e42fefa3p-6 /* 41 bits: n*HIGH is exact */
#define FA_TANH_F64_LOW 0x1.3de6af278ece6p-47
static const double fa_tanh_f64_n[4] = {
    -0x1.5555555555555p-2, -0x1.5ed3a36fa01edp-6, -0x1.fe8500e2a65d7p-13, -0x1.298a53e404b93p-26,
};
static const double fa_tanh_f64_d[3] = {
    0x1.db61483e879f3p-2, 0x1.91bfeed274c1bp-6, 0x1.0ad50b75ac9d8p-12,
};
static const double fa_tanh_f64_p[6] = {
    0x1.000000000000ap+1, 0x1.0000000000004p+1, 0x1.55555554066abp+0, 0x1.5555555484fb3p-1,
    0x1.11126e74613c8p-2, 0x1.6c183d97c994dp-4,
};
static const int64_t fa_tanh_f64_powers[16] = {
    0x3ff0000000000000, 0x3fefb5586cf9890f, 0x3fef72b83c7d517b, 0x3fef387a6e756238,
    0x3fef06fe0a31b715, 0x3feedea64c123422, 0x3feebfdad5362a27, 0x3feeab07dd485429,
    0x3feea09e667f3bcd, 0x3feea11473eb0187, 0x3feeace5422aa0db, 0x3feec49182a3f090,
    0x3feee89f995ad3ad, 0x3fef199bdd85529c, 0x3fef5818dcfba487, 0x3fefa4afa2a490da,
};
