/* The C entry points: what a program that links csrc may call.  No Python, no intrinsics, no formulas here. */
#ifndef FASTACT_H
#define FASTACT_H

#include <stddef.h>

typedef enum { FA_F32, FA_F64, FA_N_DTYPES } fa_dtype;

enum {
#define FA_ACTIVATION(name, ...) FA_INDEX_##name,
#include "activations.def"
#undef FA_ACTIVATION
    FA_N_ACTIVATIONS
};

/* What the table says of one activation; docstrings, stubs, docs, tests and benchmarks are made from it. */
typedef struct {
    const char *name;
    const char *parameters; /* "alpha=1.0", as Python would write them after x; "" if there are none */
    const char *formula;
    const char *derivative;
    const char *summary;
    const char *source; /* the paper */
    int n_input;        /* operands that are not parameters */
    int n_parameter;
    int n_gradient; /* results of the vjp */
} fa_activation;
extern const fa_activation fa_activations[FA_N_ACTIVATIONS];

/* A kernel over n contiguous elements.  in[0] is x; a vjp has g next; parameters follow.  step[i] is 1 for an array,
 * as x always is, and 0 for one value that serves all elements.  An output may be the very same memory as an input, else disjoint. */
typedef void fa_kernel(size_t n, const void *const *in, const size_t *step, void *const *out);
enum { FA_MAX_IN = 4, FA_MAX_OUT = 2 };

struct fa_row_kernels;
struct fa_trainer_kernels;

typedef struct {
    fa_kernel *value[FA_N_ACTIVATIONS];
    fa_kernel *vjp[FA_N_ACTIVATIONS];
    const struct fa_row_kernels *rows;
    const struct fa_trainer_kernels *trainer;
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

/* Runs a kernel over strided operands: n elements, data and steps (in bytes) of the inputs and then the outputs.
 * Takes care of the floating-point environment, of staging strided data through blocks, and of the threads. */
typedef struct {
    fa_kernel *kernel;
    size_t item; /* bytes an element */
    int n_in, n_out;
} fa_call;
void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step);

size_t fa_item_size(fa_dtype dtype);

/* relu keeps integers: max(x, 0) on contiguous or strided data of 1, 2, 4 or 8 bytes, signed. */
void fa_relu_integer(size_t item, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step);

#endif
