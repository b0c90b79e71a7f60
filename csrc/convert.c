/* See convert.h. */
#include "convert.h"

#include <string.h>

#define GATHER(bytes)                                                                                                  \
    static void gather##bytes(char *to, const char *from, ptrdiff_t step, size_t n)                                    \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            memcpy(to + bytes * i, from + (ptrdiff_t)i * step, bytes);                                                 \
    }                                                                                                                  \
    static void scatter##bytes(char *to, const char *from, ptrdiff_t step, size_t n)                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            memcpy(to + (ptrdiff_t)i * step, from + bytes * i, bytes);                                                 \
    }
GATHER(2)
GATHER(4)
GATHER(8)

#define INTEGERS(T, F)                                                                                                 \
    static void read_##T(F *to, const char *from, ptrdiff_t step, size_t n)                                            \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            T value;                                                                                                   \
            memcpy(&value, from + (ptrdiff_t)i * step, sizeof value);                                                  \
            to[i] = (F)value;                                                                                          \
        }                                                                                                              \
    }
INTEGERS(int8_t, float)
INTEGERS(uint8_t, float)
INTEGERS(int16_t, float)
INTEGERS(uint16_t, float)
INTEGERS(int32_t, double)
INTEGERS(uint32_t, double)
INTEGERS(int64_t, double)
INTEGERS(uint64_t, double)

static void read_half(fa_widen *widen, size_t n, const char *from, ptrdiff_t step, float *to)
{
    uint16_t together[FA_STAGE];
    const void *x = from;
    if (step != 2 || (uintptr_t)from % 2) {
        gather2((char *)together, from, step, n);
        x = together;
    }
    widen(n, x, to);
}

static void write_half(fa_narrow *narrow, size_t n, const float *from, char *to, ptrdiff_t step)
{
    uint16_t together[FA_STAGE];
    if (step == 2 && (uintptr_t)to % 2 == 0) {
        narrow(n, from, (void *)to);
        return;
    }
    narrow(n, from, together);
    scatter2(to, (const char *)together, step, n);
}

void fa_read(fa_dtype type, size_t n, const char *from, ptrdiff_t step, void *to)
{
    switch (type) {
    case FA_F32: gather4(to, from, step, n); break;
    case FA_F64: gather8(to, from, step, n); break;
    case FA_F16: read_half(fa_kernels_for(FA_F32)->movers->widen_f16, n, from, step, to); break;
    case FA_BF16: read_half(fa_kernels_for(FA_F32)->movers->widen_bf16, n, from, step, to); break;
    case FA_I8: read_int8_t(to, from, step, n); break;
    case FA_U8: read_uint8_t(to, from, step, n); break;
    case FA_I16: read_int16_t(to, from, step, n); break;
    case FA_U16: read_uint16_t(to, from, step, n); break;
    case FA_I32: read_int32_t(to, from, step, n); break;
    case FA_U32: read_uint32_t(to, from, step, n); break;
    case FA_I64: read_int64_t(to, from, step, n); break;
    default: read_uint64_t(to, from, step, n);
    }
}

void fa_write(fa_dtype type, size_t n, const void *from, char *to, ptrdiff_t step)
{
    switch (type) {
    case FA_F16: write_half(fa_kernels_for(FA_F32)->movers->narrow_f16, n, from, to, step); break;
    case FA_BF16: write_half(fa_kernels_for(FA_F32)->movers->narrow_bf16, n, from, to, step); break;
    case FA_F32: scatter4(to, from, step, n); break;
    default: scatter8(to, from, step, n);
    }
}

#define NEGATE(T)                                                                                                      \
    static void negate_##T(T *x, size_t n)                                                                             \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            x[i] = -x[i];                                                                                              \
    }
NEGATE(float)
NEGATE(double)

void fa_negate(fa_dtype type, size_t n, void *x)
{
    if (type == FA_F32)
        negate_float(x, n);
    else
        negate_double(x, n);
}
