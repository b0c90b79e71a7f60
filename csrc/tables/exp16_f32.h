/* -exp(-q/2)/2, q >= 0: z = q*STEPS + MAGIC has n = -round(q*8/ln 2) in its low bits; m = z*HIGH - OFFSET is exactly
 * n*HIGH + 0x1.48p-5, r = q + m + m*RATIO + fa_exp16_rest[z & 15], -0.043322 <= r <= 0.162629.
 * The result is s*(1 + p): s = -2^(e-1)*(1 + k/16), n = 16e + k, is the float of bits z << 19, and
 * p = expm1(-r/2) = r*(C1 + r*(C2 + r*(C3 + r*C4))), absolute error at most 2^-31.12, at r = 0.071871.
 * Written by tools/coefficients.py exp16_f32. */
#define FA_EXP16_STEPS -0x1.715476p+3f
#define FA_EXP16_MAGIC 0x1.802fcp+23f
#define FA_EXP16_HIGH 0x1.62ep-4f /* 12 bits: n*HIGH is exact */
#define FA_EXP16_OFFSET 0x1.0a4918p+20f
#define FA_EXP16_RATIO 0x1.82a316p-15f
#define FA_EXP16_C1 -0x1p-1f
#define FA_EXP16_C2 0x1.00000ep-3f
#define FA_EXP16_C3 -0x1.55493ap-6f
#define FA_EXP16_C4 0x1.4d150ap-9f
static const float fa_exp16_rest[16] = {
    -0x1.4803dep-5f, -0x1.643134p-8f, 0x1.6c5a7ap-6f, 0x1.663b3ap-5f, 0x1.e8d686p-5f, 0x1.213776p-4f, 0x1.3b6ad2p-4f, 0x1.44acbcp-4f,
    0x1.3e6e88p-4f, 0x1.29f444p-4f, 0x1.085be2p-4f, 0x1.b545cap-5f, 0x1.43566p-5f, 0x1.78fb54p-6f, 0x1.11359cp-8f, -0x1.14ce6p-6f,
};
