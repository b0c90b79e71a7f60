/* relu and relu6 of integers, which keep their dtype. */
#include "fastact.h"

#include <stdint.h>
#include <string.h>

#define CLIP(T, LARGEST)                                                                                               \
    static void clip_##T(long long top, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step)          \
    {                                                                                                                  \
        const T most = top < 0 || (unsigned long long)top > LARGEST ? LARGEST : (T)top;                                \
        for (size_t i = 0; i < n; i++, x += x_step, y += y_step) {                                                     \
            T v;                                                                                                       \
            memcpy(&v, x, sizeof v);                                                                                   \
            v = v > 0 ? v : 0;                                                                                         \
            v = v < most ? v : most;                                                                                   \
            memcpy(y, &v, sizeof v);                                                                                   \
        }                                                                                                              \
    }
CLIP(int8_t, INT8_MAX)
CLIP(uint8_t, UINT8_MAX)
CLIP(int16_t, INT16_MAX)
CLIP(uint16_t, UINT16_MAX)
CLIP(int32_t, INT32_MAX)
CLIP(uint32_t, UINT32_MAX)
CLIP(int64_t, INT64_MAX)
CLIP(uint64_t, UINT64_MAX)

void fa_clip_integers(const fa_clip *clip, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step)
{
    switch (clip->type) {
    case FA_I8: clip_int8_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_U8: clip_uint8_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_I16: clip_int16_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_U16: clip_uint16_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_I32: clip_int32_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_U32: clip_uint32_t(clip->top, n, x, x_step, y, y_step); break;
    case FA_I64: clip_int64_t(clip->top, n, x, x_step, y, y_step); break;
    default: clip_uint64_t(clip->top, n, x, x_step, y, y_step);
    }
}
