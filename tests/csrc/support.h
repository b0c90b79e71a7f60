/* What the suites share beyond CHECK: guarded memory, deterministic inputs, comparison, the floating-point state. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdint.h>

#include "../../csrc/fastact.h"

/* `size` writable bytes between two pages that may not be touched: ending at the second, or, if `at_start`, starting
   right after the first.  Each slot is one such region, reused by later calls; size <= GUARDED_BYTES. */
enum { GUARDED_BYTES = 1 << 16, GUARDED_SLOTS = 12 };
void *guarded(int slot, size_t size, int at_start);

/* Fills n values; the same on every machine.  Broad: special values, any bit pattern, and the ranges where functions
   curve.  Tame: in [-2, 2), never 0. */
void fill_broad(fa_dtype dtype, uint64_t seed, size_t n, void *values);
void fill_tame(fa_dtype dtype, uint64_t seed, size_t n, void *values);
uint64_t hash64(uint64_t seed, uint64_t i);

long double get(fa_dtype dtype, const void *values, size_t i);
void put(fa_dtype dtype, void *values, size_t i, long double value);

/* Index of the first of n values whose bits differ, n if none; a NaN equals any NaN. */
size_t first_difference(fa_dtype dtype, size_t n, const void *a, const void *b);
/* FNV-1a over the bits of n values, every NaN taken as one. */
uint64_t digest_of(fa_dtype dtype, size_t n, const void *values, uint64_t digest);
#define DIGEST_START 0xcbf29ce484222325u

/* |got - exact| in units of the last place of `exact` rounded to dtype. */
long double ulp_error(fa_dtype dtype, long double got, long double exact);

/* The processor's control and status bits; flushing subnormals to zero, in and out. */
uint64_t floating_point_state(void);
void flush_subnormals(int on);

#endif
