/* Lanes: the only header (with the files of vec/ it includes) that knows vector width and intrinsics.
 *
 * A translation unit is built for one instruction set and one dtype.  The stub in isa/ defines
 *   FA_ISA            avx512, avx2, neon, base or scalar
 *   FA_VECTOR_BYTES   64, 32, 16, or 0 for the portable build of one lane, which is strict C11
 *   FA_REAL_F32 or FA_REAL_F64  what `real`, `integer`, `vreal`, `vint` and `vmask` stand for
 * Infix arithmetic works on every vector type; what C cannot say on vectors is a `v_` function here, the same
 * name for each type.  Only correctly rounded operations: no estimates, nothing the compiler may contract.
 * No formula belongs here. */
#ifndef FA_VEC_H
#define FA_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "fastact's bits and special values do not survive -ffast-math: remove it from CFLAGS"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FA_INLINE static inline __attribute__((always_inline, unused))
#define FA_CALLED static __attribute__((noinline, unused))
#ifdef __clang__
#define FA_ONCE FA_CALLED
#else
#define FA_ONCE static __attribute__((noinline, noclone, unused)) /* nor copied for constant arguments */
#endif
#elif defined(_MSC_VER)
#define FA_INLINE static __forceinline
#define FA_CALLED static __declspec(noinline)
#define FA_ONCE FA_CALLED
#else
#define FA_INLINE static inline
#define FA_CALLED static
#define FA_ONCE static
#endif

#if FA_VECTOR_BYTES
typedef float vf32 __attribute__((vector_size(FA_VECTOR_BYTES)));
typedef double vf64 __attribute__((vector_size(FA_VECTOR_BYTES)));
typedef int32_t vi32 __attribute__((vector_size(FA_VECTOR_BYTES)));
typedef int64_t vi64 __attribute__((vector_size(FA_VECTOR_BYTES)));
#define FA_HALVES 2
#define FA_LANES_F32 (FA_VECTOR_BYTES / 4)
#define FA_LANES_F64 (FA_VECTOR_BYTES / 8)
#define KF(c) ((float)(c) - (vf32){0}) /* subtraction, so that KF(-0.0) keeps its sign */
#define KD(c) ((double)(c) - (vf64){0})
#define KI32(c) ((int32_t)(c) + (vi32){0})
#define KI64(c) ((int64_t)(c) + (vi64){0})
#else
typedef float vf32;
typedef double vf64;
typedef int32_t vi32;
typedef int64_t vi64;
#define FA_HALVES 1
#define FA_LANES_F32 1
#define FA_LANES_F64 1
#define KF(c) ((float)(c))
#define KD(c) ((double)(c))
#define KI32(c) ((int32_t)(c))
#define KI64(c) ((int64_t)(c))
#endif

FA_INLINE vf32 v_splat_f32(float c) { return KF(c); }
FA_INLINE vf64 v_splat_f64(double c) { return KD(c); }

/* Names for both element types: v_fma(a, b, c) picks v_fma_f32 or v_fma_f64 by the type of a. */
#define FA_FLOATS(name, a) _Generic((a), vf32 : name##_f32, vf64 : name##_f64)
#define FA_TYPES(name, a) _Generic((a), vf32 : name##_f32, vf64 : name##_f64, vi32 : name##_i32, vi64 : name##_i64)
#define v_bits(a) FA_FLOATS(v_bits, a)(a)
#define v_real(a) _Generic((a), vi32 : v_real_i32, vi64 : v_real_i64)(a)
#define v_fma(a, b, c) FA_FLOATS(v_fma, a)(a, b, c)
#define v_fnma(a, b, c) FA_FLOATS(v_fnma, a)(a, b, c) /* c − a·b */
#define v_fms(a, b, c) FA_FLOATS(v_fms, a)(a, b, c)   /* a·b − c */
#define v_sqrt(a) FA_FLOATS(v_sqrt, a)(a)
#define v_abs(a) FA_FLOATS(v_abs, a)(a)
#define v_signed(a, b) FA_FLOATS(v_signed, a)(a, b) /* a ≥ 0 with the sign of b */
#define v_min(a, b) FA_TYPES(v_min, a)(a, b)
#define v_max(a, b) FA_TYPES(v_max, a)(a, b)
#define v_lt(a, b) FA_TYPES(v_lt, a)(a, b)
#define v_le(a, b) FA_TYPES(v_le, a)(a, b)
#define v_gt(a, b) v_lt(b, a)
#define v_ge(a, b) v_le(b, a)
#define v_eq(a, b) FA_TYPES(v_eq, a)(a, b)
#define v_unordered(a, b) FA_FLOATS(v_unordered, a)(a, b)
#define v_select(mask, a, b) FA_TYPES(v_select, a)(mask, a, b)
#define v_to_int(a) FA_FLOATS(v_to_int, a)(a)
#define v_to_float(a) _Generic((a), vi32 : v_to_float_i32, vi64 : v_to_float_i64)(a) /* of 64 bits: below 2^51 */
#define v_scale(a, b) FA_FLOATS(v_scale, a)(a, b)                                    /* where FA_SCALES is defined */
#define v_permute(t, k) FA_FLOATS(v_permute, t)(t, k)                                /* the same */
#define v_largest(a) FA_FLOATS(v_largest, a)(a)                                      /* where FA_REDUCES is */
#define v_stream(p, v) FA_FLOATS(v_stream, v)(p, v)
#define v_stream_one(p, bits)                                                                                          \
    _Generic(*(p), float : v_stream_one_f32, double : v_stream_one_f64)(p, bits) /* one number, given as its bits */
