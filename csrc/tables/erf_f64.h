/* erf(t)/t - SLOPE as a polynomial in z = t*t <= 1, lowest power first; error relative to all of it
 * at most 2^-56.65, at z = 0.989949749.  -log(1 - erf t) as one in t, 1 <= t <= 5.95; error of erf
 * at most 2^-57.16, at t = 1.
 * Written by tools/coefficients.py erf_f64. */
#define FA_ERF_F64_SLOPE 0x1.20dd750429b6dp+0
static const double fa_erf_f64[13] = {
    0x1.18250b814d05p-56, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b1ep-4, -0x1.b82ce312848f4p-6,
    0x1.565bcd0dae9fp-8, -0x1.c02db3d8a714ep-11, 0x1.f9a321994fb79p-14, -0x1.f4d1dea693fd5p-17,
    0x1.b9deea6c3ea2cp-20, -0x1.5f1cfb0eb6c5fp-23, 0x1.f7a19d528709cp-27, -0x1.386350e0c4e7ap-30,
    0x1.0565f423b09cfp-34,
};
static const double fa_erf_log_f64[19] = {
    0x1.9478abffaa55cp-23, 0x1.20dd54bc8a3f2p+0, 0x1.45f438a72c605p-1, 0x1.a4d91e0332b25p-4,
    -0x1.388a35f69b3c3p-6, -0x1.2986336d2a69dp-12, 0x1.d0adfef2e5681p-10, -0x1.51cc937d16cc8p-11,
    0x1.89f72b44d4197p-15, 0x1.223d5eb507e69p-14, -0x1.758907542c5afp-15, 0x1.1219c8c33e639p-16,
    -0x1.1f248378737e3p-18, 0x1.c31d15a78155fp-21, -0x1.0a5874131d3eep-23, 0x1.cd4e4d49fdab4p-27,
    -0x1.155c7e68543cdp-30, 0x1.9e58e312388e5p-35, -0x1.21b4340090c52p-40,
};
