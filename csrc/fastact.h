/* The C entry points: what a program that links csrc may call.  No Python, no intrinsics, no formulas here. */
#ifndef FASTACT_H
#define FASTACT_H

#include <stddef.h>
#include <stdint.h>

/* Kernels compute in the first two; what stands in memory may be any of them. */
typedef enum {
    FA_F32,
    FA_F64,
    FA_N_DTYPES,
    FA_F16 = FA_N_DTYPES,
    FA_BF16,
    FA_I8,
    FA_U8,
    FA_I16,
    FA_U16,
    FA_I32,
    FA_U32,
    FA_I64,
    FA_U64,
    FA_N_TYPES
} fa_dtype;

enum {
#define FA_ACTIVATION(name, ...) FA_INDEX_##name,
#include "activations.def"
    FA_N_ACTIVATIONS
};

/* What the table says of one activation; docstrings, stubs, docs, tests and benchmarks are made from it. */
typedef struct {
    const char *name;
    const char *parameters; /* "alpha=1.0, cap=required"; "" if there are none */
    const char *formula;
    const char *derivative;
    const char *summary;
    const char *source; /* the paper */
    int n_input;        /* operands that are not parameters */
    int n_parameter;
    int n_gradient; /* results of the vjp */
} fa_activation;
extern const fa_activation fa_activations[FA_N_ACTIVATIONS];

/* A kernel over n contiguous elements.  in[0] is x; gate is next where there is one, then g in a vjp; parameters follow.  step[i] is 1 for an array,
 * as x always is, and 0 for one value that serves all elements.  An output may be the very same memory as an input, else disjoint. */
typedef void fa_kernel(size_t n, const void *const *in, const size_t *step, void *const *out, int how);
enum { FA_STREAMED = 1 }; /* how: results may pass the caches, worth it where none holds them */
enum { FA_MAX_IN = 4, FA_MAX_OUT = 2 };

/* Half precision to float32 and back, rounding once to even; n contiguous elements. */
typedef void fa_widen(size_t n, const uint16_t *from, float *to);
typedef void fa_narrow(size_t n, const float *from, uint16_t *to);
/* n contiguous 16-bit numbers, at any address, each replaced by its entry; y may be x.  The entries before the first and after
 * the last can be read.  how: FA_STREAMED or 0. */
typedef void fa_translator(size_t n, const uint16_t *entries, const void *x, void *y, int how);
typedef struct {
    fa_widen *widen_f16, *widen_bf16;
    fa_narrow *narrow_f16, *narrow_bf16;
    fa_translator *translate;
} fa_movers;

/* Values of half-precision numbers as they stand in memory, contiguous and 2-byte aligned; in as above, its parameters one float
 * each, y may be one of it.  Returns how many elements, from the first on, are done. */
typedef size_t fa_half_loop(size_t n, const void *const *in, uint16_t *y);
enum { FA_N_HALVES = 2 };
/* From FA_F16 on; NULL where staging or a table does as well, and all of base. */
typedef struct {
    fa_half_loop *of[FA_N_HALVES][FA_N_ACTIVATIONS];
} fa_half_loops;

struct fa_row_kernels;
struct fa_trainer_kernels;

typedef struct {
    fa_kernel *value[FA_N_ACTIVATIONS];
    fa_kernel *vjp[FA_N_ACTIVATIONS];
    const struct fa_row_kernels *rows;
    const struct fa_trainer_kernels *trainer;
    /* of the FA_F32 kernels alone */
    const fa_movers *movers;
    const fa_half_loops *half;
} fa_kernels;

/* Dispatch.  The instruction set is chosen once, the best that was compiled and that this machine has, unless
 * FASTACT_ISA in the environment names another.  fa_select_isa switches (tests); it returns 0, or -1 for a name
 * that is not available. */
const fa_kernels *fa_kernels_for(fa_dtype dtype);
const char *fa_selected_isa(void);
int fa_select_isa(const char *name);
/* Names by position, best first: those compiled in, and whether this machine can run them; NULL past the end. */
const char *fa_compiled_isa(size_t position);
int fa_isa_available(size_t position);
/* What FASTACT_ISA asked for and could not have, or NULL. */
const char *fa_refused_isa(void);
const char *fa_compiler(void);

/* Runs a kernel over strided operands of any type: n elements, data and steps (in bytes) of the inputs and then the
 * outputs, whose types are floating (FA_F64 and integers of 4 or 8 bytes with kernels of FA_F64 alone).  Takes care of the floating-point environment, of staging what kernels do not take as
 * it stands, of stores past the caches, and of the threads. */
typedef struct {
    fa_kernel *kernel;
    fa_dtype dtype; /* what the kernel computes in */
    fa_dtype type[FA_MAX_IN + FA_MAX_OUT];
    int n_in, n_out;
    int n_array;        /* inputs that are not parameters: x, gate, g */
    fa_half_loop *half; /* for operands of the first one's type, or NULL */
} fa_call;
void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step);

size_t fa_item_size(fa_dtype dtype);

/* Parameters as float32 kernels take them, rounded as if the process had set nothing. */
void fa_narrow_parameters(int n, const double *wide, float *narrow);

/* relu and relu6 keep integers: min(max(x, 0), top) on contiguous or strided data, x and y of one integer type. */
typedef struct {
    fa_dtype type;
    long long top; /* negative: none */
} fa_clip;
void fa_clip_integers(const fa_clip *clip, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step);

#endif
