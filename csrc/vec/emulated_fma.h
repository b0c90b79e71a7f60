/* fma for instruction sets without one, good enough for residuals: float32 through float64 (the product is exact
 * there, the sum rounds twice), float64 by Dekker's exact product and a compensated sum (T. J. Dekker, Numerische
 * Mathematik 18, 1971).  Not bit-identical to a hardware fma, which is why `base` has bits of its own.
 * Called rather than inlined: the kernels are half as large. */
#define FA_EMULATED_FMA
FA_CALLED vf32 v_fma_f32(vf32 a, vf32 b, vf32 c)
{
    vf32 r;
    for (size_t i = 0; i < FA_LANES_F32; i++)
        r[i] = (float)((double)a[i] * (double)b[i] + (double)c[i]);
    return r;
}

FA_INLINE vf64 fa_upper_half(vf64 a) /* the upper 26 bits: what remains below them has at most 27 */
{
    return (vf64)((vi64)a & -(INT64_C(1) << 27));
}

FA_CALLED vf64 v_fma_f64(vf64 a, vf64 b, vf64 c)
{
    vf64 ah = fa_upper_half(a), bh = fa_upper_half(b), al = a - ah, bl = b - bh;
    vf64 product = a * b;
    vf64 rest = ((ah * bh - product) + (ah * bl + al * bh)) + al * bl;
    vf64 sum = product + c, t = sum - product;
    vf64 lost = (product - (sum - t)) + (c - t);
    vf64 correction = lost + rest; /* NaN where something overflowed */
    return v_select_f64((vm64)(correction < 0) | (vm64)(correction > 0), sum + correction,
                        sum); /* keeps a sum of -0.0 */
}
