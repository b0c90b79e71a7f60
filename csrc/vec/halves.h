/* Half types in memory as lanes of float32, for every width: stores round once, to the nearest, ties to even.  float16 is made
 * of integers where there is no instruction for it.  Included by vec.h only. */
FA_INLINE vi32 v_rounded_bf16(vi32 bits) { return bits + 0x7fff + ((bits >> 16) & 1); } /* but for NaNs */
FA_INLINE void v_store_bf16(uint16_t *p, vf32 v)
{
    vi32 bits = v_bits_f32(v);
    v_store_high16(p, v_select_i32(v_unordered_f32(v, v), bits | 0x400000, v_rounded_bf16(bits)));
}

#ifdef FA_F16_BY_HAND
/* The exponents differ by 112: a product with 2^112 makes subnormal numbers normal, exactly. */
FA_INLINE vf32 v_load_f16(const uint16_t *p)
{
    vi32 half = v_load_low16(p), magnitude = half & 0x7fff;
    vi32 bits = v_bits_f32(v_real_i32(magnitude << 13) * KF(0x1p112f));
    bits = v_select_i32(v_lt_i32(magnitude, KI32(0x7c00)), bits, bits | 0x7f800000);
    return v_real_i32(bits | (half & 0x8000) * 0x10000);
}
/* Below 2^-14 the sum with 1/2 rounds to float16's subnormal unit; from 65520 on a rounded number is infinite. */
FA_INLINE void v_store_f16(uint16_t *p, vf32 v)
{
    vi32 bits = v_bits_f32(v), magnitude = bits & INT32_MAX;
    vi32 normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
    vi32 tiny = v_bits_f32(v_real_i32(magnitude) + KF(0.5f)) - 0x3f000000;
    vi32 huge = v_select_i32(v_lt_i32(KI32(0x7f800000), magnitude), KI32(0x7e00), KI32(0x7c00));
    vi32 half = v_select_i32(v_lt_i32(magnitude, KI32(0x38800000)), tiny, normal);
    half = v_select_i32(v_lt_i32(magnitude, KI32(0x47800000)), half, huge);
    v_store_high16(p, half * 0x10000 | (bits & INT32_MIN));
}
#endif

#if FA_VECTOR_BYTES
/* Two vectors of numbers that stand one after the other; of bfloat16 the even ones, then the odd ones, which takes fewer
 * operations. */
FA_INLINE void v_load_two_f16(const uint16_t *p, vf32 *v)
{
    v[0] = v_load_f16(p);
    v[1] = v_load_f16(p + FA_LANES_F32);
}
FA_INLINE void v_store_two_f16(uint16_t *p, const vf32 *v)
{
    v_store_f16(p, v[0]);
    v_store_f16(p + FA_LANES_F32, v[1]);
}
FA_INLINE void v_load_two_bf16(const uint16_t *p, vf32 *v)
{
    vi32 both;
    memcpy(&both, p, sizeof both);
    v[0] = v_real_i32(both << 16);
    v[1] = v_real_i32(both & ~0xffff);
}
/* NaNs must come from bfloat16 or be NAN, so that rounding leaves them alone. */
FA_INLINE void v_store_two_bf16(uint16_t *p, const vf32 *v)
{
    typedef uint32_t unsigned_lanes __attribute__((vector_size(FA_VECTOR_BYTES)));
    typedef int16_t short_lanes __attribute__((vector_size(FA_VECTOR_BYTES)));
    const unsigned_lanes even = (unsigned_lanes)v_rounded_bf16(v_bits_f32(v[0])) >> 16;
    const short_lanes both = (short_lanes)((vi32)even | (v_rounded_bf16(v_bits_f32(v[1])) & ~0xffff));
    const short_lanes quiet = both | (((both & INT16_MAX) > 0x7f80) & 0x40);
    memcpy(p, &quiet, sizeof quiet);
}
#endif
