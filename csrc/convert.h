/* Between what stands in memory, strided and of any type, and the contiguous float32 or float64 of the kernels.  At most
 * FA_STAGE elements a call. */
#ifndef FA_CONVERT_H
#define FA_CONVERT_H

#include "fastact.h"

/* So many that the call of a kernel does not count; two operands of them are half the first cache level. */
enum { FA_STAGE = 2048 };

/* n elements as float32, or as float64 where they are that or integers of 4 or 8 bytes. */
void fa_read(fa_dtype type, size_t n, const char *from, ptrdiff_t step, void *to);

/* n results, float64 or float32, as elements of a floating type. */
void fa_write(fa_dtype type, size_t n, const void *from, char *to, ptrdiff_t step);

/* Turns the signs of any number of float32 or float64. */
void fa_negate(fa_dtype type, size_t n, void *x);

#endif
