/* AVX2 with FMA; half types. */
#include "../build.h"
#ifdef FA_BUILD_AVX2
#define FA_ISA avx2
#define FA_VECTOR_BYTES 32
#define FA_REAL_F32
#include "../half_loops.inc"
#else
typedef int fa_not_built; /* ISO C wants a declaration */
#endif
