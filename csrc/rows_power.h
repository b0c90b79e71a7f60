/* e^x as H(1 + q) on lanes, for the rows: constants, the sum's and the result's form of it; and x - logsumexp.  No loop
 * belongs here.
 *
 * x itself, not x - max, is reduced to a grid of 1/8 octave: z = x log2(e) + magic, f = x log2(e) - k with |f| <= 1/16.
 * H = T[k mod 8] 2^(k div 8), 1 + q = 2^f.  The table holds e^c 2^(j/8) rounded, where the common factor e^c, found by
 * search, makes all eight entries accurate to 2^-27.0 (float32) and 2^-57.9 (float64); j is taken off their bits where
 * the shifted grid index puts it back.  The factor e^c cancels in every quotient. */
#ifndef FA_ROWS_POWER_H
#define FA_ROWS_POWER_H

#include "vec.h"

#ifdef FA_REAL_F32
enum {
    ROW_VIRTUAL = 32,  /* lanes of a sum: element i belongs to lane i mod 32, whatever the vector's width */
    ROW_SHIFT = 20,    /* from grid index to exponent field */
    ROW_MANTISSA = 23, /* bits */
    ROW_BASE = 64,     /* the largest H of a sum is near 2^64, so that 190 octaves below it are normal numbers */
    ROW_LOWEST = -126, /* exponent of the smallest normal number */
    ROW_RAISE = 64,    /* exponent added while results may be subnormal */
};
#define ROW_MAGIC 0x1.8p20 /* 1.5 * 2^(23 - 3): its unit in the last place is the grid */
#define ROW_LOG2E_HI 0x1.715476p0
#define ROW_LOG2E_LO 0x1.4ae0cp-26
#define ROW_PRELOAD 0x1p70 /* above any H, so that Fast2Sum is exact from the first addition on */
#define ROW_LIMIT 0x1.8p17 /* for |max| above it the max is subtracted, which is exact there */
#define ROW_DEPTH 128.0    /* what lies this far below the max (natural log) counts as lying there: e^-128 = 2^-185 */
static const integer row_table[8] = {0x3f85f007, 0x3f820f5c, 0x3f7f4791, 0x3f7db212,
                                     0x3f7d6a98, 0x3f7e8f5e, 0x3f81415c, 0x3f85a485};
enum { ROW_DEGREE = 4 };
/* 2^f - 1 on |f| <= 1/16, without constant term: relative error of 1 + q 2^-33.5. */
static const double row_polynomial[ROW_DEGREE] = {0x1.62e43p-1, 0x1.ebfbep-3, 0x1.c6be68p-5, 0x1.3b3decp-7};
#else
enum {
    ROW_VIRTUAL = 16,
    ROW_SHIFT = 49,
    ROW_MANTISSA = 52,
    ROW_BASE = 900,
    ROW_LOWEST = -1022,
    ROW_RAISE = 900,
};
#define ROW_MAGIC 0x1.8p49
#define ROW_LOG2E_HI 0x1.71547652b82fep0
#define ROW_LOG2E_LO 0x1.777d0ffda0d24p-56
#define ROW_PRELOAD 0x1p906
#define ROW_LIMIT 0x1p40
#define ROW_DEPTH 1100.0
static const integer row_table[8] = {0x3ff051eb8970e8dd, 0x3fefcc0ddc02eed8, 0x3fef68698a6aad94, 0x3fef2a178d28d6a2,
                                     0x3fef1478a1db9b4c, 0x3fef2b3bca2760e7, 0x3fef726561210672, 0x3fefee56d4d8f4cd};
enum { ROW_DEGREE = 7 };
/* Relative error of 1 + q 2^-57.6. */
static const double row_polynomial[ROW_DEGREE] = {0x1.62e42fefa39efp-1, 0x1.ebfbdff82c854p-3,  0x1.c6b08d70495a7p-5,
                                                  0x1.3b2ab6edca281p-7, 0x1.5d87fe9fe94f7p-10, 0x1.430e9ddd6886ap-13,
                                                  0x1.ffc528a7d8739p-17};
