/* gelu lane by lane through the C library's erfc: right, not fast. */
#ifndef FA_REAL_F32
FA_INLINE vreal f_gelu(vreal x, int mode)
{
    real lane[FA_LANES];
    v_store(lane, x);
    (void)mode;
    for (size_t i = 0; i < FA_LANES; i++)
        lane[i] = lane[i] == -INFINITY ? (real)-0.0 : (real)(lane[i] * 0.5 * erfc(-lane[i] * 0.70710678118654752440));
    return v_load(lane);
}
#endif
FA_INLINE vreal d_gelu(vreal x, vreal g, int mode)
{
    real lane[FA_LANES];
    v_store(lane, x);
    (void)mode;
    for (size_t i = 0; i < FA_LANES; i++) {
        double v = lane[i] > 100 ? 100 : lane[i] < -100 ? -100 : lane[i];
        lane[i] = (real)(0.5 * erfc(-v * 0.70710678118654752440) + v * exp(-0.5 * v * v) * 0.39894228040143267794);
    }
    return g * v_load(lane);
}
