/* fa_elementwise over strides, threads and odd floating-point states; the same bits from every instruction set. */
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/pool.h"
#include "check.h"
#include "operands.h"

static void call_elementwise(const subject *s, size_t n, char *const *data, const ptrdiff_t *step)
{
    fa_call call = {
        .kernel = kernel_of(s), .dtype = s->dtype, .n_array = s->n_array, .n_in = s->n_in, .n_out = s->n_out};
    for (int k = 0; k < s->n_in + s->n_out; k++)
        call.type[k] = s->dtype;
    fa_elementwise(&call, n, data, step);
}

/* Spreads n items from `values` over memory in steps of `step` bytes, and returns where the first one stands. */
static char *spread(char *memory, size_t size, const unsigned char *values, size_t n, size_t item, ptrdiff_t step)
{
    char *first = step < 0 ? memory + size - item : memory;
    for (size_t i = 0; i < n && values; i++)
        memcpy(first + (ptrdiff_t)i * step, values + i * item, item);
    return first;
}

/* Steps in bytes: contiguous, gaps, backwards, no multiple of the item, so that elements stand misaligned. */
static void check_strides(const subject *s)
{
    static whole_call whole;
    enum { N = 2661, ROOM = N * 40 };
    static char memory[FA_MAX_IN + FA_MAX_OUT][ROOM];
    const ptrdiff_t item = (ptrdiff_t)item_of(s), steps[] = {item, 2 * item, -item, -3 * item, item + 1, 5 * item - 1};
    const size_t n_steps = sizeof steps / sizeof steps[0];
    call_whole(s, BROAD, &whole);
    for (size_t t = 0; t < n_steps * n_steps; t++) {
        char *data[FA_MAX_IN + FA_MAX_OUT];
        ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT];
        for (int k = 0; k < s->n_in; k++) {
            step[k] = steps[(t + (size_t)k * 3) % n_steps];
            data[k] = spread(memory[k], ROOM, whole.in[k], N, item_of(s), step[k]);
        }
        for (int k = 0; k < s->n_out; k++) {
            step[s->n_in + k] = steps[t / n_steps];
            memset(memory[FA_MAX_IN + k], 0x55, ROOM);
            data[s->n_in + k] = spread(memory[FA_MAX_IN + k], ROOM, NULL, N, item_of(s), step[s->n_in + k]);
        }
        call_elementwise(s, N, data, step);
        for (int k = 0; k < s->n_out; k++) {
            unsigned char gathered[N * 8];
            for (ptrdiff_t i = 0; i < N; i++)
                memcpy(gathered + i * item, data[s->n_in + k] + i * step[s->n_in + k], (size_t)item);
            CHECK(first_difference(s->dtype, N, gathered, whole.out[k]) == N, "%s: steps of %td in, %td out",
                  label_of(s), step[0], step[s->n_in + k]);
        }
    }
}

/* Contiguous, but no element aligned; parameters too. */
static void check_misaligned(const subject *s)
{
    static whole_call whole;
    enum { N = 2661 };
    static _Alignas(64) char memory[FA_MAX_IN + FA_MAX_OUT][N * 8 + 8];
    char *data[FA_MAX_IN + FA_MAX_OUT];
    ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT];
    call_whole(s, BROAD, &whole);
    for (int k = 0; k < s->n_in + s->n_out; k++) {
        data[k] = memory[k] + 1 + k % 3;
        step[k] = k < s->n_array || k >= s->n_in ? (ptrdiff_t)item_of(s) : 0;
    }
    for (int k = 0; k < s->n_in; k++)
        memcpy(data[k], whole.in[k], N * item_of(s));
    call_elementwise(s, N, data, step);
    for (int k = 0; k < s->n_out; k++) {
        unsigned char aligned[N * 8];
        memcpy(aligned, data[s->n_in + k], N * item_of(s));
        CHECK(first_difference(s->dtype, N, aligned, whole.out[k]) == N, "%s on misaligned data", label_of(s));
    }
}

static void check_single_inputs(const subject *s)
{
    static whole_call whole;
    enum { N = 2661 };
    static char out[FA_MAX_OUT][N * 8];
    char *data[FA_MAX_IN + FA_MAX_OUT];
    ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT];
    call_whole(s, BROAD, &whole);
    for (int k = 0; k < s->n_in; k++) {
        data[k] = (char *)whole.in[k] + 5 * item_of(s);
        step[k] = 0;
    }
    for (int k = 0; k < s->n_out; k++) {
        data[s->n_in + k] = out[k];
        step[s->n_in + k] = (ptrdiff_t)item_of(s);
    }
    call_elementwise(s, N, data, step);
    for (int k = 0; k < s->n_out; k++)
        for (size_t i = 0; i < N; i++)
            CHECK(first_difference(s->dtype, 1, out[k] + i * item_of(s), whole.out[k] + 5 * item_of(s)) == 1,
                  "%s of one repeated value, position %zu", label_of(s), i);
}

static void prepare_whole(const subject *s, whole_call *call, char **data, ptrdiff_t *step)
{
    for (int k = 0; k < s->n_in; k++) {
        data[k] = (char *)call->in[k];
        step[k] = (ptrdiff_t)item_of(s);
    }
    for (int k = 0; k < s->n_out; k++) {
        data[s->n_in + k] = (char *)call->out[k];
        step[s->n_in + k] = (ptrdiff_t)item_of(s);
    }
}

