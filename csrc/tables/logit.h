/* (2 atanh(s/2) - s)/s^3 as a polynomial in z = s*s <= 0.1601, lowest power first; error relative to 2 atanh(s/2):
 * float32 at most 2^-28.35, at z = 0.0189949153; float64 at most 2^-59.93, at z = 0.1601.
 * Written by tools/coefficients.py logit. */
#ifdef FA_REAL_F32
static const float fa_logit[3] = {
    0x1.5555b6p-4f, 0x1.9929a4p-7f, 0x1.36fc26p-9f,
};
#else
static const double fa_logit[9] = {
    0x1.5555555555555p-4, 0x1.9999999999909p-7, 0x1.249249249e556p-9, 0x1.c71c71b751ad2p-12,
    0x1.745d1d20c204fp-14, 0x1.3b1261ff69d95p-16, 0x1.113f1cc92b6e1p-18, 0x1.da4fcfe37e70cp-21,
    0x1.02d6b0325585ap-22,
};
#endif
