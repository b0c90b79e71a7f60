/* A kernel with operands to call it on, the same way for every row of the table, value or vjp, dtype and instruction set. */
#ifndef OPERANDS_H
#define OPERANDS_H

#include "support.h"

enum { MAX_LENGTH = 4096 };
enum { VALUE, VJP, N_KINDS };
enum { BROAD, CALM, N_INPUTS };

typedef struct {
    int activation, kind; /* VALUE or VJP */
    fa_dtype dtype;
    int n_in, n_out;
    int n_array; /* leading operands that are not parameters */
    double parameter[FA_MAX_IN];
} subject;

/* Calls visit for every activation, kind and dtype, on the instruction set selected now. */
void for_each_subject(void (*visit)(const subject *s));
/* Calls run for every instruction set this machine has, having selected it; the best is selected at the end. */
void for_each_isa(void (*run)(void));

/* Whether results of this instruction set are those of all others that promise it: base, without fma, does not. */
int promises_the_same_bits(const char *isa);

fa_kernel *kernel_of(const subject *s);
size_t item_of(const subject *s);
/* "avx2 f32 vjp gelu", valid until the next call. */
const char *label_of(const subject *s);
void use_other_parameters(subject *s);

/* MAX_LENGTH values of operand k: x broad or calm, everything else tame, parameters constant. */
void fill_operand(const subject *s, int k, int inputs, void *values);

/* Inputs of MAX_LENGTH values in static memory, and the outputs of one call over all of them. */
typedef struct {
    _Alignas(64) unsigned char in[FA_MAX_IN][MAX_LENGTH * 8], out[FA_MAX_OUT][MAX_LENGTH * 8];
} whole_call;
void call_whole(const subject *s, int inputs, whole_call *call);

#endif
