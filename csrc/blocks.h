/* The loops of the elementwise kernels: the operands of a call, cut into blocks of tame vectors and the rest.  Formulas and the
 * table do not belong here.  Included by kernels.inc, once for each instruction set and dtype. */
#ifndef FA_BLOCKS_H
#define FA_BLOCKS_H

#include "activations.h"
#include "fastact.h"
#include "memory.h"

/* A lane function as the loops see it: rest holds the second input, g and the parameters, as far as a row has them. */
typedef fa_gradients fa_lane(vreal x, const vreal *rest, fa_mode mode);

/* The operands of a call, or of a part of one. */
typedef struct {
    const void *in[FA_MAX_IN]; /* x, then rest */
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN]; /* 0: rest has the one value */
    int in_place;
    int far; /* the second cache level does not hold them */
    int how; /* FA_STREAMED or 0 */
} fa_operands;

typedef void fa_body(size_t n, const fa_operands *o, vreal *rest);

/* What the loops know of a row of the table; constants wherever a loop is inlined. */
typedef struct {
    int n_rest, n_parameter, n_out;
    int ranged; /* which operand the limit is for: 0 is x, 1 the first of rest */
    real defaults[FA_MAX_IN];
    real limit; /* beyond this |operand| a block is run as a wild one; infinity, or FA_THIN: never */
} fa_shape;
typedef struct {
    fa_lane *lane;
    fa_body *any_plain, *any; /* fa_any_block for plain parameters and others, one piece of code for all who call it */
    const fa_shape *shape;
} fa_map;

/* Two vectors a turn.  AVX-512: one after the other, 2 to 8 % in float32.  AVX2: the operands of both loaded before a result is
 * stored, which the compiler could not exchange, so that it can mix the two chains of operations (target_begin.h): 13 %. */
#if FA_VECTOR_BYTES == 64
#define FA_TWICE _Pragma("GCC unroll 2")
#else
#define FA_TWICE
#endif
#if FA_VECTOR_BYTES == 32
#define FA_TOGETHER 2
#define FA_EACH _Pragma("GCC unroll 2")
#else
#define FA_TOGETHER 1
#define FA_EACH
#endif

/* The fallback is built for size: one body, with the care for wild values if a function knows such, and one loop over the
 * bodies of all functions. */
#if FA_VECTOR_BYTES == 16 && defined(__x86_64__)
#define FA_ONE_BODY 1
#define FA_LOOP FA_CALLED
#define FA_UNLESS_ONE(it) NULL
#else
#define FA_ONE_BODY 0
#define FA_LOOP FA_INLINE
#define FA_UNLESS_ONE(it) it
#endif

enum {
    FA_ALIGNED_FROM = 2048, /* elements from which it pays to align y first */
    FA_FAR_BYTES = 1 << 19, /* of an operand, from which it pays to fetch ahead; below it costs up to 8 % */
    FA_TURN = FA_TOGETHER * FA_LANES,
};

/* The operands after x as a loop meets them: the first `loaded` may be arrays.  With vectors together no branch may stand
 * between them, so one value is loaded as well, time and again. */
typedef struct {
    vreal value[FA_MAX_IN];
    const real *from[FA_MAX_IN];
    size_t along[FA_MAX_IN]; /* all bits, or none */
} fa_rest;

FA_INLINE void fa_prepare_rest(fa_rest *rest, const fa_map map, const fa_operands *o, const vreal *given,
                               const int loaded)
{
    for (int k = 0; k < map.shape->n_rest; k++)
        rest->value[k] = given[k]; /* a copy, for no result stored could change it */
    for (int k = 0; k < loaded; k++) {
        rest->from[k] = o->step[k + 1] ? o->in[k + 1] : (const void *)&given[k];
        rest->along[k] = o->step[k + 1] ? SIZE_MAX : 0;
    }
}
FA_INLINE void fa_next_rest(fa_rest *rest, const fa_operands *o, size_t i, const int loaded)
{
    for (int k = 0; k < loaded; k++)
        if (FA_TOGETHER > 1)
            rest->value[k] = v_load(rest->from[k] + (i & rest->along[k]));
        else if (o->step[k + 1])
            rest->value[k] = v_load((const real *)o->in[k + 1] + i);
}

/* A turn's operands and results of the next block: while a kernel computes, the hardware's own fetching falls behind.  At 16 Mi
 * elements 6 to 27 % faster. */
