/* What every machine of the architecture runs has no loops over half types: a table of none. */
#include "../build.h"
#define FA_ISA base
#define FA_VECTOR_BYTES FA_BASE_VECTOR_BYTES
#define FA_REAL_F32
#include "../half_loops.inc"
