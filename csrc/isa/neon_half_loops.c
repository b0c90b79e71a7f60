/* NEON (AArch64); half types. */
#include "../build.h"
#ifdef FA_BUILD_NEON
#define FA_ISA neon
#define FA_VECTOR_BYTES 16
#define FA_REAL_F32
#include "../half_loops.inc"
#else
typedef int fa_not_built; /* ISO C wants a declaration */
#endif
