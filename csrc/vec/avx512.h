/* AVX-512 (F, DQ, BW, VL): sixteen floats, eight doubles; comparisons give mask registers.  Included by vec.h only. */
#include <immintrin.h>

typedef __mmask16 vm32;
typedef __mmask8 vm64;
#define v_any(mask) ((mask) != 0)

/* Instructions of their own, or gcc 12 negates a factor of two products by a further operation. */
#define FA_NEGATED_FMA
#define FA_AVX512(VF, VI, MF, MI, M, f, i, ps, epi)                                                                    \
    FA_INLINE VF v_fma_##f(VF a, VF b, VF c) { return (VF)_mm512_fmadd_##ps((MF)a, (MF)b, (MF)c); }                    \
    FA_INLINE VF v_fnma_##f(VF a, VF b, VF c) { return (VF)_mm512_fnmadd_##ps((MF)a, (MF)b, (MF)c); }                  \
    FA_INLINE VF v_fms_##f(VF a, VF b, VF c) { return (VF)_mm512_fmsub_##ps((MF)a, (MF)b, (MF)c); }                    \
    FA_INLINE VF v_sqrt_##f(VF a) { return (VF)_mm512_sqrt_##ps((MF)a); }                                              \
    FA_INLINE VF v_min_##f(VF a, VF b) { return (VF)_mm512_min_##ps((MF)a, (MF)b); }                                   \
    FA_INLINE VF v_max_##f(VF a, VF b) { return (VF)_mm512_max_##ps((MF)a, (MF)b); }                                   \
    FA_INLINE VI v_min_##i(VI a, VI b) { return (VI)_mm512_min_##epi((MI)a, (MI)b); }                                  \
    FA_INLINE VI v_max_##i(VI a, VI b) { return (VI)_mm512_max_##epi((MI)a, (MI)b); }                                  \
    FA_INLINE M v_lt_##f(VF a, VF b) { return _mm512_cmp_##ps##_mask((MF)a, (MF)b, _CMP_LT_OQ); }                      \
    FA_INLINE M v_le_##f(VF a, VF b) { return _mm512_cmp_##ps##_mask((MF)a, (MF)b, _CMP_LE_OQ); }                      \
    FA_INLINE M v_eq_##f(VF a, VF b) { return _mm512_cmp_##ps##_mask((MF)a, (MF)b, _CMP_EQ_OQ); }                      \
    FA_INLINE M v_unordered_##f(VF a, VF b) { return _mm512_cmp_##ps##_mask((MF)a, (MF)b, _CMP_UNORD_Q); }             \
    FA_INLINE M v_lt_##i(VI a, VI b) { return _mm512_cmplt_##epi##_mask((MI)a, (MI)b); }                               \
    FA_INLINE M v_le_##i(VI a, VI b) { return _mm512_cmple_##epi##_mask((MI)a, (MI)b); }                               \
    FA_INLINE M v_eq_##i(VI a, VI b) { return _mm512_cmpeq_##epi##_mask((MI)a, (MI)b); }                               \
    FA_INLINE VF v_select_##f(M m, VF a, VF b) { return (VF)_mm512_mask_blend_##ps(m, (MF)b, (MF)a); }                 \
    FA_INLINE VI v_select_##i(M m, VI a, VI b) { return (VI)_mm512_mask_blend_##epi(m, (MI)b, (MI)a); }
FA_AVX512(vf32, vi32, __m512, __m512i, vm32, f32, i32, ps, epi32)
FA_AVX512(vf64, vi64, __m512d, __m512i, vm64, f64, i64, pd, epi64)
#undef FA_AVX512

/* Keeps what was loaded: gcc 12 would load it anew for each use, and loads across cache lines count double. */
#define v_hold(v) __asm__("" : "+v"(v))

/* a 2^floor(b); and a vector as a table, entry k mod lanes */
#define FA_SCALES
FA_INLINE vf32 v_scale_f32(vf32 a, vf32 b) { return (vf32)_mm512_scalef_ps((__m512)a, (__m512)b); }
FA_INLINE vf64 v_scale_f64(vf64 a, vf64 b) { return (vf64)_mm512_scalef_pd((__m512d)a, (__m512d)b); }
FA_INLINE vf32 v_permute_f32(vf32 t, vi32 k) { return (vf32)_mm512_permutexvar_ps((__m512i)k, (__m512)t); }
FA_INLINE vf64 v_permute_f64(vf64 t, vi64 k) { return (vf64)_mm512_permutexvar_pd((__m512i)k, (__m512d)t); }