FA_INLINE void fa_fetch_ahead(const fa_map map, const fa_rest *rest, const fa_operands *o, size_t i, const int loaded)
{
    FA_PREFETCH((const real *)o->in[0] + i, 1);
    for (int k = 0; k < map.shape->n_out; k++)
        FA_PREFETCH((const real *)o->out[k] + i, 1);
    for (int k = 0; k < loaded; k++)
        FA_PREFETCH(rest->from[k] + (i & rest->along[k]), 1);
}

FA_INLINE fa_operands fa_part_of(const fa_shape *shape, const fa_operands *whole, size_t start)
{
    fa_operands part = *whole;
    for (int k = 0; k <= shape->n_rest; k++)
        part.in[k] = (const real *)whole->in[k] + whole->step[k] * start;
    for (int k = 0; k < shape->n_out; k++)
        part.out[k] = (real *)whole->out[k] + start;
    return part;
}

FA_INLINE void fa_store_tame(const fa_map map, real *y, vreal v)
{
    if (map.shape->limit != map.shape->limit)
        v_store_halves(y, v);
    else
        v_store(y, v);
}

#ifdef FA_RUNS
/* A run before the last one, of which the compiler leaves nothing but what is kept; nothing where that is nothing. */
FA_INLINE void fa_run_once(const fa_map map, size_t n, const fa_operands *o, const vreal *given, fa_mode mode,
                           const int loaded, vreal *kept)
{
    fa_rest rest;
    fa_prepare_rest(&rest, map, o, given, loaded);
    _Pragma("GCC unroll 4") for (size_t i = 0; i < n; i += FA_LANES)
    {
        vreal x = v_load((const real *)o->in[0] + i);
        fa_next_rest(&rest, o, i, loaded);
        mode.runs.kept = (char *)kept + i * sizeof(real);
        (void)map.lane(x, rest.value, mode);
    }
}

/* All runs but the last one, for which it returns the mode.  By a flag a second is left out where the lane function has no second
 * cut: the compiler would leave an idle loop. */
FA_INLINE fa_mode fa_run_ahead(const fa_map map, size_t n, const fa_operands *o, const vreal *given, fa_mode mode,
                               const int loaded, vreal *kept)
{
    int again = 0;
    mode.runs = (fa_runs){.run = 1, .again = &again};
    fa_run_once(map, n, o, given, mode, loaded, kept);
    mode.runs.run = 2;
    if (again)
        fa_run_once(map, n, o, given, mode, loaded, kept);
    mode.runs = (fa_runs){.run = FA_LAST_RUN};
    return mode;
}
#endif

/* One turn, from element i on. */
FA_INLINE vint fa_one_turn(const fa_map map, size_t i, const fa_operands *o, fa_rest *rest, fa_mode mode,
                           const int loaded, const vreal *kept, vint peak)
{
    fa_gradients result[FA_TOGETHER];
    real *y = o->out[0];
    FA_EACH
    for (size_t j = 0; j < FA_TOGETHER; j++) {
        vreal x = v_load((const real *)o->in[0] + i + j * FA_LANES);
        fa_next_rest(rest, o, i + j * FA_LANES, loaded);
        if (map.shape->limit < (real)INFINITY)
            peak = v_larger_bits(peak, v_bits(v_abs(map.shape->ranged ? rest->value[0] : x)));
        if (kept)
            mode.runs.kept = (char *)(kept + i / FA_LANES + j);
        result[j] = map.lane(x, rest->value, mode);
    }
    FA_EACH
    for (size_t j = 0; j < FA_TOGETHER; j++) {
        fa_store_tame(map, y + i + j * FA_LANES, result[j].x);
        if (map.shape->n_out == 2)
            fa_store_tame(map, (real *)o->out[1] + i + j * FA_LANES, result[j].other);
    }
    return peak;
}

/* One block of whole turns in the kernel's dtype; returns the largest bit pattern of the ranged operand's |value| per lane
 * (a NaN's exceeds every number's).  The first `loaded` operands after x may be arrays. */
