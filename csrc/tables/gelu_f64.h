/* Written by tools/coefficients.py gelu_f64. */
#define FA_GELU_F64_LIMIT 0x1.9884533d42p-1
#define FA_D_GELU_F64_ROOT 0x1.80ead197f00b4p-1
#define FA_D_GELU_F64_ROOT_LOW -0x1.13e74c58cada8p-56
/* ((t + 4)*2*Phi(-t)*exp(t*t/2) - LIMIT)*(t + 4)/8, 0 <= t <= 39.5, as a polynomial in w = (t - 4)/(t + 4), lowest power first;
 * the last number is what the first lost by rounding.
 * Relative error before rounding at most 2^-53.64, at t = 39.5. */
static const double fa_gelu_f64[26] = {
    0x1.6ce523dbe7b9cp-1, -0x1.0197513690979p-1, 0x1.15acdbecd726ap-2, -0x1.a149404a443c4p-4,
    0x1.35ee2fd026a87p-6, 0x1.f6d3fa6eec1a7p-9, -0x1.995a393de9803p-9, 0x1.228268850a00ep-13,
    0x1.a8e5e35ae9e15p-12, -0x1.ddf21cffcfe71p-15, -0x1.fdf61ed56fe65p-15, 0x1.3ead64b09e63ep-17,
    0x1.6ec7ee600e0c3p-17, -0x1.e86e0b58b0c5cp-21, -0x1.2346fdc145821p-19, -0x1.0f1d615924aafp-23,
    0x1.c2e9a6e52730ap-22, 0x1.d3c7662a34dc3p-24, -0x1.1c633ca067abap-24, -0x1.50052bf969c52p-25,
    0x1.40e119d751ce7p-28, 0x1.35ecd648da4d5p-27, 0x1.515fdefc369dfp-30, -0x1.200e6e3e9c997p-30,
    -0x1.63bccaafd51f9p-32, -0x1.990f98537b739p-55,
};
/* 2*(Phi(-t) - t*phi(t))*exp(t*t/2)/(ROOT - t), 0 <= t <= 39.5, as a polynomial in w = (t - 4)/(t + 4), lowest power first;
 * the last number is what the first lost by rounding.
 * Relative error before rounding at most 2^-56.59, at t = 39.5. */
static const double fa_d_gelu_f64[26] = {
    0x1.d94de78425463p-1, -0x1.a763001ac67dep-3, 0x1.ef4ff80137991p-4, -0x1.cc1e2623d90f7p-5,
    0x1.37754d816c3fap-6, -0x1.d4c8222aca726p-9, -0x1.443f63e466696p-12, 0x1.85999c400819fp-12,
    -0x1.253811492fa4fp-15, -0x1.2e938508dbacp-15, 0x1.dafbbf3a2397fp-18, 0x1.298821be8bd14p-18,
    -0x1.0839b1ed5d3d1p-20, -0x1.77430c91c883fp-21, 0x1.c186c2e96163bp-24, 0x1.108fda9ea5641p-23,
    -0x1.4006eb67f3ccfp-30, -0x1.8cbb7f2df8c84p-26, -0x1.10d8ff6e46293p-28, 0x1.eb0155befa379p-29,
    0x1.8ad974f9c841p-30, -0x1.76d2c6420dffcp-32, -0x1.256c466963b8ap-32, 0x1.7e2582dc58c0bp-41,
    0x1.2fff0c74c5b4p-36, -0x1.a376f7138b93bp-57,
};
