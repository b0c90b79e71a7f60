/* Sixteen bytes: NEON with its fma, and plain SSE2 (`base`), which has none.  Included by vec.h only. */
typedef vi32 vm32;
typedef vi64 vm64;

FA_INLINE vi32 v_select_i32(vm32 m, vi32 a, vi32 b) { return (a & m) | (b & ~m); }
FA_INLINE vi64 v_select_i64(vm64 m, vi64 a, vi64 b) { return (a & m) | (b & ~m); }
FA_INLINE vf32 v_select_f32(vm32 m, vf32 a, vf32 b) { return (vf32)v_select_i32(m, (vi32)a, (vi32)b); }
FA_INLINE vf64 v_select_f64(vm64 m, vf64 a, vf64 b) { return (vf64)v_select_i64(m, (vi64)a, (vi64)b); }

#if defined(__aarch64__)
#include <arm_neon.h>
FA_INLINE vf32 v_fma_f32(vf32 a, vf32 b, vf32 c)
{
    return (vf32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FA_INLINE vf64 v_fma_f64(vf64 a, vf64 b, vf64 c)
{
    return (vf64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
FA_INLINE vf32 v_load_f16(const uint16_t *p) { return (vf32)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
FA_INLINE void v_store_f16(uint16_t *p, vf32 v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v))); }
FA_INLINE vf32 v_load_bf16(const uint16_t *p) { return (vf32)vshll_n_u16(vld1_u16(p), 16); }
FA_INLINE void v_store_high16(uint16_t *p, vi32 v) { vst1_u16(p, vshrn_n_u32((uint32x4_t)v, 16)); }
#else
#include <emmintrin.h>
#include "emulated_fma.h"
#define FA_F16_BY_HAND
FA_INLINE vi32 v_load_low16(const uint16_t *p)
{
    return (vi32)_mm_unpacklo_epi16(_mm_loadl_epi64((const void *)p), _mm_setzero_si128());
}
FA_INLINE vf32 v_load_bf16(const uint16_t *p) { return (vf32)(v_load_low16(p) << 16); }
FA_INLINE void v_store_high16(uint16_t *p, vi32 v)
{
    _mm_storel_epi64((void *)p, _mm_packs_epi32((__m128i)(v >> 16), (__m128i)(v >> 16)));
}

#define FA_STREAMS
FA_INLINE void v_fence(void) { _mm_sfence(); }
FA_INLINE void v_stream_f32(float *to, vf32 v) { _mm_stream_ps(to, (__m128)v); }
FA_INLINE void v_stream_f64(double *to, vf64 v) { _mm_stream_pd(to, (__m128d)v); }
#endif

FA_INLINE vf32 v_sqrt_f32(vf32 a) { return (vf32){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
FA_INLINE vf64 v_sqrt_f64(vf64 a) { return (vf64){sqrt(a[0]), sqrt(a[1])}; }

FA_INLINE int v_any_i64(vi64 m) { return (m[0] | m[1]) != 0; }
#define v_any(mask) v_any_i64((vi64)(mask))

/* min and max give the second operand when either is NaN, as x86 does. */
#define FA_MINMAX(V, s)                                                                                                \
    FA_INLINE V v_min_##s(V a, V b) { return v_select_##s(a < b, a, b); }                                              \
    FA_INLINE V v_max_##s(V a, V b) { return v_select_##s(a > b, a, b); }
FA_MINMAX(vf32, f32)
FA_MINMAX(vf64, f64)
FA_MINMAX(vi32, i32)
FA_MINMAX(vi64, i64)
#undef FA_MINMAX

/* The low n lanes; the others are 0 on load, untouched in memory on store, and no byte past the n-th is read. */
#define FA_PART(T, V, s)                                                                                               \
    FA_INLINE V v_load_part_##s(const T *p, size_t n)                                                                  \
    {                                                                                                                  \
        T lane[sizeof(V) / sizeof(T)] = {0};                                                                           \
        memcpy(lane, p, n * sizeof(T));                                                                                \
        return v_load_##s(lane);                                                                                       \
    }                                                                                                                  \
    FA_INLINE void v_store_part_##s(T *p, V v, size_t n)                                                               \
    {                                                                                                                  \
        T lane[sizeof(V) / sizeof(T)];                                                                                 \
        v_store_##s(lane, v);                                                                                          \
        memcpy(p, lane, n * sizeof(T));                                                                                \
    }
FA_PART(float, vf32, f32)
FA_PART(double, vf64, f64)
FA_PART(int32_t, vi32, i32)
FA_PART(int64_t, vi64, i64)
#undef FA_PART

#define FA_LOOKUP_SIZE(size)                                                                                           \
    FA_INLINE vf32 v_lookup##size##_f32(const float *t, vi32 k)                                                        \
    {                                                                                                                  \
        k &= size - 1;                                                                                                 \
        return (vf32){t[k[0]], t[k[1]], t[k[2]], t[k[3]]};                                                             \
    }                                                                                                                  \
    FA_INLINE vi32 v_lookup##size##_i32(const int32_t *t, vi32 k)                                                      \
    {                                                                                                                  \
        k &= size - 1;                                                                                                 \
        return (vi32){t[k[0]], t[k[1]], t[k[2]], t[k[3]]};                                                             \
    }                                                                                                                  \
    FA_INLINE vf64 v_lookup##size##_f64(const double *t, vi64 k)                                                       \
    {                                                                                                                  \
        k &= size - 1;                                                                                                 \
        return (vf64){t[k[0]], t[k[1]]};                                                                               \
    }                                                                                                                  \
    FA_INLINE vi64 v_lookup##size##_i64(const int64_t *t, vi64 k)                                                      \
    {                                                                                                                  \
        k &= size - 1;                                                                                                 \
        return (vi64){t[k[0]], t[k[1]]};                                                                               \
    }
FA_LOOKUP_SIZE(8)
FA_LOOKUP_SIZE(16)
FA_LOOKUP_SIZE(32)
#undef FA_LOOKUP_SIZE

FA_INLINE vf64 v_load_widened(const float *p) { return (vf64){p[0], p[1]}; }
FA_INLINE vf64 v_widen_lo(vf32 a) { return (vf64){a[0], a[1]}; }
FA_INLINE vf64 v_widen_hi(vf32 a) { return (vf64){a[2], a[3]}; }
FA_INLINE vf32 v_narrow(vf64 lo, vf64 hi) { return (vf32){(float)lo[0], (float)lo[1], (float)hi[0], (float)hi[1]}; }
