/* What every machine of the architecture runs: SSE2 on x86-64, else one portable lane; half types. */
#include "../build.h"
#define FA_ISA base
#define FA_VECTOR_BYTES FA_BASE_VECTOR_BYTES
#define FA_REAL_F32
#include "../half_loops.inc"
