/* Every elementwise kernel of every instruction set: accuracy, lengths and guard pages, in place, broadcast operands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "operands.h"
#include "reference.h"

/* Looser than what is promised: the exhaustive sweeps prove that, this catches what is broken. */
static long double allowed_error(const subject *s)
{
    const long double value = s->dtype == FA_F32 ? 1.5L : 2.5L;
    return s->kind == VALUE ? value : 2 * value;
}

/* Near a root of the derivative relative error means little: there the absolute error counts. */
static int near_root(const subject *s, const reference *r, long double x, long double error, long double g)
{
    const long double absolute = s->dtype == FA_F32 ? 0x1p-24L : 0x1p-52L;
    return s->kind == VJP && r->root != 0 && fabsl(x - r->root) < 0.1L && error <= absolute * fabsl(g);
}

static void compare_with_reference(const subject *s, int inputs)
{
    static whole_call call;
    const reference *r = reference_of(fa_activations[s->activation].name);
    long double parameter[FA_MAX_IN] = {0};
    if (r == NULL)
        return; /* tests/reference.py has every activation; here it is a convenience */
    call_whole(s, inputs, &call);
    for (int k = s->n_array; k < s->n_in; k++)
        parameter[k - s->n_array] = get(s->dtype, call.in[k], 0);
    for (size_t i = 0; i < MAX_LENGTH; i++) {
        const long double x = get(s->dtype, call.in[0], i), got = get(s->dtype, call.out[0], i);
        const long double g = s->kind == VJP ? get(s->dtype, call.in[1], i) : 1;
        if (isnan(x))
            CHECK(s->kind == VJP || isnan(got), "%s(NaN) is %La", label_of(s), got);
        if (isnan(x) || isinf(x))
            continue; /* the limits there are the Python tests' */
        const long double exact = s->kind == VJP ? g * r->derivative(x, parameter) : r->value(x, parameter);
        const long double error = ulp_error(s->dtype, got, exact);
        CHECK(error <= allowed_error(s) || near_root(s, r, x, fabsl(got - exact), g),
              "%s(%La), g %La: %La, exactly %La, %.2Lf ulp", label_of(s), x, g, got, exact, error);
    }
}

static void check_accuracy(const subject *s)
{
    subject other = *s;
    use_other_parameters(&other);
    for (int inputs = 0; inputs < N_INPUTS; inputs++) {
        compare_with_reference(s, inputs);
        compare_with_reference(&other, inputs);
    }
}

/* One call on n values from position `first` of the whole call's inputs, all operands against a guard page.  The bits
   must be those of the whole call: neither length nor neighbours nor alignment may show. */
static void check_piece(const subject *s, const whole_call *whole, size_t first, size_t n, int at_start)
{
    const size_t item = item_of(s);
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int k = 0; k < s->n_in; k++) {
        void *memory = guarded(k, n * item, at_start);
        memcpy(memory, whole->in[k] + first * item, n * item);
        in[k] = memory;
        step[k] = 1;
    }
    for (int k = 0; k < s->n_out; k++)
        out[k] = guarded(FA_MAX_IN + k, n * item, at_start);
    kernel_of(s)(n, in, step, out, 0);
    for (int k = 0; k < s->n_out; k++) {
        const size_t i = first_difference(s->dtype, n, out[k], whole->out[k] + first * item);
        CHECK(i == n, "%s: element %zu of %zu, taken from %zu, differs from the same element of a longer call (x %La)",
              label_of(s), i, n, first, get(s->dtype, in[0], i));
    }
}

static void check_lengths(const subject *s)
{
    static whole_call whole;
    for (int inputs = 0; inputs < N_INPUTS; inputs++) {
        call_whole(s, inputs, &whole);
        for (size_t n = 0; n <= 130; n++)
            for (int at_start = 0; at_start < 2; at_start++)
                check_piece(s, &whole, hash64(3, n) % (MAX_LENGTH - n), n, at_start);
        for (size_t n = 511; n <= 513; n++)
            check_piece(s, &whole, n, n, n % 2);
        for (size_t first = 0; first < 512; first++)
            check_piece(s, &whole, first, 1, 0);
    }
}

/* Inputs and output at every offset from a 64-byte boundary, each its own. */
static void check_alignment(const subject *s)
{
    static whole_call whole;
    enum { N = 77 };
    const size_t item = item_of(s);
    call_whole(s, BROAD, &whole);
    for (size_t offset = 0; offset < 64 / item; offset++) {
        _Alignas(64) unsigned char memory[FA_MAX_IN + FA_MAX_OUT][(N + 16) * 8];
        const void *in[FA_MAX_IN];
        void *out[FA_MAX_OUT];
        size_t step[FA_MAX_IN];
        for (int k = 0; k < s->n_in; k++) {
            void *at = memory[k] + (offset * (size_t)(2 * k + 1) % 16) * item;
            in[k] = memcpy(at, whole.in[k], N * item);
            step[k] = 1;
        }
        for (int k = 0; k < s->n_out; k++)
            out[k] = memory[FA_MAX_IN + k] + (offset + (size_t)k) % 16 * item;
        kernel_of(s)(N, in, step, out, 0);
        for (int k = 0; k < s->n_out; k++)
            CHECK(first_difference(s->dtype, N, out[k], whole.out[k]) == N, "%s: offset %zu changes the result",
                  label_of(s), offset);
    }
}

