/* AVX2 with FMA: eight floats, four doubles; masks are integer vectors.  Included by vec.h only. */
#include <immintrin.h>

typedef vi32 vm32;
typedef vi64 vm64;

#define FA_NEGATED_FMA /* as in avx512.h */
#define FA_AVX2(VF, MF, f, ps)                                                                                         \
    FA_INLINE VF v_fma_##f(VF a, VF b, VF c) { return (VF)_mm256_fmadd_##ps((MF)a, (MF)b, (MF)c); }                    \
    FA_INLINE VF v_fnma_##f(VF a, VF b, VF c) { return (VF)_mm256_fnmadd_##ps((MF)a, (MF)b, (MF)c); }                  \
    FA_INLINE VF v_fms_##f(VF a, VF b, VF c) { return (VF)_mm256_fmsub_##ps((MF)a, (MF)b, (MF)c); }                    \
    FA_INLINE VF v_sqrt_##f(VF a) { return (VF)_mm256_sqrt_##ps((MF)a); }                                              \
    FA_INLINE VF v_min_##f(VF a, VF b) { return (VF)_mm256_min_##ps((MF)a, (MF)b); }                                   \
    FA_INLINE VF v_max_##f(VF a, VF b) { return (VF)_mm256_max_##ps((MF)a, (MF)b); }
FA_AVX2(vf32, __m256, f32, ps)
FA_AVX2(vf64, __m256d, f64, pd)
#undef FA_AVX2

/* Keeps an operation where it stands in the text, or gcc 12 puts all of one vector before all of the next: with sixteen registers
 * neither it nor the processor makes them overlap. */
#define FA_PINS
#define v_pin(v) __asm__ volatile("" : "+x"(v))
/* a·b + *p, in its place as well: gcc 12 would load *p by an instruction of its own. */
#define v_fma_at(a, b, p) FA_FLOATS(v_fma_at, a)(a, b, p)
#define FA_FMA_AT(V, f, ps)                                                                                            \
    FA_INLINE V v_fma_at_##f(V a, V b, const V *p)                                                                     \
    {                                                                                                                  \
        __asm__ volatile("vfmadd213" #ps " {%2, %1, %0|%0, %1, %2}" : "+x"(a) : "x"(b), "m"(*p));                      \
        return a;                                                                                                      \
    }
FA_FMA_AT(vf32, f32, ps)
FA_FMA_AT(vf64, f64, pd)
#undef FA_FMA_AT

FA_INLINE vf32 v_select_f32(vm32 m, vf32 a, vf32 b) { return (vf32)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m); }
FA_INLINE vf64 v_select_f64(vm64 m, vf64 a, vf64 b)
{
    return (vf64)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)m);
}
FA_INLINE vi32 v_select_i32(vm32 m, vi32 a, vi32 b)
{
    return (vi32)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
}
FA_INLINE vi64 v_select_i64(vm64 m, vi64 a, vi64 b)
{
    return (vi64)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
}
FA_INLINE vi32 v_min_i32(vi32 a, vi32 b) { return (vi32)_mm256_min_epi32((__m256i)a, (__m256i)b); }
FA_INLINE vi32 v_max_i32(vi32 a, vi32 b) { return (vi32)_mm256_max_epi32((__m256i)a, (__m256i)b); }
FA_INLINE vi64 v_min_i64(vi64 a, vi64 b) { return v_select_i64(a < b, a, b); }
FA_INLINE vi64 v_max_i64(vi64 a, vi64 b) { return v_select_i64(a > b, a, b); }

FA_INLINE int fa_any_bit(__m256i m) { return !_mm256_testz_si256(m, m); }
#define v_any(mask) fa_any_bit((__m256i)(mask))

FA_INLINE vf32 v_load_f16(const uint16_t *p) { return (vf32)_mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
FA_INLINE void v_store_f16(uint16_t *p, vf32 v)
{
    _mm_storeu_si128((void *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}
FA_INLINE vf32 v_load_bf16(const uint16_t *p)
{
    return (vf32)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16);
}
FA_INLINE void v_store_high16(uint16_t *p, vi32 v)
{
    __m256i high = (__m256i)(v >> 16);
    _mm_storeu_si128((void *)p, _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)));
}

