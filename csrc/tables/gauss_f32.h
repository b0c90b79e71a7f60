/* -exp(-q/2)/2, q >= 0: z = q*STEPS + MAGIC has n = -round(q*4/ln 2) in its low bits; m = z*HIGH - OFFSET is exactly
 * n*HIGH + 0x1.48p-5, r = q + m + m*RATIO + fa_gauss_rest[z & 7], -0.086643 <= r <= 0.204426.
 * The result is s*(1 + p): s = -2^(e-1)*(1 + k/8), n = 8e + k, is the float of bits z << 20, and
 * p = expm1(-r/2) = r*(C1 + r*(C2 + r*(C3 + r*C4))), absolute error at most 2^-29.08, at r = 0.086025.
 * Written by tools/coefficients.py gauss_f32. */
#define FA_GAUSS_STEPS -0x1.715476p+2f
#define FA_GAUSS_MAGIC 0x1.8017ep+23f
#define FA_GAUSS_HIGH 0x1.62ep-3f /* 13 bits: n*HIGH is exact */
#define FA_GAUSS_OFFSET 0x1.0a388cp+21f
#define FA_GAUSS_RATIO 0x1.82a316p-15f
#define FA_GAUSS_C1 -0x1p-1f
#define FA_GAUSS_C2 0x1.000048p-3f
#define FA_GAUSS_C3 -0x1.555444p-6f
#define FA_GAUSS_C4 0x1.4cbdfp-9f
static const float fa_gauss_rest[8] = {
    -0x1.4803dep-5f, 0x1.6c5a7ap-6f, 0x1.e8d686p-5f, 0x1.3b6ad2p-4f, 0x1.3e6e88p-4f, 0x1.085be2p-4f, 0x1.43566p-5f, 0x1.11359cp-8f,
};
