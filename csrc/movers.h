/* Conversion between float32 and the half types, and copies past the caches: what loops.c asks of an instruction set beside
 * kernels.  Plain loops, which compilers do vectorise, but for float16 where there are instructions.  No activation. */
#ifndef FA_MOVERS_H
#define FA_MOVERS_H

#include "fastact.h"
#include "vec.h"

FA_INLINE float fa_float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
FA_INLINE uint32_t fa_bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void fa_widen_bf16(size_t n, const uint16_t *from, float *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fa_float_of((uint32_t)from[i] << 16);
}

/* To the nearest, ties to even; a NaN stays one. */
static void fa_narrow_bf16(size_t n, const float *from, uint16_t *to)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = fa_bits_of(from[i]), nan = bits | 0x400000u;
        uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
        to[i] = (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded) >> 16);
    }
}

#ifdef FA_LANES_F16
static void fa_widen_f16(size_t n, const uint16_t *from, float *to)
{
    size_t i = 0;
    for (; i + FA_LANES_F16 <= n; i += FA_LANES_F16)
        v_store(to + i, v_load_f16(from + i));
    if (i < n) {
        uint16_t rest[FA_LANES_F16] = {0};
        memcpy(rest, from + i, (n - i) * sizeof *from);
        v_store_part(to + i, v_load_f16(rest), n - i);
    }
}
static void fa_narrow_f16(size_t n, const float *from, uint16_t *to)
{
    size_t i = 0;
    for (; i + FA_LANES_F16 <= n; i += FA_LANES_F16)
        v_store_f16(to + i, v_load(from + i));
    if (i < n) {
        uint16_t rest[FA_LANES_F16];
        v_store_f16(rest, v_load_part(from + i, n - i));
        memcpy(to + i, rest, (n - i) * sizeof *to);
    }
}
#else
/* The exponents differ by 112: a product with 2^112 makes subnormal numbers normal, exactly. */
static void fa_widen_f16(size_t n, const uint16_t *from, float *to)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = from[i] & 0x7fffu, sign = (from[i] & 0x8000u) << 16;
        uint32_t bits = fa_bits_of(fa_float_of(magnitude << 13) * 0x1p112f);
        to[i] = fa_float_of((magnitude >= 0x7c00u ? bits | 0x7f800000u : bits) | sign);
    }
}
/* To the nearest, ties to even.  Below 2^-14 the sum with ½ rounds to float16's subnormal unit; 65520 and above overflow. */
static void fa_narrow_f16(size_t n, const float *from, uint16_t *to)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = fa_bits_of(from[i]), magnitude = bits & 0x7fffffffu;
        uint32_t normal = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
        uint32_t tiny = fa_bits_of(fa_float_of(magnitude) + 0.5f) - 0x3f000000u;
        uint32_t huge = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
        uint32_t half = magnitude >= 0x47800000u ? huge : magnitude < 0x38800000u ? tiny : normal;
        to[i] = (uint16_t)(half | (bits >> 16 & 0x8000u));
    }
}
#endif

#ifdef FA_STREAMS
static void fa_stream(size_t n_bytes, const void *from, void *to)
{
    const char *x = from;
    char *y = to;
    size_t head = -(uintptr_t)to % FA_VECTOR_BYTES, i = head < n_bytes ? head : n_bytes;
    memcpy(y, x, i);
    for (; i + FA_VECTOR_BYTES <= n_bytes; i += FA_VECTOR_BYTES)
        v_stream(y + i, x + i);
    memcpy(y + i, x + i, n_bytes - i);
}
#define FA_STREAM fa_stream, v_fence
#else
#define FA_STREAM NULL, NULL
#endif

static const fa_movers fa_movers_here = {fa_widen_f16, fa_widen_bf16, fa_narrow_f16, fa_narrow_bf16, FA_STREAM};

#endif
