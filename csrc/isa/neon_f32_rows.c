/* NEON (AArch64); float32 rows. */
#include "../build.h"
#ifdef FA_BUILD_NEON
#define FA_ISA neon
#define FA_VECTOR_BYTES 16
#define FA_REAL_F32
#include "../rows.inc"
#else
typedef int fa_not_built; /* ISO C wants a declaration */
#endif