#endif
/* Where no result of a row of one block and no scale of one is below 2^ROW_NEAR_FROM, its products need not be raised: their smaller
 * part, a 2^-4.5th of the result at most, has all its bits too.  (Lower, rows beside a raised one had other bits.) */
enum { ROW_NEAR_FROM = ROW_LOWEST + 2 * ROW_MANTISSA + 2 };
/* With v_residue the H of a near sum are lower by as much as makes the unit 1, and what an addition to a lane loses of them is one
 * operation.  It takes half-way cases to an even H, not to an even sum: but row_table has no entry of four zeros at its end, without
 * which there are none.  Near rows are then those of less depth, so that H, and H q in the second accumulator, are normal numbers.
 * (In float64 a lane takes 64 H, which may double it, and the unit with it.) */
#if defined(FA_SCALES) && defined(FA_REAL_F32)
#define ROW_RESIDUES
enum { ROW_LOWERED = 47 }; /* exponent of the unit in the last place of ROW_PRELOAD */
#define ROW_NEAR_DEPTH 60.0
#else
enum { ROW_LOWERED = 0 };
#define ROW_NEAR_DEPTH ROW_DEPTH
#endif
#define ROW_LN2 0x1.62e42fefa39efp-1
#ifdef FA_SCALES
static const real row_eighths[FA_LANES] = {0,     0.125, 0.25,  0.375, 0.5,
                                           0.625, 0.75,  0.875,
#ifdef FA_REAL_F32
                                           0,     0.125, 0.25,  0.375, 0.5,
                                           0.625, 0.75,  0.875
#endif
};
#endif
/* e^c of row_table: what the vjp of log_softmax divides out, where nothing cancels it. */
#ifdef FA_REAL_F32
#define ROW_FACTOR 0x1.0be00e1f7ac74p0
#else
#define ROW_FACTOR 0x1.051eb8970e8ddp0
#endif

/* Where a row stands.  In the wild form x - shift is what is reduced, and what lies below floor is taken as floor. */
typedef struct {
    vreal magic, shift, floor;
#ifdef FA_SCALES
    vreal table; /* H of 0, 1/8, 2/8, ...: see row_near_table */
#endif
} row_frame;

/* The grid index moved into the exponent field; unsigned, because one lane is plain C, where shifts may overflow. */
FA_INLINE vint row_exponent(vint grid)
{
#if FA_VECTOR_BYTES
    return grid << ROW_SHIFT;
#elif defined(FA_REAL_F32)
    return (vint)((uint32_t)grid << ROW_SHIFT);
#else
    return (vint)((uint64_t)grid << ROW_SHIFT);
#endif
}

/* H of a grid index. */
FA_INLINE vreal row_head(vint grid) { return v_real(v_lookup8(row_table, grid) + row_exponent(grid)); }

/* The ways to compute H and f; all give the same bits. */
enum {
    ROW_NEAR, /* of one row: nothing lies below floor, shift is 0, and the frame is less than ROW_REACH octaves off */
    ROW_WILD,
    ROW_LANES, /* as ROW_NEAR, but every lane has a frame of its own */
};
#define ROW_REACH (-ROW_LOWEST - 6) /* a table at its frame is of normal numbers */

/* Where the instruction set scales by powers of two, the frame goes into the table rather than into each index; `lowered` octaves
 * below it. */
FA_INLINE row_frame row_near_table(row_frame frame, int lowered)
{
#ifdef FA_SCALES
    frame.table = row_head(v_bits((frame.magic - K(lowered)) + v_load(row_eighths)));
#else
    (void)lowered;
#endif
    return frame;
}