/* One by one, which costs half of a gather on Zen 3. */
#define FA_TRANSLATED 16 /* as in avx512.h */
FA_INLINE __m128i fa_translate8(const uint16_t *entries, const uint64_t *four)
{
    const uint32_t a = (uint32_t)four[0], b = (uint32_t)(four[0] >> 32), c = (uint32_t)four[1],
                   d = (uint32_t)(four[1] >> 32);
    __m128i found = _mm_cvtsi32_si128(entries[a & 0xffff]);
    found = _mm_insert_epi16(found, entries[a >> 16], 1);
    found = _mm_insert_epi16(found, entries[b & 0xffff], 2);
    found = _mm_insert_epi16(found, entries[b >> 16], 3);
    found = _mm_insert_epi16(found, entries[c & 0xffff], 4);
    found = _mm_insert_epi16(found, entries[c >> 16], 5);
    found = _mm_insert_epi16(found, entries[d & 0xffff], 6);
    return _mm_insert_epi16(found, entries[d >> 16], 7);
}
FA_INLINE vi32 v_translate(const uint16_t *entries, const void *x)
{
    uint64_t numbers[4];
    memcpy(numbers, x, sizeof numbers);
    return (vi32)_mm256_set_m128i(fa_translate8(entries, numbers + 2), fa_translate8(entries, numbers));
}

/* Zen 3 adds, compares, and takes minima on two of its ports and multiplies on the two others. */
#define FA_SUBTRACTS_BY_FMA
#define FA_STREAMS
FA_INLINE void v_fence(void) { _mm_sfence(); }
FA_INLINE void v_stream_f32(float *to, vf32 v) { _mm256_stream_ps(to, (__m256)v); }
FA_INLINE void v_stream_f64(double *to, vf64 v) { _mm256_stream_pd(to, (__m256d)v); }
#define FA_STREAMS_ONE
FA_INLINE void v_stream_one_f32(float *to, int32_t bits) { _mm_stream_si32((int *)(void *)to, bits); }
FA_INLINE void v_stream_one_f64(double *to, int64_t bits) { _mm_stream_si64((long long *)(void *)to, bits); }

/* The low n lanes; the others are 0 on load, untouched in memory on store, and no byte past the n-th is read. */
FA_INLINE __m256i fa_first32(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FA_INLINE __m256i fa_first64(size_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)n), _mm256_setr_epi64x(0, 1, 2, 3));
}
#define FA_PART(T, V, s, P, first, move, cast)                                                                         \
    FA_INLINE V v_load_part_##s(const T *p, size_t n) { return (V)_mm256_maskload_##move((const P *)p, first(n)); }    \
    FA_INLINE void v_store_part_##s(T *p, V v, size_t n) { _mm256_maskstore_##move((P *)p, first(n), (cast)v); }
FA_PART(float, vf32, f32, float, fa_first32, ps, __m256)
FA_PART(double, vf64, f64, double, fa_first64, pd, __m256d)
FA_PART(int32_t, vi32, i32, int, fa_first32, epi32, __m256i)
FA_PART(int64_t, vi64, i64, long long, fa_first64, epi64, __m256i)
#undef FA_PART

/* One permute an entry of 8 floats; larger tables by blending on the next index bit.  Doubles gather. */
FA_INLINE vf32 v_lookup8_f32(const float *t, vi32 k)
{
    return (vf32)_mm256_permutevar8x32_ps(_mm256_loadu_ps(t), (__m256i)k);
}
FA_INLINE vf32 v_lookup16_f32(const float *t, vi32 k)
{
    return v_select_f32(k << 28, v_lookup8_f32(t + 8, k), v_lookup8_f32(t, k));
}
FA_INLINE vf32 v_lookup32_f32(const float *t, vi32 k)
{
    return v_select_f32(k << 27, v_lookup16_f32(t + 16, k), v_lookup16_f32(t, k));
}
FA_INLINE vi32 v_lookup8_i32(const int32_t *t, vi32 k)
{
    return (vi32)_mm256_permutevar8x32_epi32(_mm256_loadu_si256((const void *)t), (__m256i)k);
}
FA_INLINE vi32 v_lookup16_i32(const int32_t *t, vi32 k)
{
    return v_bits_f32(v_select_f32(k << 28, v_real_i32(v_lookup8_i32(t + 8, k)), v_real_i32(v_lookup8_i32(t, k))));
}
FA_INLINE vi32 v_lookup32_i32(const int32_t *t, vi32 k)
{
    return v_bits_f32(v_select_f32(k << 27, v_real_i32(v_lookup16_i32(t + 16, k)), v_real_i32(v_lookup16_i32(t, k))));
}
#define FA_GATHER(size)                                                                                                \
    FA_INLINE vf64 v_lookup##size##_f64(const double *t, vi64 k)                                                       \
    {                                                                                                                  \
        return (vf64)_mm256_i64gather_pd(t, (__m256i)(k & (size - 1)), 8);                                             \
    }                                                                                                                  \
    FA_INLINE vi64 v_lookup##size##_i64(const int64_t *t, vi64 k)                                                      \
    {                                                                                                                  \
        return (vi64)_mm256_i64gather_epi64((const long long *)t, (__m256i)(k & (size - 1)), 8);                       \
    }
