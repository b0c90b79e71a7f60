/* tanh: value = min(base, t) + r*(c1 + r*(c2 + r*(c3 + r*(c4 + r*c5)))), from rows (b, base, c3, c5);
 * c1 = 1 - base*base, c2 = -base*c1, and c4 is the float whose upper 16 bits are the lower 16 of c5.
 * r = t - b, 0 <= t <= 9.04977; the row is (bits(u) >> 20) & 31, u = 1.6575*t + 1.
 * Error before rounding at most 2^-27.65 (relative), at t = 2.71493213.
 * Written by tools/coefficients.py tanh_f32. */
#define FA_TANH_F32_SCALE 1.6575
#define FA_TANH_F32_ROWS(R) \
    R(0x1.5d2566p-1f, 0x1.2f7f8ep-1f, 0x1.7ef58p-7f, -0x1.e67bfp-5f) \
    R(0x1.a2b8c2p-1f, 0x1.5906b6p-1f, 0x1.0e1536p-4f, -0x1.f87b4p-5f) \
    R(0x1.ed2ad2p-1f, 0x1.7dcd82p-1f, 0x1.94ff84p-4f, -0x1.8a7a2cp-5f) \
    R(0x1.229caap+0f, 0x1.a02656p-1f, 0x1.c6ffa4p-4f, -0x1.0875cap-5f) \
    R(0x1.4d31f4p+0f, 0x1.b967cap-1f, 0x1.af1b1ep-4f, -0x1.137916p-6f) \
    R(0x1.6b09b8p+0f, 0x1.c745fp-1f, 0x1.8817f2p-4f, -0x1.6d797ap-8f) \
    R(0x1.9c8ed8p+0f, 0x1.d8c68p-1f, 0x1.397168p-4f, 0x1.b9799ep-11f) \
    R(0x1.c49af4p+0f, 0x1.e303d6p-1f, 0x1.f5b06cp-5f, 0x1.cf797cp-9f) \
    R(0x1.fa295ap+0f, 0x1.ecbd1ep-1f, 0x1.66887p-5f, 0x1.39792ep-8f) \
    R(0x1.2966dap+1f, 0x1.f64598p-1f, 0x1.83e12ep-6f, 0x1.f57866p-9f) \
    R(0x1.4c8582p+1f, 0x1.fa5b9p-1f, 0x1.cf0686p-7f, 0x1.5d77bap-9f) \
    R(0x1.6e445ep+1f, 0x1.fca98cp-1f, 0x1.165d7cp-7f, 0x1.99771p-10f) \
    R(0x1.9746ap+1f, 0x1.fe3d1ap-1f, 0x1.28f56ep-8f, 0x1.cf7626p-11f) \
    R(0x1.c068d6p+1f, 0x1.ff12b2p-1f, 0x1.3a5922p-9f, 0x1.0d7538p-11f) \
    R(0x1.e96d4cp+1f, 0x1.ff82eep-1f, 0x1.4c5828p-10f, 0x1.17744cp-12f) \
    R(0x1.040308p+2f, 0x1.ffb272p-1f, 0x1.9ccc5ep-11f, 0x1.39739cp-13f) \
    R(0x1.1d644ap+2f, 0x1.ffdce8p-1f, 0x1.7670b2p-12f, 0x1.097278p-14f) \
    R(0x1.447cbep+2f, 0x1.fff5a8p-1f, 0x1.b9bcd2p-14f, 0x1.3b70bcp-16f) \
    R(0x1.673c46p+2f, 0x1.fffc82p-1f, 0x1.2a54fap-15f, 0x1.916f2ap-18f) \
    R(0x1.9de532p+2f, 0x1.ffff5ep-1f, 0x1.af54b8p-18f, 0x1.a96caep-20f) \
    R(0x1.bb9d3ap+2f, 0x1.ffffcp-1f, 0x1.55638cp-19f, 0x1.116b5ap-21f) \
    R(0x1.e434ep+2f, 0x1.ffffeep-1f, 0x1.7fa64ap-21f, 0x1.4b6984p-23f) \
    R(0x1.03ae5ap+3f, 0x1.fffffap-1f, 0x1.00382ap-22f, 0x1.7b6802p-25f) \
    R(0x1.154246p+3f, 0x1.fffffep-1f, 0x1.55c2d2p-24f, 0x1.d36656p-27f) \
    R(0x0p+0f, 0x1p+0f, -0x1.555524p-2f, 0x1.1p-3f) \
    R(0x1.25ea22p-4f, 0x1.256942p-4f, -0x1.4e6098p-2f, 0x1.ea7a88p-4f) \
    R(0x1.1c8f1cp-3f, 0x1.1abdeap-3f, -0x1.3bacd8p-2f, 0x1.ae7b68p-4f) \
    R(0x1.c99abep-3f, 0x1.c2236p-3f, -0x1.15b6a8p-2f, 0x1.367c08p-4f) \
    R(0x1.2e963cp-2f, 0x1.2613b2p-2f, -0x1.d763f4p-3f, 0x1.627c3cp-5f) \
    R(0x1.8518a8p-2f, 0x1.736452p-2f, -0x1.66de64p-3f, 0x1.167c58p-6f) \
    R(0x1.e38b6ap-2f, 0x1.c28b48p-2f, -0x1.cdc118p-4f, -0x1.ee7c5ap-6f) \
    R(0x1.21251cp-1f, 0x1.05e11cp-1f, -0x1.b218e4p-5f, -0x1.ce7c3ap-6f)