#define v_load_turned(rows, step, column) FA_TURNS_OF(v_load_turned, rows)(rows, step, column) /* where FA_TURNS is */
#define v_store_turned(rows, step, column) FA_TURNS_OF(v_store_turned, rows)(rows, step, column)
#define FA_TURNS_OF(name, p) _Generic(*(p), float : name##_f32, double : name##_f64)
#define FA_TURNED (16 / sizeof(real)) /* neighbours that are turned together */
#define v_lane(a, i) FA_TYPES(v_lane, a)(a, i)
#define v_lookup8(table, index) FA_LOOKUP(v_lookup8, table)(table, index)
#define v_lookup16(table, index) FA_LOOKUP(v_lookup16, table)(table, index)
#define v_lookup32(table, index) FA_LOOKUP(v_lookup32, table)(table, index)
#define FA_LOOKUP(name, t)                                                                                             \
    _Generic(*(t), float : name##_f32, double : name##_f64, int32_t : name##_i32, int64_t : name##_i64)
#define v_load(p) FA_POINTEES(v_load, p)(p)
#define v_store(p, v) FA_POINTEES(v_store, p)(p, v)
#define v_store_halves(p, v)                                                                                           \
    FA_FLOATS(v_store_halves, v)(p, v) /* the same by narrower stores, where those are faster */
#define v_load_part(p, n) FA_POINTEES(v_load_part, p)(p, n)
#define v_store_part(p, v, n) FA_POINTEES(v_store_part, p)(p, v, n)
#define v_load_masked(p, m)                                                                                            \
    FA_POINTEES(v_load_masked, p)(p, m) /* where FA_MASKED is defined; the same: v_first(n), low lanes */
#define v_store_masked(p, v, m) FA_POINTEES(v_store_masked, p)(p, v, m)
#define FA_POINTEES(name, p) FA_LOOKUP(name, p)

/* What is the same for every width: bit casts, whole loads and stores, sign tricks. */
#define FA_COMMON(T, V, s)                                                                                             \
    FA_INLINE V v_load_##s(const T *p)                                                                                 \
    {                                                                                                                  \
        V v;                                                                                                           \
        memcpy(&v, p, sizeof v);                                                                                       \
        return v;                                                                                                      \
    }                                                                                                                  \
    FA_INLINE void v_store_##s(T *p, V v) { memcpy(p, &v, sizeof v); }                                                 \
    FA_INLINE T v_lane_##s(V v, size_t i)                                                                              \
    {                                                                                                                  \
        T lane[sizeof(V) / sizeof(T)];                                                                                 \
        memcpy(lane, &v, sizeof v);                                                                                    \
        return lane[i];                                                                                                \
    }
FA_COMMON(float, vf32, f32)
FA_COMMON(double, vf64, f64)
FA_COMMON(int32_t, vi32, i32)
FA_COMMON(int64_t, vi64, i64)
#undef FA_COMMON

#define FA_BITS(VF, VI, f, i)                                                                                          \
    FA_INLINE VI v_bits_##f(VF v)                                                                                      \
    {                                                                                                                  \
        VI b;                                                                                                          \
        memcpy(&b, &v, sizeof b);                                                                                      \
        return b;                                                                                                      \
    }                                                                                                                  \
    FA_INLINE VF v_real_##i(VI b)                                                                                      \
    {                                                                                                                  \
        VF v;                                                                                                          \
        memcpy(&v, &b, sizeof v);                                                                                      \
        return v;                                                                                                      \
    }
FA_BITS(vf32, vi32, f32, i32)
FA_BITS(vf64, vi64, f64, i64)
#undef FA_BITS

FA_INLINE vf32 v_abs_f32(vf32 v) { return v_real_i32(v_bits_f32(v) & INT32_MAX); }
FA_INLINE vf64 v_abs_f64(vf64 v) { return v_real_i64(v_bits_f64(v) & INT64_MAX); }
FA_INLINE vf32 v_signed_f32(vf32 a, vf32 b) { return v_real_i32(v_bits_f32(a) | (v_bits_f32(b) & INT32_MIN)); }
FA_INLINE vf64 v_signed_f64(vf64 a, vf64 b) { return v_real_i64(v_bits_f64(a) | (v_bits_f64(b) & INT64_MIN)); }

/* On AVX2 the lane function runs over a block several times, cut where its chain of operations is long: what a run before the last
 * one keeps in memory at its cut is all the next needs of what stands before.  So a processor that looks 130 to 250 operations
 * ahead sees several chains at once, and numbers of rows that go through memory are not waited for.  Same bits. */
typedef struct {
    int run;    /* 0: all at once; 1 and 2 keep what the first and the second cut say; then FA_LAST_RUN */
    char *kept; /* of this vector, the first of its places */
    int *again; /* set by a first run that meets a second cut */
} fa_runs;
enum { FA_LAST_RUN = 3 };

#if FA_VECTOR_BYTES == 64
#include "vec/avx512.h"
#elif FA_VECTOR_BYTES == 32
#include "vec/avx2.h"
#elif FA_VECTOR_BYTES == 16
#include "vec/lanes128.h"
#else
#include "vec/scalar.h"
#endif

#if FA_VECTOR_BYTES && FA_VECTOR_BYTES != 64
#include "vec/integer_masks.h"
#endif

#ifndef FA_NEGATED_FMA
FA_INLINE vf32 v_fnma_f32(vf32 a, vf32 b, vf32 c) { return v_fma_f32(-a, b, c); }
FA_INLINE vf64 v_fnma_f64(vf64 a, vf64 b, vf64 c) { return v_fma_f64(-a, b, c); }
FA_INLINE vf32 v_fms_f32(vf32 a, vf32 b, vf32 c) { return v_fma_f32(a, b, -c); }
FA_INLINE vf64 v_fms_f64(vf64 a, vf64 b, vf64 c) { return v_fma_f64(a, b, -c); }
#endif
#ifdef FA_SUBTRACTS_BY_FMA /* a − b, in a kernel that has more additions than products */
#define v_minus(a, b) v_fnma(b, K(1), a)
#else
#define v_minus(a, b) ((a) - (b))
#endif
#ifndef FA_PINS
#define v_pin(v) (void)(v)
#define v_fma_at(a, b, p) v_fma(a, b, *(p))
#endif
/* Before a loop of four turns that is to be written out, or one that is not. */
#if defined(__GNUC__) && !defined(__clang__)
#define FA_FOUR_TIMES _Pragma("GCC unroll 4")
#define FA_NOT_UNROLLED _Pragma("GCC unroll 1")
#else
#define FA_FOUR_TIMES
#define FA_NOT_UNROLLED
#endif
#ifndef FA_HALF_STORES
#define v_store_halves_f32 v_store_f32
#define v_store_halves_f64 v_store_f64
#endif
#ifndef FA_RUNS
#define v_lookup16_ahead(table, k, runs) v_lookup16(table, k)
#endif
#ifndef v_hold
#define v_hold(v) (void)(v)
#endif
#ifndef FA_STREAMS /* no such stores: through the caches */
#define v_stream_f32 v_store_f32
#define v_stream_f64 v_store_f64
#endif
#ifndef FA_STREAMS_ONE
FA_INLINE void v_stream_one_f32(float *to, int32_t bits) { memcpy(to, &bits, sizeof bits); }
FA_INLINE void v_stream_one_f64(double *to, int64_t bits) { memcpy(to, &bits, sizeof bits); }
#endif
#include "vec/halves.h"

#if defined(FA_REAL_F32)
typedef float real;
typedef int32_t integer;
typedef vf32 vreal;
typedef vi32 vint;
typedef vm32 vmask;
#define FA_LANES FA_LANES_F32
#define v_first(n) fa_first16(n)
#define K(c) KF(c)
#define KI(c) KI32(c)
#elif defined(FA_REAL_F64)
typedef double real;
typedef int64_t integer;
typedef vf64 vreal;
typedef vi64 vint;
typedef vm64 vmask;
#define FA_LANES FA_LANES_F64
#define v_first(n) fa_first8(n)
#define K(c) KD(c)
#define KI(c) KI64(c)
#endif

/* The larger of the bits of two |numbers|, and whether one of these is above a limit.  float64 looks at the upper halves alone,
 * as comparing 64-bit integers takes two operations and more: numbers in the limit's last 2^-20 may count as above. */
#if defined(FA_REAL_F32) || !FA_VECTOR_BYTES
#define FA_LOW_BITS 0
#define v_larger_bits(a, b) v_max(a, b)
#else
#define FA_LOW_BITS 0xffffffff
#define v_larger_bits(a, b) ((vi64)v_max_i32((vi32)(a), (vi32)(b)))
#endif
#define v_bits_beyond(peak, limit) v_any(v_lt(v_bits(K(limit)), (peak) | KI(FA_LOW_BITS)))

#endif