FA_GATHER(8)
FA_GATHER(16)
FA_GATHER(32)
#undef FA_GATHER

/* Rows (k >> low) & 31 of a table of four or eight floats, low >= 5, as columns: loads of four floats and a transpose in each 128-bit
 * lane.  On a Sapphire Rapids core half the time of permutes and blends. */
#define FA_LOOKUP_BY_ROWS
/* Numbers of rows as they are read from a vector of another type that was stored. */
typedef uint32_t __attribute__((may_alias)) fa_number32;
typedef uint64_t __attribute__((may_alias)) fa_number64;
FA_INLINE void fa_turn_four(const __m256 r[4], vf32 column[4])
{
    __m256 u[4];
    u[0] = _mm256_unpacklo_ps(r[0], r[1]);
    u[1] = _mm256_unpackhi_ps(r[0], r[1]);
    u[2] = _mm256_unpacklo_ps(r[2], r[3]);
    u[3] = _mm256_unpackhi_ps(r[2], r[3]);
    column[0] = (vf32)_mm256_shuffle_ps(u[0], u[2], 0x44);
    column[1] = (vf32)_mm256_shuffle_ps(u[0], u[2], 0xee);
    column[2] = (vf32)_mm256_shuffle_ps(u[1], u[3], 0x44);
    column[3] = (vf32)_mm256_shuffle_ps(u[1], u[3], 0xee);
}
FA_INLINE void fa_four_columns(const char *row, const fa_number32 at[8], vf32 column[4])
{
    __m256 r[4];
    for (int j = 0; j < 4; j++)
        r[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps((const float *)(row + at[j]))),
                                    _mm_load_ps((const float *)(row + at[j + 4])), 1);
    fa_turn_four(r, column);
}
/* Four neighbours in each of eight rows, or two doubles in each of four, as columns, and back.  A blend of a broadcast is cheaper
 * than an insertion. */
#define FA_TURNS
FA_INLINE void v_load_turned_f32(const float *rows, ptrdiff_t step, vf32 column[4])
{
    __m256 r[4];
    for (int j = 0; j < 4; j++, rows += step)
        r[j] = _mm256_blend_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows)),
                               _mm256_broadcast_ps((const __m128 *)(const void *)(rows + 4 * step)), 0xf0);
    fa_turn_four(r, column);
}
FA_INLINE void v_store_turned_f32(float *rows, ptrdiff_t step, const vf32 column[4])
{
    __m256 c[4];
    vf32 r[4];
    memcpy(c, column, sizeof c);
    fa_turn_four(c, r);
    for (int j = 0; j < 4; j++, rows += step) {
        _mm_storeu_ps(rows, _mm256_castps256_ps128((__m256)r[j]));
        _mm_storeu_ps(rows + 4 * step, _mm256_extractf128_ps((__m256)r[j], 1));
    }
}
FA_INLINE void v_load_turned_f64(const double *rows, ptrdiff_t step, vf64 column[2])
{
    __m256d r[2];
    for (int j = 0; j < 2; j++, rows += step)
        r[j] = _mm256_blend_pd(_mm256_castpd128_pd256(_mm_loadu_pd(rows)),
                               _mm256_broadcast_pd((const __m128d *)(const void *)(rows + 2 * step)), 0xc);
    column[0] = (vf64)_mm256_unpacklo_pd(r[0], r[1]);
    column[1] = (vf64)_mm256_unpackhi_pd(r[0], r[1]);
}
FA_INLINE void v_store_turned_f64(double *rows, ptrdiff_t step, const vf64 column[2])
{
    const __m256d first = (__m256d)column[0], second = (__m256d)column[1];
    const __m256d r[2] = {_mm256_unpacklo_pd(first, second), _mm256_unpackhi_pd(first, second)};
    for (int j = 0; j < 2; j++, rows += step) {
        _mm_storeu_pd(rows, _mm256_castpd256_pd128(r[j]));
        _mm_storeu_pd(rows + 2 * step, _mm256_extractf128_pd(r[j], 1));
    }
}
/* The offsets of rows, by memory: gcc 12 would extract them one by one, which takes a third longer in all. */
#define FA_RUNS
FA_INLINE const void *fa_row_offsets(vi32 offset, fa_runs runs, vi32 *here)
{
    if (runs.run) {
        if (runs.run == 1)
            v_store_i32((void *)runs.kept, offset);
        return runs.kept;
    }
    *here = offset;
    __asm__("" : "+m"(*here));
    return here;
}
/* The loads of long rows, scheduled far ahead of their use, would cost more than they hide: 5 to 18 %. */
#define FA_LOADS_STAY __asm__ volatile("" ::: "memory")
FA_INLINE void v_lookup_rows4(const float t[32][4], vi32 k, int low, fa_runs runs, vf32 column[4])
{
    vi32 here;
    fa_four_columns((const char *)t, fa_row_offsets((k >> (low - 4)) & (31 << 4), runs, &here), column);
}
FA_INLINE void v_lookup_rows8(const float t[32][8], vi32 k, int low, fa_runs runs, vf32 column[8])
{
    vi32 here;
    const fa_number32 *at = fa_row_offsets((k >> (low - 5)) & (31 << 5), runs, &here);
    FA_LOADS_STAY;
    fa_four_columns((const char *)t, at, column);
    fa_four_columns((const char *)t + 16, at, column + 4);
}