/* Stores past the caches, wild blocks among them, at every offset of the first result. */
static void check_streamed(const subject *s)
{
    static whole_call whole;
    static _Alignas(64) unsigned char memory[FA_MAX_OUT][(MAX_LENGTH + 16) * 8];
    const size_t item = item_of(s), lengths[] = {3, 40, 200, 300, 511, MAX_LENGTH};
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    call_whole(s, BROAD, &whole);
    for (int k = 0; k < s->n_in; k++) {
        in[k] = whole.in[k];
        step[k] = 1;
    }
    for (size_t t = 0; t < 17 * 6; t++) {
        const size_t n = lengths[t / 17];
        for (int k = 0; k < s->n_out; k++)
            out[k] = memory[k] + (t % 17 == 16 ? 1 + k * item : t % 17 * item);
        kernel_of(s)(n, in, step, out, FA_STREAMED);
        for (int k = 0; k < s->n_out; k++) {
            unsigned char aligned[MAX_LENGTH * 8];
            memcpy(aligned, out[k], n * item);
            CHECK(first_difference(s->dtype, n, aligned, whole.out[k]) == n, "%s: %zu results streamed, offset %zu",
                  label_of(s), n, t % 17);
        }
    }
}

static void check_in_place(const subject *s)
{
    static whole_call whole, own;
    const size_t lengths[] = {1, 15, 64, 513, MAX_LENGTH};
    call_whole(s, BROAD, &whole);
    for (int target = 0; s->n_out == 1 && target < s->n_in; target++)
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            const void *in[FA_MAX_IN];
            size_t step[FA_MAX_IN];
            memcpy(own.in, whole.in, sizeof own.in);
            for (int k = 0; k < s->n_in; k++) {
                in[k] = own.in[k];
                step[k] = 1;
            }
            void *out[] = {own.in[target]};
            kernel_of(s)(lengths[l], in, step, out, 0);
            CHECK(first_difference(s->dtype, lengths[l], out[0], whole.out[0]) == lengths[l],
                  "%s over operand %d in place, %zu values", label_of(s), target, lengths[l]);
            CHECK(memcmp(own.in[target] + lengths[l] * item_of(s), whole.in[target] + lengths[l] * item_of(s),
                         (MAX_LENGTH - lengths[l]) * item_of(s)) == 0,
                  "%s in place writes past %zu values", label_of(s), lengths[l]);
        }
}

/* Operands in the bits of `single` are one value each, with step 0 (x never is); the same values as arrays must give the
   same bits. */
static void check_single_operands(const subject *s, unsigned single, size_t n, size_t position)
{
    static whole_call arrays;
    const size_t item = item_of(s);
    const void *in[FA_MAX_IN], *as_array[FA_MAX_IN];
    void *out[FA_MAX_OUT], *expected[FA_MAX_OUT];
    size_t step[FA_MAX_IN], ones[FA_MAX_IN];
    for (int k = 0; k < s->n_in; k++) {
        fill_operand(s, k, BROAD, arrays.in[k]);
        step[k] = !(single >> k & 1);
        ones[k] = 1;
        void *memory = guarded(k, (step[k] ? n : 1) * item, 0);
        memcpy(memory, arrays.in[k] + position * item * !step[k], (step[k] ? n : 1) * item);
        in[k] = memory;
        for (size_t i = 0; i < n && !step[k]; i++)
            memcpy(arrays.in[k] + i * item, memory, item);
        as_array[k] = arrays.in[k];
    }
    for (int k = 0; k < s->n_out; k++) {
        out[k] = guarded(FA_MAX_IN + k, n * item, 0);
        expected[k] = arrays.out[k];
    }
    kernel_of(s)(n, in, step, out, 0);
    kernel_of(s)(n, as_array, ones, expected, 0);
    for (int k = 0; k < s->n_out; k++)
        CHECK(first_difference(s->dtype, n, out[k], expected[k]) == n, "%s: operands %x as single values, %zu results",
              label_of(s), single, n);
}

static void check_broadcast(const subject *s)
{
    const size_t lengths[] = {1, 3, 31, 130, 1000};
    for (unsigned single = 2; single < 1u << s->n_in; single += 2)
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
            check_single_operands(s, single, lengths[l], l * 7 + single);
}

static void test_selected(void)
{
    for_each_subject(check_accuracy);
    for_each_subject(check_lengths);
    for_each_subject(check_alignment);
    for_each_subject(check_streamed);
    for_each_subject(check_in_place);
    for_each_subject(check_broadcast);
}

static void check_references(void)
{
    int used = 0;
    for (int i = 0; i < FA_N_ACTIVATIONS; i++)
        used += reference_of(fa_activations[i].name) != NULL;
    CHECK(used == n_references(), "%d of %d references are of activations in the table", used, n_references());
}

void test_kernels(void)
{
    check_references();
    for_each_isa(test_selected);
}
