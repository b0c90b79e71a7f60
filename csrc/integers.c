/* relu of integers, which keeps their dtype: max(x, 0) of two's complement numbers of 1, 2, 4 or 8 bytes. */
#include "fastact.h"

#include <stdint.h>
#include <string.h>

#define RELU(T)                                                                                                        \
    static void relu_##T(size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step)                         \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++, x += x_step, y += y_step) {                                                     \
            T v;                                                                                                       \
            memcpy(&v, x, sizeof v);                                                                                   \
            v = v > 0 ? v : 0;                                                                                         \
            memcpy(y, &v, sizeof v);                                                                                   \
        }                                                                                                              \
    }
RELU(int8_t)
RELU(int16_t)
RELU(int32_t)
RELU(int64_t)

void fa_relu_integer(size_t item, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step)
{
    switch (item) {
    case 1: relu_int8_t(n, x, x_step, y, y_step); break;
    case 2: relu_int16_t(n, x, x_step, y, y_step); break;
    case 4: relu_int32_t(n, x, x_step, y, y_step); break;
    default: relu_int64_t(n, x, x_step, y, y_step);
    }
}