/* The first n entries of rows (k >> low) & 15 of sixteen doubles, low >= 7, the same way: four columns from whole vectors, or two
 * from halves, of which Zen 3 joins one a cycle. */
FA_INLINE void fa_four_wide_columns(const char *row, const fa_number64 at[4], vf64 column[4])
{
    __m256d r[4];
    for (int j = 0; j < 4; j++)
        r[j] = _mm256_load_pd((const double *)(row + at[j]));
    __m256d u[2] = {_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1])};
    __m256d v[2] = {_mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3])};
    for (int j = 0; j < 2; j++) {
        column[j] = (vf64)_mm256_permute2f128_pd(u[j], v[j], 0x20);
        column[j + 2] = (vf64)_mm256_permute2f128_pd(u[j], v[j], 0x31);
    }
}
FA_INLINE void fa_two_wide_columns(const char *row, const fa_number64 at[4], vf64 column[2])
{
    __m256d r[2];
    for (int j = 0; j < 2; j++) {
        const double *first = (const double *)(row + at[j]), *second = (const double *)(row + at[j + 2]);
        r[j] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(first)), _mm_load_pd(second), 1);
    }
    column[0] = (vf64)_mm256_unpacklo_pd(r[0], r[1]);
    column[1] = (vf64)_mm256_unpackhi_pd(r[0], r[1]);
}
FA_INLINE void v_lookup_rows16(const double t[16][16], vi64 k, int low, fa_runs runs, int n, vf64 *column)
{
    vi32 here, offset = (vi32)((vi64)_mm256_srli_epi64((__m256i)k, low - 7) & (15 << 7));
    const fa_number64 *at = fa_row_offsets(offset, runs, &here);
    FA_LOADS_STAY;
    const int fours =
        n % 4 == 3 || n % 4 == 0; /* then there is room for what is too much, in the table and in `column` */
    for (int i = 0; fours && i < n; i += 4)
        fa_four_wide_columns((const char *)(t[0] + i), at, column + i);
    for (int i = 0; !fours && i < n; i += 2)
        fa_two_wide_columns((const char *)(t[0] + i), at, column + i);
}

/* Entries k & 15; in later runs without a gather, which takes 5.4 cycles of Zen 3. */
FA_INLINE vi64 v_lookup16_ahead(const int64_t *t, vi64 k, fa_runs runs)
{
    vi32 here;
    if (!runs.run)
        return v_lookup16_i64(t, k);
    const fa_number64 *at = fa_row_offsets((vi32)((k & 15) << 3), runs, &here);
    __m128d half[2];
    for (int j = 0; j < 2; j++) {
        const double *first = (const void *)((const char *)t + at[2 * j]);
        const double *second = (const void *)((const char *)t + at[2 * j + 1]);
        half[j] = _mm_loadh_pd(_mm_load_sd(first), second);
    }
    return (vi64)_mm256_set_m128d(half[1], half[0]);
}

FA_INLINE vf64 v_load_widened(const float *p) { return (vf64)_mm256_cvtps_pd(_mm_loadu_ps(p)); }
FA_INLINE vf64 v_widen_lo(vf32 a) { return (vf64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)a)); }
FA_INLINE vf64 v_widen_hi(vf32 a) { return (vf64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)a, 1)); }
FA_INLINE vf32 v_narrow(vf64 lo, vf64 hi)
{
    return (vf32)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)lo)),
                                      _mm256_cvtpd_ps((__m256d)hi), 1);
}
