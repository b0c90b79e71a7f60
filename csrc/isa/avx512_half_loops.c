/* AVX-512 (F, DQ, BW, VL); half types. */
#include "../build.h"
#ifdef FA_BUILD_AVX512
#define FA_ISA avx512
#define FA_VECTOR_BYTES 64
#define FA_REAL_F32
#include "../half_loops.inc"
#else
typedef int fa_not_built; /* ISO C wants a declaration */
#endif