FA_INLINE vint fa_tame_block(const fa_map map, size_t n, const fa_operands *o, const vreal *given, fa_mode mode,
                             const int loaded)
{
    fa_rest rest;
    vint peak = KI(0);
#ifdef FA_RUNS
    vreal kept[FA_PLACES * FA_BLOCK / FA_LANES];
    mode = fa_run_ahead(map, n, o, given, mode, loaded, kept);
#else
    const vreal *kept = NULL;
#endif
    int far = o->far;
    fa_prepare_rest(&rest, map, o, given, loaded);
    if (FA_TOGETHER > 1 && map.shape->limit != map.shape->limit) {
        FA_EACH
        for (size_t i = 0; i < n; i += FA_TURN)
            peak = fa_one_turn(map, i, o, &rest, mode, loaded, kept, peak);
        return peak;
    }
    FA_TWICE
    for (size_t i = 0; i < n; i += FA_TURN) {
        FA_OPAQUE(far);
        if (FA_TOGETHER > 1 && far)
            fa_fetch_ahead(map, &rest, o, i + FA_BLOCK, loaded);
        peak = fa_one_turn(map, i, o, &rest, mode, loaded, kept, peak);
    }
    return peak;
}

/* Any number of elements, with the care for wild ones: which gives tame ones the same bits. */
FA_INLINE void fa_any_block(const fa_map map, size_t n, const fa_operands *o, vreal *rest, fa_mode mode)
{
    size_t i = 0;
    if (FA_ONE_BODY && !(map.shape->limit < (real)INFINITY) && !o->how)
        fa_tame_block(map, i = n - n % FA_LANES, o, rest, mode, map.shape->n_rest);
    mode.wild = 1;
    for (; i < n; i += FA_LANES) {
        int how = n - i < FA_LANES ? o->how | FA_LAST : o->how;
        FA_OPAQUE(how);
        vreal x = fa_read_lanes(o->in[0], i, n, how);
        for (int k = 0; k < map.shape->n_rest; k++)
            if (o->step[k + 1])
                rest[k] = fa_read_lanes(o->in[k + 1], i, n, how);
        fa_gradients result = map.lane(x, rest, mode);
        fa_write_lanes(o->out[0], i, n, result.x, how);
        if (map.shape->n_out == 2)
            fa_write_lanes(o->out[1], i, n, result.other, how);
    }
}

FA_INLINE int fa_wild_ahead(size_t n, const real *x, real limit)
{
    vint peak = KI(0);
    for (size_t i = 0; i < n; i += FA_LANES)
        peak = v_larger_bits(peak, v_bits(v_abs(n - i < FA_LANES ? v_load_part(x + i, n - i) : v_load(x + i))));
    return v_bits_beyond(peak, limit);
}

FA_INLINE int fa_single_parameters(const fa_map map, const fa_operands *o, fa_mode mode)
{
    int single = 1;
    for (int k = map.shape->n_rest - map.shape->n_parameter; k < map.shape->n_rest && !mode.plain; k++)
        single &= !o->step[k + 1];
    return single;
}

/* Whole turns from one start, as tame and looked at afterwards, since that hides the check: 0 if they were not and all is to
 * be done again.  Where results take the place of operands the look comes first. */
FA_INLINE int fa_was_tame(const fa_map map, size_t start, size_t n, const fa_operands *whole, const vreal *rest,
                          fa_mode mode)
{
    const int checked = map.shape->limit < (real)INFINITY, light = !checked && map.shape->n_parameter == 1;
    const fa_operands part = fa_part_of(map.shape, whole, start);
    vint peak;
    if (checked && part.in_place &&
        fa_wild_ahead(part.step[map.shape->ranged] ? n : 1, part.in[map.shape->ranged], map.shape->limit))
        return 0;
    if ((light || FA_TOGETHER > 1) && fa_single_parameters(map, &part, mode)) /* what depends on them alone, once */
        peak = fa_tame_block(map, n, &part, rest, mode, map.shape->n_rest - map.shape->n_parameter);
    else if (light || FA_TOGETHER == 1)
        peak = fa_tame_block(map, n, &part, rest, mode, map.shape->n_rest);
    else
        return 0; /* arrays of parameters: for the other body */
    return !checked || part.in_place || !v_bits_beyond(peak, map.shape->limit);
}

