/* One lane, strict C11, no intrinsics: what any compiler builds, and the plainest reading of the formulas.
 * Included by vec.h only. */
typedef int32_t vm32; /* 0 or -1, as in vectors, so that & and | work */
typedef int64_t vm64;
#define v_any(mask) ((mask) != 0)

FA_INLINE vf32 v_fma_f32(vf32 a, vf32 b, vf32 c) { return fmaf(a, b, c); }
FA_INLINE vf64 v_fma_f64(vf64 a, vf64 b, vf64 c) { return fma(a, b, c); }
FA_INLINE vf32 v_sqrt_f32(vf32 a) { return sqrtf(a); }
FA_INLINE vf64 v_sqrt_f64(vf64 a) { return sqrt(a); }

#define FA_SCALAR(V, M, s)                                                                                             \
    FA_INLINE V v_min_##s(V a, V b) { return a < b ? a : b; }                                                          \
    FA_INLINE V v_max_##s(V a, V b) { return a > b ? a : b; }                                                          \
    FA_INLINE M v_lt_##s(V a, V b) { return -(M)(a < b); }                                                             \
    FA_INLINE M v_le_##s(V a, V b) { return -(M)(a <= b); }                                                            \
    FA_INLINE M v_eq_##s(V a, V b) { return -(M)(a == b); }                                                            \
    FA_INLINE V v_select_##s(M m, V a, V b) { return m ? a : b; }                                                      \
    FA_INLINE V v_load_part_##s(const V *p, size_t n) { return n ? *p : 0; }                                           \
    FA_INLINE void v_store_part_##s(V *p, V v, size_t n)                                                               \
    {                                                                                                                  \
        if (n)                                                                                                         \
            *p = v;                                                                                                    \
    }                                                                                                                  \
    FA_INLINE V v_lookup8_##s(const V *t, M k) { return t[k & 7]; }                                                    \
    FA_INLINE V v_lookup16_##s(const V *t, M k) { return t[k & 15]; }                                                  \
    FA_INLINE V v_lookup32_##s(const V *t, M k) { return t[k & 31]; }
FA_SCALAR(vf32, vm32, f32)
FA_SCALAR(vf64, vm64, f64)
FA_SCALAR(vi32, vm32, i32)
FA_SCALAR(vi64, vm64, i64)
#undef FA_SCALAR
FA_INLINE vm32 v_unordered_f32(vf32 a, vf32 b) { return -(vm32)(a != a || b != b); }
FA_INLINE vm64 v_unordered_f64(vf64 a, vf64 b) { return -(vm64)(a != a || b != b); }

/* What truncates outside the integer's range is undefined in C: 0 there, as no formula uses it. */
FA_INLINE vi32 v_to_int_f32(vf32 a) { return a > -2147483648.0f && a < 2147483648.0f ? (vi32)a : 0; }
FA_INLINE vi64 v_to_int_f64(vf64 a) { return a > -9.2e18 && a < 9.2e18 ? (vi64)a : 0; }
FA_INLINE vf32 v_to_float_i32(vi32 a) { return (vf32)a; }
FA_INLINE vf64 v_to_float_i64(vi64 a) { return (vf64)a; }

FA_INLINE vf64 v_load_widened(const float *p) { return (vf64)*p; }
FA_INLINE vf64 v_widen_lo(vf32 a) { return (vf64)a; }
FA_INLINE vf64 v_widen_hi(vf32 a) { return (vf64)a; }
FA_INLINE vf32 v_narrow(vf64 lo, vf64 hi)
{
    (void)hi;
    return (vf32)lo;
}

#define FA_F16_BY_HAND
FA_INLINE vi32 v_load_low16(const uint16_t *p) { return *p; }
FA_INLINE vf32 v_load_bf16(const uint16_t *p) { return v_real_i32((vi32)((uint32_t)*p << 16)); }
FA_INLINE void v_store_high16(uint16_t *p, vi32 v) { *p = (uint16_t)((uint32_t)v >> 16); }
