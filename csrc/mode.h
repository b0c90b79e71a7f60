/* How a lane function is to compute.  Nothing else belongs here. */
#ifndef FA_MODE_H
#define FA_MODE_H

#include "vec.h"

enum { FA_BLOCK = 512 }; /* elements that are checked together for being tame */

/* Constants wherever a lane function is inlined, but for the place of the numbers. */
typedef struct {
    int wild;  /* some |x| of the block is past the row's range, or a NaN */
    int plain; /* the parameters have their defaults */
    fa_rows rows;
} fa_mode;

#define FA_TAME ((fa_mode){0})
#define FA_WILD ((fa_mode){.wild = 1})

/* The numbers of a lane function's second lookup. */
FA_INLINE fa_mode fa_next_lookup(fa_mode mode)
{
    if (mode.rows.when != FA_AT_ONCE)
        mode.rows.number += FA_BLOCK * sizeof(real);
    return mode;
}

#endif