static void check_floating_point_state(const subject *s)
{
    static whole_call expected, call;
    char *data[FA_MAX_IN + FA_MAX_OUT];
    ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT];
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    call_whole(s, BROAD, &expected);
    for (int mode = 0; mode < 8; mode++) {
        memcpy(call.in, expected.in, sizeof call.in);
        prepare_whole(s, &call, data, step);
        feclearexcept(FE_ALL_EXCEPT);
        fesetround(modes[mode % 4]);
        flush_subnormals(mode / 4);
        const uint64_t before = floating_point_state();
        call_elementwise(s, MAX_LENGTH, data, step);
        const uint64_t after = floating_point_state();
        flush_subnormals(0);
        fesetround(FE_TONEAREST);
        CHECK(before == after, "%s: floating-point state %llx became %llx", label_of(s), (unsigned long long)before,
              (unsigned long long)after);
        for (int k = 0; k < s->n_out; k++)
            CHECK(first_difference(s->dtype, MAX_LENGTH, call.out[k], expected.out[k]) == MAX_LENGTH,
                  "%s depends on the floating-point state, mode %d", label_of(s), mode);
    }
}

/* Long enough for threads; sizes around block boundaries, one operand repeated, data from MAX_LENGTH values over again. */
static void check_threads(const subject *s)
{
    const size_t lengths[] = {(1 << 18) + 1, (1 << 20) - 7}, item = item_of(s);
    static whole_call whole;
    char *data[FA_MAX_IN + FA_MAX_OUT];
    ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT];
    call_whole(s, BROAD, &whole);
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        const size_t n = lengths[l];
        prepare_whole(s, &whole, data, step);
        for (int k = 0; k < s->n_in; k++) {
            data[k] = malloc(n * item);
            for (size_t i = 0; i < n; i += MAX_LENGTH)
                memcpy(data[k] + i * item, whole.in[k], (n - i < MAX_LENGTH ? n - i : MAX_LENGTH) * item);
        }
        for (int k = 0; k < s->n_out; k++)
            data[s->n_in + k] = malloc(n * item);
        fa_set_num_threads(l ? 4 : 2);
        call_elementwise(s, n, data, step);
        for (int k = 0; k < s->n_out; k++)
            for (size_t i = 0; i < n; i += MAX_LENGTH) {
                const size_t length = n - i < MAX_LENGTH ? n - i : MAX_LENGTH;
                CHECK(first_difference(s->dtype, length, data[s->n_in + k] + i * item, whole.out[k]) == length,
                      "%s with threads: block at %zu of %zu differs", label_of(s), i, n);
            }
        for (int k = 0; k < s->n_in + s->n_out; k++)
            free(data[k]);
    }
}

static uint64_t digest_of_subject(const subject *s)
{
    static whole_call call;
    uint64_t digest = DIGEST_START;
    subject other = *s;
    use_other_parameters(&other);
    for (int inputs = 0; inputs < N_INPUTS; inputs++) {
        call_whole(s, inputs, &call);
        for (int k = 0; k < s->n_out; k++)
            digest = digest_of(s->dtype, MAX_LENGTH, call.out[k], digest);
        call_whole(&other, inputs, &call);
        for (int k = 0; k < s->n_out; k++)
            digest = digest_of(s->dtype, MAX_LENGTH, call.out[k], digest);
    }
    return digest;
}

static struct {
    const char *first_isa;
    uint64_t digest[FA_N_DTYPES][FA_N_ACTIVATIONS][N_KINDS];
} expected_bits;

static void compare_digest(const subject *s)
{
    uint64_t *expected = &expected_bits.digest[s->dtype][s->activation][s->kind];
    const uint64_t digest = digest_of_subject(s);
    if (expected_bits.first_isa == fa_selected_isa())
        *expected = digest;
    CHECK(digest == *expected, "%s has other bits than %s", label_of(s), expected_bits.first_isa);
}

static void test_selected(void)
{
    for_each_subject(check_strides);
    for_each_subject(check_misaligned);
    for_each_subject(check_single_inputs);
    for_each_subject(check_floating_point_state);
    if (promises_the_same_bits(fa_selected_isa())) {
        if (expected_bits.first_isa == NULL)
            expected_bits.first_isa = fa_selected_isa();
        for_each_subject(compare_digest);
    }
}

void test_elementwise(void)
{
    const int before = fa_get_num_threads();
    fa_set_num_threads(1);
    for_each_isa(test_selected);
    fa_set_num_threads(before);
}

static void test_threads_selected(void) { for_each_subject(check_threads); }

void test_threads(void)
{
    const int before = fa_get_num_threads();
    for_each_isa(test_threads_selected);
    fa_set_num_threads(before);
}

static void print_digest(const subject *s)
{
    printf("%s %s %s %016llx\n", s->dtype == FA_F32 ? "f32" : "f64", s->kind == VALUE ? "value" : "vjp",
           fa_activations[s->activation].name, (unsigned long long)digest_of_subject(s));
}

int print_digests(const char *isa)
{
    if (fa_select_isa(isa) != 0) {
        fprintf(stderr, "%s is not available here\n", isa);
        return 1;
    }
    for_each_subject(print_digest);
    print_row_digests();
    return 0;
}
