/* How a lane function is to compute.  Nothing else belongs here. */
#ifndef FA_MODE_H
#define FA_MODE_H

#include "vec.h"

enum {
    FA_BLOCK = 512, /* elements that are checked together for being tame */
    FA_PLACES =
        8, /* for what is kept from run to run: a lookup's numbers in the first, v_exp's two in the next, then what cuts keep */
};

/* Constants wherever a lane function is inlined, but for the place of what is kept. */
typedef struct {
    int wild;  /* some |x| of the block is past the row's range, or a NaN */
    int plain; /* the parameters have their defaults */
    fa_runs runs;
} fa_mode;

#define FA_TAME ((fa_mode){0})

FA_INLINE fa_mode fa_as_wild(fa_mode mode)
{
    mode.wild = 1;
    return mode;
}

/* v, at a cut: the first run stores it in a place of its own, later ones fetch it. */
FA_INLINE vreal v_kept(vreal v, int place, fa_runs runs)
{
#ifdef FA_RUNS
    if (!runs.run)
        return v;
    real *at = (real *)(void *)(runs.kept + (size_t)place * FA_BLOCK * sizeof(real));
    if (runs.run == 1)
        v_store(at, v);
    return runs.run > 1 ? v_load(at) : v;
#else
    (void)place, (void)runs;
    return v;
#endif
}

/* The runs as what stands after the first cut sees them: the second stores, the last fetches. */
FA_INLINE fa_runs fa_second_cut(fa_runs runs)
{
    if (runs.run == 1)
        *runs.again = 1;
    if (runs.run)
        runs.run--;
    return runs;
}

/* Other places, for a lane function's second lookup. */
FA_INLINE fa_mode fa_next_lookup(fa_mode mode)
{
    if (mode.runs.run)
        mode.runs.kept += FA_PLACES / 2 * FA_BLOCK * sizeof(real);
    return mode;
}

#endif