/* Any number of elements from one start, by the body that takes them all. */
FA_CALLED void fa_call_any(fa_body *any, const fa_shape *shape, size_t start, size_t n, const fa_operands *whole,
                           vreal *rest)
{
    const fa_operands part = fa_part_of(shape, whole, start);
    any(n, &part, rest);
}
FA_INLINE void fa_any(const fa_map map, size_t start, size_t n, const fa_operands *whole, vreal *rest, fa_mode mode)
{
    fa_call_any(mode.plain ? map.any_plain : map.any, map.shape, start, n, whole, rest);
}

/* Elements before y is aligned to a vector: loads and stores that straddle cache lines cost 5 to 15 %. */
FA_INLINE size_t fa_unaligned(const void *y)
{
    size_t beyond = (uintptr_t)y % (FA_LANES * sizeof(real));
    return beyond % sizeof(real) ? 0 : (FA_LANES - beyond / sizeof(real)) % FA_LANES;
}

FA_INLINE void fa_blocks(const fa_map map, size_t n, fa_operands *o, vreal *rest, fa_mode mode)
{
#ifdef FA_RUNS
    const size_t block = map.shape->limit == map.shape->limit ? FA_BLOCK : n;
#else
    const size_t block = map.shape->limit < (real)INFINITY ? FA_BLOCK : n;
#endif
    const int how = o->how;
    const size_t before = n >= FA_ALIGNED_FROM || how ? fa_unaligned(o->out[0]) : 0;
    size_t start = before < n ? before : n, whole = n - (n - start) % FA_TURN;
    o->how = 0;
    if (how || FA_ONE_BODY)
        whole = start;
    if (start)
        fa_any(map, 0, start, o, rest, mode);
    while (start < whole) {
        size_t count = 0;
        for (int tame = 1; tame && (start += count) < whole;) {
            count = whole - start < block ? whole - start : block;
            tame = fa_was_tame(map, start, count, o, rest, mode);
        }
        if (start < whole) {
            fa_any(map, start, count, o, rest, mode);
            start += count;
        }
    }
    o->how = how;
    if (start < n)
        fa_any(map, start, n - start, o, rest, mode);
#ifdef FA_STREAMS
    if (how)
        v_fence();
#endif
}

/* Streamed stores want every result at the same place in a vector.  What computes more on AVX2 does without: the
 * body that streams takes up to 2.6 times as long as turns of two vectors do. */
FA_INLINE int fa_usable(const fa_shape *shape, int how, void *const *out)
{
    const uintptr_t vector = FA_LANES * sizeof(real), first = (uintptr_t)out[0],
                    last = (uintptr_t)out[shape->n_out - 1];
    const int slower = FA_TOGETHER > 1 && shape->limit == shape->limit;
    return slower || first % sizeof(real) || first % vector != last % vector ? 0 : how;
}

/* The operands as the loops want them, and rest where it is one value, or begins; returns whether all parameters have their
 * defaults. */
FA_CALLED int fa_begin(const fa_shape *shape, size_t n, const void *const *in, const size_t *step, void *const *out,
                       int how, fa_operands *o, vreal *rest)
{
    const int n_array = shape->n_rest - shape->n_parameter;
    int plain = 1;
    o->how = fa_usable(shape, how, out);
    o->far = n >= FA_FAR_BYTES / sizeof(real);
    o->in_place = 0;
    for (int k = 0; k < shape->n_out; k++)
        o->out[k] = out[k];
    for (int k = 0; k <= shape->n_rest; k++) {
        o->in[k] = in[k];
        o->step[k] = step[k];
        o->in_place |= in[k] == out[0] || in[k] == out[shape->n_out - 1];
    }
    for (int k = 0; k < shape->n_rest; k++) {
        real first;
        memcpy(&first, in[k + 1], sizeof first);
        rest[k] = K(first);
        if (k >= n_array)
            plain &= !step[k + 1] && first == shape->defaults[k - n_array];
    }
    return plain;
}

FA_LOOP void fa_map_loop(const fa_map map, size_t n, const void *const *in, const size_t *step, void *const *out,
                         int how)
{
    fa_operands o;
    vreal rest[FA_MAX_IN];
    if (n == 0)
        return;
    const int plain = fa_begin(map.shape, n, in, step, out, how, &o, rest);
    if (!FA_ONE_BODY && (map.shape->n_parameter == 0 || plain))
        fa_blocks(map, n, &o, rest, (fa_mode){.plain = 1});
    else
        fa_blocks(map, n, &o, rest, FA_TAME);
}

#endif
