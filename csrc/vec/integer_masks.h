/* What every width with integer-vector masks shares: comparisons by GNU infix, conversions by the compiler.
 * Included by vec.h only. */
#define FA_COMPARE(V, M, s)                                                                                            \
    FA_INLINE M v_lt_##s(V a, V b) { return (M)(a < b); }                                                              \
    FA_INLINE M v_le_##s(V a, V b) { return (M)(a <= b); }                                                             \
    FA_INLINE M v_eq_##s(V a, V b) { return (M)(a == b); }
FA_COMPARE(vf32, vm32, f32)
FA_COMPARE(vf64, vm64, f64)
FA_COMPARE(vi32, vm32, i32)
FA_COMPARE(vi64, vm64, i64)
#undef FA_COMPARE
FA_INLINE vm32 v_unordered_f32(vf32 a, vf32 b) { return (vm32)(a != a) | (vm32)(b != b); }
FA_INLINE vm64 v_unordered_f64(vf64 a, vf64 b) { return (vm64)(a != a) | (vm64)(b != b); }

FA_INLINE vi32 v_to_int_f32(vf32 a) { return __builtin_convertvector(a, vi32); }
FA_INLINE vi64 v_to_int_f64(vf64 a) { return __builtin_convertvector(a, vi64); }
FA_INLINE vf32 v_to_float_i32(vi32 a) { return __builtin_convertvector(a, vf32); }
#ifdef __aarch64__
FA_INLINE vf64 v_to_float_i64(vi64 a) { return __builtin_convertvector(a, vf64); }
#else /* x86 before AVX-512 would convert one by one: the bits of 1.5 2^52 + a, less 1.5 2^52 */
FA_INLINE vf64 v_to_float_i64(vi64 a) { return v_real_i64(a + KI64(0x4338000000000000)) - KD(0x1.8p52); }
#endif
