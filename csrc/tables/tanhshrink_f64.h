/* (t - tanh t)/t^3 - THIRD as a polynomial in z = t*t <= 0.5625, lowest power first.
 * Error relative to all of it at most 2^-56.63, at z = 0.5625.
 * Written by tools/coefficients.py tanhshrink_f64. */
#define FA_TANHSHRINK_F64_THIRD 0x1.5555555555555p-2
static const double fa_tanhshrink_f64[15] = {
    0x1.54c368dc39299p-56, -0x1.111111111111p-3, 0x1.ba1ba1ba1b847p-5, -0x1.664f4882b515fp-6,
    0x1.226e355bd98dp-7, -0x1.d6d3d0366c37fp-9, 0x1.7da355cbf17cfp-10, -0x1.35574ad98a73ap-11,
    0x1.f56b5ca86c285p-13, -0x1.95f29abf72926p-14, 0x1.466d728cb25dap-15, -0x1.fd0e88d518c3ep-17,
    0x1.66ce2ccb92239p-18, -0x1.8744882aa8b28p-20, 0x1.d3a9a80eb7a8p-23,
};