/* H, and f as above. */
FA_INLINE vreal row_reduce(vreal x, const row_frame *frame, int form, vreal *f)
{
#ifdef FA_SCALES
    if (form == ROW_NEAR) {
        vreal grid = v_fma(x, K(ROW_LOG2E_HI), K(ROW_MAGIC)), k = grid - K(ROW_MAGIC);
        *f = v_fma(x, K(ROW_LOG2E_LO), v_fms(x, K(ROW_LOG2E_HI), k));
        return v_scale(v_permute(frame->table, v_bits(grid)), k);
    }
#endif
    if (form == ROW_WILD)
        x = v_max(frame->floor, x - frame->shift);
    vreal z = v_fma(x, K(ROW_LOG2E_HI), frame->magic);
    *f = v_fma(x, K(ROW_LOG2E_LO), v_fma(x, K(ROW_LOG2E_HI), frame->magic - z));
    return row_head(v_bits(z));
}

/* 2^f - 1 */
FA_INLINE vreal row_fraction(vreal f)
{
    vreal p = K(row_polynomial[ROW_DEGREE - 1]);
    for (int i = ROW_DEGREE - 2; i >= 0; i--)
        p = v_fma(p, f, K(row_polynomial[i]));
    return p * f;
}

/* Both of two vectors, operation by operation: see FA_PINS.  A frame for each; the same may serve both. */
#ifdef FA_PINS
enum { ROW_PAIRS = 1 };
#else
enum { ROW_PAIRS = 0 };
#endif
#define ROW_BOTH for (int j = 0; j < 2; j++)

/* Constants of a loop over pairs.  Where memory is walked in steps, gcc 12 would load each of them each time, and keeps the pinned
 * ones, found by trial, in registers.  Along a row the polynomial's are better operands in memory: instructions count there. */
typedef struct {
    vreal high, low, polynomial[ROW_DEGREE];
} row_constants;

FA_INLINE row_constants row_constants_here(int in_memory)
{
    row_constants c = {.high = K(ROW_LOG2E_HI), .low = K(ROW_LOG2E_LO)};
    v_pin(c.high);
    v_pin(c.low);
    for (int i = 0; i < ROW_DEGREE; i++)
        c.polynomial[i] = K(row_polynomial[i]);
    if (!in_memory)
        v_pin(c.polynomial[ROW_DEGREE - 2]);
    return c;
}

FA_INLINE void row_reduce_two(const vreal *x, const row_frame *const *frame, int form, const row_constants *c, vreal *h,
                              vreal *f)
{
    vreal z[2], v[2];
    vint head[2], up[2];
    ROW_BOTH
    {
        v[j] = form == ROW_WILD ? v_max(frame[j]->floor, x[j] - frame[j]->shift) : x[j];
        z[j] = v_fma(v[j], c->high, frame[j]->magic);
        v_pin(z[j]);
    }
    ROW_BOTH
    {
        f[j] = frame[j]->magic - z[j];
        v_pin(f[j]);
    }
    ROW_BOTH
    {
        head[j] = v_lookup8(row_table, v_bits(z[j]));
        v_pin(head[j]);
        up[j] = row_exponent(v_bits(z[j]));
        v_pin(up[j]);
        f[j] = v_fma(v[j], c->high, f[j]);
        v_pin(f[j]);
    }
    ROW_BOTH
    {
        f[j] = v_fma(v[j], c->low, f[j]);
        v_pin(f[j]);
    }
    ROW_BOTH h[j] = v_real(head[j] + up[j]);
}

FA_INLINE void row_fraction_two(const vreal *f, const row_constants *c, int in_memory, vreal *q)
{
    ROW_BOTH
    {
        q[j] = c->polynomial[ROW_DEGREE - 1];
        if (in_memory)
            v_pin(q[j]); /* loaded, as it is overwritten */
    }
    for (int i = ROW_DEGREE - 2; i >= 0; i--)
        ROW_BOTH
        {
            q[j] = in_memory ? v_fma_at(q[j], f[j], &c->polynomial[i]) : v_fma(q[j], f[j], c->polynomial[i]);
            v_pin(q[j]);
        }
    ROW_BOTH
    {
        q[j] = q[j] * f[j];
        v_pin(q[j]);
    }
}