/* a less the nearest whole number, half-way cases to even: what is left of it in an addition to a number whose unit in the last
 * place is 1. */
FA_INLINE vf32 v_residue(vf32 a)
{
    return (vf32)_mm512_reduce_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* The largest lane, none of which is NaN. */
#define FA_REDUCES
FA_INLINE float v_largest_f32(vf32 a) { return _mm512_reduce_max_ps((__m512)a); }
FA_INLINE double v_largest_f64(vf64 a) { return _mm512_reduce_max_pd((__m512d)a); }

FA_INLINE vi32 v_to_int_f32(vf32 a) { return (vi32)_mm512_cvttps_epi32((__m512)a); }
FA_INLINE vi64 v_to_int_f64(vf64 a) { return (vi64)_mm512_cvttpd_epi64((__m512d)a); }
FA_INLINE vf32 v_to_float_i32(vi32 a) { return (vf32)_mm512_cvtepi32_ps((__m512i)a); }
FA_INLINE vf64 v_to_float_i64(vi64 a) { return (vf64)_mm512_cvtepi64_pd((__m512i)a); }

FA_INLINE vf32 v_load_f16(const uint16_t *p) { return (vf32)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)); }
FA_INLINE void v_store_f16(uint16_t *p, vf32 v)
{
    _mm256_storeu_si256((void *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
FA_INLINE vf32 v_load_bf16(const uint16_t *p)
{
    return (vf32)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16);
}
FA_INLINE void v_store_high16(uint16_t *p, vi32 v)
{
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16((__m512i)(v >> 16)));
}

/* FA_TRANSLATED 16-bit numbers, each replaced by its entry: loaded with a neighbour, which the blend leaves out. */
#define FA_TRANSLATED 32
FA_INLINE vi32 v_translate(const uint16_t *entries, const void *x)
{
    const __m512i both = _mm512_loadu_si512(x);
    const __m512i low = _mm512_and_si512(both, _mm512_set1_epi32(0xffff)), high = _mm512_srli_epi32(both, 16);
    __m512i even = _mm512_mask_i32gather_epi32(low, 0xffff, low, entries, 2);
    __m512i odd = _mm512_mask_i32gather_epi32(high, 0xffff, high, entries - 1, 2);
    return (vi32)_mm512_mask_blend_epi16(0xaaaaaaaa, even, odd);
}

#define FA_STREAMS
FA_INLINE void v_fence(void) { _mm_sfence(); }
FA_INLINE void v_stream_f32(float *to, vf32 v) { _mm512_stream_ps(to, (__m512)v); }
FA_INLINE void v_stream_f64(double *to, vf64 v) { _mm512_stream_pd(to, (__m512d)v); }

/* Where stores set the pace, two of 32 bytes are 3 % faster than one of 64. */
#define FA_HALF_STORES
FA_INLINE void v_store_halves_f64(double *to, vf64 v)
{
    _mm256_storeu_pd(to, _mm512_castpd512_pd256((__m512d)v));
    _mm256_storeu_pd(to + 4, _mm512_extractf64x4_pd((__m512d)v, 1));
}
FA_INLINE void v_store_halves_f32(float *to, vf32 v)
{
    _mm256_storeu_ps(to, _mm512_castps512_ps256((__m512)v));
    _mm256_storeu_ps(to + 8, _mm512_extractf32x8_ps((__m512)v, 1));
}

/* The low n lanes, or any by a mask; the others are 0 on load, untouched in memory on store, and no byte of theirs is read. */
#define FA_MASKED
FA_INLINE __mmask16 fa_first16(size_t n) { return (__mmask16)((1u << n) - 1u); }
FA_INLINE __mmask8 fa_first8(size_t n) { return (__mmask8)((1u << n) - 1u); }
#define FA_PART(T, V, M, s, first, move, cast)                                                                         \
    FA_INLINE V v_load_part_##s(const T *p, size_t n) { return (V)_mm512_maskz_loadu_##move(first(n), p); }            \
    FA_INLINE void v_store_part_##s(T *p, V v, size_t n) { _mm512_mask_storeu_##move(p, first(n), (cast)v); }          \
    FA_INLINE V v_load_masked_##s(const T *p, M m) { return (V)_mm512_maskz_loadu_##move(m, p); }                      \
    FA_INLINE void v_store_masked_##s(T *p, V v, M m) { _mm512_mask_storeu_##move(p, m, (cast)v); }
FA_PART(float, vf32, vm32, f32, fa_first16, ps, __m512)
FA_PART(double, vf64, vm64, f64, fa_first8, pd, __m512d)
FA_PART(int32_t, vi32, vm32, i32, fa_first16, epi32, __m512i)
FA_PART(int64_t, vi64, vm64, i64, fa_first8, epi64, __m512i)
#undef FA_PART

/* Four numbers of each of sixteen rows, or two doubles of each of eight, to so many vectors, and back: quarter q of row j of a square
 * has row 4 q + j, or 2 q + j. */
#define FA_TURNS
FA_INLINE void fa_turn_four(__m512 r[4])
{
    const __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = (__m512)_mm512_unpacklo_pd((__m512d)a, (__m512d)c);
    r[1] = (__m512)_mm512_unpackhi_pd((__m512d)a, (__m512d)c);
    r[2] = (__m512)_mm512_unpacklo_pd((__m512d)b, (__m512d)d);
    r[3] = (__m512)_mm512_unpackhi_pd((__m512d)b, (__m512d)d);
}
FA_INLINE void v_load_turned_f32(const float *rows, ptrdiff_t step, vf32 column[4])
{
    __m512 r[4];
    for (int j = 0; j < 4; j++, rows += step) {
        r[j] = _mm512_castps128_ps512(_mm_loadu_ps(rows));
        r[j] = _mm512_mask_broadcast_f32x4(r[j], 0x00f0, _mm_loadu_ps(rows + 4 * step));
        r[j] = _mm512_mask_broadcast_f32x4(r[j], 0x0f00, _mm_loadu_ps(rows + 8 * step));
        r[j] = _mm512_mask_broadcast_f32x4(r[j], 0xf000, _mm_loadu_ps(rows + 12 * step));
    }
    fa_turn_four(r);
    memcpy(column, r, sizeof r);
}
FA_INLINE void v_store_turned_f32(float *rows, ptrdiff_t step, const vf32 column[4])
{
    __m512 r[4];
    memcpy(r, column, sizeof r);
    fa_turn_four(r);
    for (int j = 0; j < 4; j++, rows += step) {
        _mm_storeu_ps(rows, _mm512_castps512_ps128(r[j]));
        _mm_storeu_ps(rows + 4 * step, _mm512_extractf32x4_ps(r[j], 1));
        _mm_storeu_ps(rows + 8 * step, _mm512_extractf32x4_ps(r[j], 2));
        _mm_storeu_ps(rows + 12 * step, _mm512_extractf32x4_ps(r[j], 3));
    }
}

FA_INLINE void v_load_turned_f64(const double *rows, ptrdiff_t step, vf64 column[2])
{
    __m512d r[2];
    for (int j = 0; j < 2; j++, rows += step) {
        r[j] = _mm512_castpd128_pd512(_mm_loadu_pd(rows));
        r[j] = _mm512_mask_broadcast_f64x2(r[j], 0x0c, _mm_loadu_pd(rows + 2 * step));
        r[j] = _mm512_mask_broadcast_f64x2(r[j], 0x30, _mm_loadu_pd(rows + 4 * step));
        r[j] = _mm512_mask_broadcast_f64x2(r[j], 0xc0, _mm_loadu_pd(rows + 6 * step));
    }
    column[0] = (vf64)_mm512_unpacklo_pd(r[0], r[1]);
    column[1] = (vf64)_mm512_unpackhi_pd(r[0], r[1]);
}
FA_INLINE void v_store_turned_f64(double *rows, ptrdiff_t step, const vf64 column[2])
{
    const __m512d first = (__m512d)column[0], second = (__m512d)column[1];
    const __m512d r[2] = {_mm512_unpacklo_pd(first, second), _mm512_unpackhi_pd(first, second)};
    for (int j = 0; j < 2; j++, rows += step) {
        _mm_storeu_pd(rows, _mm512_castpd512_pd128(r[j]));
        _mm_storeu_pd(rows + 2 * step, _mm512_extractf64x2_pd(r[j], 1));
        _mm_storeu_pd(rows + 4 * step, _mm512_extractf64x2_pd(r[j], 2));
        _mm_storeu_pd(rows + 6 * step, _mm512_extractf64x2_pd(r[j], 3));
    }
}

/* One permute an entry of 16 (8 doubles); twice that by the two-register permute; more by blending on the next bit. */
FA_INLINE vf32 v_lookup16_f32(const float *t, vi32 k)
{
    return (vf32)_mm512_permutexvar_ps((__m512i)k, _mm512_loadu_ps(t));
}
FA_INLINE vf32 v_lookup8_f32(const float *t, vi32 k)
{
    return (vf32)_mm512_permutexvar_ps((__m512i)k, _mm512_broadcast_f32x8(_mm256_loadu_ps(t)));
}
FA_INLINE vf32 v_lookup32_f32(const float *t, vi32 k)
{
    return (vf32)_mm512_permutex2var_ps(_mm512_loadu_ps(t), (__m512i)k, _mm512_loadu_ps(t + 16));
}
FA_INLINE vf64 v_lookup8_f64(const double *t, vi64 k)
{
    return (vf64)_mm512_permutexvar_pd((__m512i)k, _mm512_loadu_pd(t));
}
FA_INLINE vf64 v_lookup16_f64(const double *t, vi64 k)
{
    return (vf64)_mm512_permutex2var_pd(_mm512_loadu_pd(t), (__m512i)k, _mm512_loadu_pd(t + 8));
}
FA_INLINE vf64 v_lookup32_f64(const double *t, vi64 k)
{
    __mmask8 high = _mm512_test_epi64_mask((__m512i)k, _mm512_set1_epi64(16));
    return (vf64)_mm512_mask_blend_pd(high, (__m512d)v_lookup16_f64(t, k), (__m512d)v_lookup16_f64(t + 16, k));
}
FA_INLINE vi32 v_lookup16_i32(const int32_t *t, vi32 k)
{
    return (vi32)_mm512_permutexvar_epi32((__m512i)k, _mm512_loadu_si512(t));
}
FA_INLINE vi32 v_lookup8_i32(const int32_t *t, vi32 k)
{
    return (vi32)_mm512_permutexvar_epi32((__m512i)k, _mm512_broadcast_i32x8(_mm256_loadu_si256((const void *)t)));
}
FA_INLINE vi64 v_lookup8_i64(const int64_t *t, vi64 k)
{
    return (vi64)_mm512_permutexvar_epi64((__m512i)k, _mm512_loadu_si512(t));
}
FA_INLINE vi64 v_lookup16_i64(const int64_t *t, vi64 k)
{
    return (vi64)_mm512_permutex2var_epi64(_mm512_loadu_si512(t), (__m512i)k, _mm512_loadu_si512(t + 8));
}
FA_INLINE vi32 v_lookup32_i32(const int32_t *t, vi32 k)
{
    return (vi32)_mm512_permutex2var_epi32(_mm512_loadu_si512(t), (__m512i)k, _mm512_loadu_si512(t + 16));
}
FA_INLINE vi64 v_lookup32_i64(const int64_t *t, vi64 k)
{
    __mmask8 high = _mm512_test_epi64_mask((__m512i)k, _mm512_set1_epi64(16));
    return (vi64)_mm512_mask_blend_epi64(high, (__m512i)v_lookup16_i64(t, k), (__m512i)v_lookup16_i64(t + 16, k));
}

FA_INLINE vf64 v_load_widened(const float *p) { return (vf64)_mm512_cvtps_pd(_mm256_loadu_ps(p)); }
FA_INLINE vf64 v_widen_lo(vf32 a) { return (vf64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)a)); }
FA_INLINE vf64 v_widen_hi(vf32 a) { return (vf64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)a, 1)); }
FA_INLINE vf32 v_narrow(vf64 lo, vf64 hi)
{
    return (vf32)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)lo)), _mm512_cvtpd_ps((__m512d)hi),
                                    1);
}
