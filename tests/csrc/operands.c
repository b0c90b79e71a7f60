/* See operands.h. */
#include "operands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

fa_kernel *kernel_of(const subject *s)
{
    const fa_kernels *kernels = fa_kernels_for(s->dtype);
    return s->kind == VALUE ? kernels->value[s->activation] : kernels->vjp[s->activation];
}

size_t item_of(const subject *s) { return fa_item_size(s->dtype); }

const char *label_of(const subject *s)
{
    static char text[80];
    snprintf(text, sizeof text, "%s %s %s %s", fa_selected_isa(), s->dtype == FA_F32 ? "f32" : "f64",
             s->kind == VALUE ? "value" : "vjp", fa_activations[s->activation].name);
    return text;
}

/* "alpha=1.0, cap=required": strtod reads what stands after each '='; what is required is 0.25, 0.75. */
static void read_defaults(subject *s)
{
    const char *text = fa_activations[s->activation].parameters;
    for (int i = 0; (text = strchr(text, '=')) != NULL && i < FA_MAX_IN; i++)
        s->parameter[i] = *++text == 'r' ? 0.25 + 0.5 * i : strtod(text, NULL);
}

static subject subject_of(int activation, int kind, fa_dtype dtype)
{
    const fa_activation *row = &fa_activations[activation];
    subject s = {.activation = activation, .kind = kind, .dtype = dtype};
    s.n_array = row->n_input + (kind == VJP);
    s.n_in = s.n_array + row->n_parameter;
    s.n_out = kind == VJP ? row->n_gradient : 1;
    read_defaults(&s);
    return s;
}

void for_each_subject(void (*visit)(const subject *s))
{
    for (int dtype = 0; dtype < FA_N_DTYPES; dtype++)
        for (int activation = 0; activation < FA_N_ACTIVATIONS; activation++)
            for (int kind = 0; kind < N_KINDS; kind++) {
                const subject s = subject_of(activation, kind, (fa_dtype)dtype);
                CHECK(kernel_of(&s) != NULL, "%s: no kernel", label_of(&s));
                if (kernel_of(&s) != NULL)
                    visit(&s);
            }
}

void for_each_isa(void (*run)(void))
{
    const char *best = NULL;
    for (size_t i = 0; fa_compiled_isa(i) != NULL; i++)
        if (fa_isa_available(i)) {
            best = best ? best : fa_compiled_isa(i);
            CHECK(fa_select_isa(fa_compiled_isa(i)) == 0, "cannot select %s", fa_compiled_isa(i));
            run();
        }
    CHECK(best != NULL && fa_select_isa(best) == 0, "no instruction set is available");
}

void use_other_parameters(subject *s)
{
    const reference *r = reference_of(fa_activations[s->activation].name);
    for (int i = 0; i < s->n_in - s->n_array; i++)
        s->parameter[i] = r ? r->other_parameters[i] : 1.25 * s->parameter[i] + 0.125;
}

int promises_the_same_bits(const char *isa)
{
    return strcmp(isa, "avx512") == 0 || strcmp(isa, "avx2") == 0 || strcmp(isa, "neon") == 0;
}

void fill_operand(const subject *s, int k, int inputs, void *values)
{
    if (k >= s->n_array)
        for (size_t i = 0; i < MAX_LENGTH; i++)
            put(s->dtype, values, i, s->parameter[k - s->n_array]);
    else if (k >= fa_activations[s->activation].n_input)
        fill_tame(s->dtype, 100 + (uint64_t)k, MAX_LENGTH, values);
    else if (inputs == BROAD)
        fill_broad(s->dtype, 1 + (uint64_t)k, MAX_LENGTH, values);
    else
        fill_tame(s->dtype, 2 + (uint64_t)k, MAX_LENGTH, values);
}

void call_whole(const subject *s, int inputs, whole_call *call)
{
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int k = 0; k < s->n_in; k++) {
        fill_operand(s, k, inputs, call->in[k]);
        in[k] = call->in[k];
        step[k] = 1;
    }
    for (int k = 0; k < s->n_out; k++)
        out[k] = call->out[k];
    kernel_of(s)(MAX_LENGTH, in, step, out, 0);
}
