/* exp(y) = s*(1 + p): n = round(y*STEPS), r = y - n*(HIGH + LOW), s the double of bits POWERS[n & 15] + (n << 48), off by at
 * most 0.152 of 2^-52 times its power of two; p a polynomial in r, lowest power first, absolute error
 * at most 2^-56.99, at r = 0.0194838796.
 * Written by tools/coefficients.py exp_f64. */
#define FA_EXP_F64_STEPS 0x1.71547652b82fep+4
#define FA_EXP_F64_HIGH 0x1.62e42fefap-5 /* 38 bits: n*HIGH is exact */
#define FA_EXP_F64_LOW 0x1.cf79abc9e3b3ap-44
static const double fa_exp_f64[7] = {
    -0x1.400c294dfd95cp-27, 0x1.ffffffaffcf6fp-1, 0x1.ffffffaffcf66p-2, 0x1.5555551eadca9p-3,
    0x1.5555551f0dd8p-5, 0x1.11126ec213944p-7, 0x1.6c18510994395p-10,
};
static const int64_t fa_exp_f64_powers[16] = {
    0x3ff0000002801853, 0x3fefb5586f95f847, 0x3fef72b83f3758cb, 0x3fef387a714e510d,
    0x3fef06fe0d2aebb4, 0x3feedea64f2d1c53, 0x3feebfdad87443e4, 0x3feeab07e0ab2e55,
    0x3feea09e6a0876f3, 0x3feea114779c50a5, 0x3feeace54605ca31, 0x3feec49186aace79,
    0x3feee89f9d8f5586, 0x3fef199be1e97daf, 0x3fef5818e1919506, 0x3fefa4afa76e7ae1,
};