/* Takes y down by 2^ROW_RAISE.  Adding the threshold rounds what becomes subnormal to its place; the difference of the
 * bits is then its encoding, reached without an operation that takes the slow path for subnormals. */
FA_INLINE vreal row_lower(vreal y)
{
    const vreal threshold = v_real(KI((integer)(ROW_RAISE + 1) << ROW_MANTISSA));
    vint subnormal = v_bits(y + threshold) - v_bits(threshold);
    vint normal = v_bits(y) - KI((integer)ROW_RAISE << ROW_MANTISSA);
    vreal lowered = v_real(v_select(v_lt(y, threshold), subnormal, normal));
    return v_select(v_unordered(y, y), y, lowered);
}

/* Products of a raised scale below 2^ROW_NOTHING are lowered to 0.  In the wild form an H that has such a one is taken as the H that has
 * just that: much smaller products would be subnormal, which takes processors a hundred times as long. */
enum { ROW_NOTHING = ROW_RAISE + ROW_LOWEST - ROW_MANTISSA - 11 };

/* H(1 + q)(scale + rest), where scale + rest is the factor to more digits than one number holds. */
FA_INLINE vreal row_product(vreal h, vreal q, vreal scale, vreal rest, int form)
{
    vreal y = v_fma(h, scale, h * v_fma(q, scale, rest));
    return form == ROW_WILD ? row_lower(y) : y;
}

/* For rows of several blocks, where H and q are formed again: e^x/S as H(1 + delta + (1 + delta)(2^f - 1)); the
 * coefficients carry 1 + delta. */
typedef struct {
    row_frame frame;
    vreal delta, coefficient[ROW_DEGREE];
} row_scale;

FA_INLINE vreal row_quotient(vreal x, const row_scale *scale, int form)
{
    vreal f, h = row_reduce(x, &scale->frame, form, &f), q = scale->coefficient[ROW_DEGREE - 1];
    for (int i = ROW_DEGREE - 2; i >= 0; i--)
        q = v_fma(q, f, scale->coefficient[i]);
    vreal y = v_fma(h, v_fma(q, f, scale->delta), h);
    return form == ROW_WILD ? row_lower(y) : y;
}

FA_INLINE void row_quotient_two(const vreal *x, const row_scale *const *scale, int form, const row_constants *c,
                                vreal *y)
{
    const row_frame *const frame[2] = {&scale[0]->frame, &scale[1]->frame};
    vreal f[2], h[2], q[2];
    row_reduce_two(x, frame, form, c, h, f);
    ROW_BOTH q[j] = scale[j]->coefficient[ROW_DEGREE - 1];
    for (int i = ROW_DEGREE - 2; i >= 0; i--)
        ROW_BOTH
        {
            q[j] = v_fma(q[j], f[j], scale[j]->coefficient[i]);
            v_pin(q[j]);
        }
    ROW_BOTH
    {
        q[j] = v_fma(q[j], f[j], scale[j]->delta);
        v_pin(q[j]);
    }
    ROW_BOTH y[j] = v_fma(h[j], q[j], h[j]);
    for (int j = 0; j < 2 && form == ROW_WILD; j++)
        y[j] = row_lower(y[j]);
}

/* x - head - tail, rounded once or nearly so. */
FA_INLINE vreal row_difference(vreal x, vreal head, vreal tail, int finite, int larger)
{
    vreal t = x - head;
    if (larger)
        return t + ((x - (t + head)) - tail);
    vreal b = t - x;
    vreal e = (x - (t - b)) - (head + b);
    vreal y = t + (e - tail);
    return finite ? y : v_select(v_lt(v_abs(t), K(INFINITY)), y, t);
}

#endif
