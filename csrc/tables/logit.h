/* (2 atanh(s) - 2s)/s^3 as a polynomial in z = s*s <= 0.04003, lowest power first; error relative to 2 atanh(s):
 * float32 at most 2^-28.35, at z = 0.00474932203; float64 at most 2^-59.94, at z = 0.04003.
 * Written by tools/coefficients.py logit. */
#ifdef FA_REAL_F32
static const float fa_logit[3] = {
    0x1.5555b6p-1f, 0x1.9929a2p-2f, 0x1.36fc6ap-2f,
};
#else
static const double fa_logit[9] = {
    0x1.5555555555555p-1, 0x1.9999999999909p-2, 0x1.249249249e583p-2, 0x1.c71c71b74e8d1p-3,
    0x1.745d1d21ba6efp-3, 0x1.3b1261d2a8765p-3, 0x1.113f2171d3d5cp-3, 0x1.da4f4adef78d3p-4,
    0x1.02d839ba7977bp-3,
};
#endif
