/* Tables of half-precision results: the kernel's bits for every number and function, whatever the layout, the parameters before
   and the threads; and when a call may use one. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../csrc/half_table.h"
#include "../../csrc/pool.h"
#include "check.h"
#include "operands.h"

static const fa_dtype stored[] = {FA_F16, FA_BF16};

static fa_half_function function_of(const subject *s, fa_dtype type)
{
    fa_half_function f = {.kernel = kernel_of(s), .type = type, .n_parameter = s->n_in - 1};
    for (int k = 0; k < f.n_parameter; k++)
        f.parameter[k] = (float)s->parameter[k];
    return f;
}

/* What the kernel makes of n numbers, in calls far too small for a table. */
static void compute(const fa_half_function *f, size_t n, const uint16_t *x, uint16_t *y)
{
    enum { SOME = 1000 };
    const fa_movers *movers = fa_kernels_for(FA_F32)->movers;
    float wide[SOME], result[SOME];
    for (size_t i = 0; i < n; i += SOME) {
        const size_t some = n - i < SOME ? n - i : SOME;
        const void *in[FA_MAX_IN] = {wide, &f->parameter[0], &f->parameter[1], &f->parameter[2]};
        void *out[FA_MAX_OUT] = {result};
        const size_t step[FA_MAX_IN] = {1};
        (f->type == FA_F16 ? movers->widen_f16 : movers->widen_bf16)(some, x + i, wide);
        f->kernel(some, in, step, out, 0);
        (f->type == FA_F16 ? movers->narrow_f16 : movers->narrow_bf16)(some, result, y + i);
    }
}

static void check_table(const fa_half_function *f, const char *label)
{
    static uint16_t numbers[FA_HALF_NUMBERS], expected[FA_HALF_NUMBERS];
    const fa_half_table *table = fa_half_table_take(f);
    CHECK(table != NULL, "%s: no table", label);
    if (table == NULL)
        return;
    for (size_t i = 0; i < FA_HALF_NUMBERS; i++)
        numbers[i] = (uint16_t)i;
    compute(f, FA_HALF_NUMBERS, numbers, expected);
    size_t i = 0;
    while (i < FA_HALF_NUMBERS && table->result[i] == expected[i])
        i++;
    CHECK(i == FA_HALF_NUMBERS, "%s, stored %d: %zx has other bits in the table", label, f->type, i);
    fa_half_table_give_back(table);
}

static void check_subject(const subject *s)
{
    if (s->dtype != FA_F32 || s->kind != VALUE || s->n_array != 1)
        return;
    for (int h = 0; h < 2; h++) {
        subject other = *s;
        fa_half_function f = function_of(s, stored[h]);
        check_table(&f, label_of(s));
        use_other_parameters(&other);
        f = function_of(&other, stored[h]);
        check_table(&f, label_of(&other));
        f = function_of(s, stored[h]);
        check_table(&f, label_of(s));
    }
}

/* A large call, often enough for every way it may run; the last elements fill no vector. */
static void check_large(const subject *s)
{
    enum { N = (1 << 18) + 3, CALLS = 7 };
    static uint16_t x[N], y[N + 1], expected[N];
    if (s->dtype != FA_F32 || s->kind != VALUE || s->n_array != 1)
        return;
    for (size_t i = 0; i < N; i++)
        x[i] = (uint16_t)(i / (N / FA_HALF_NUMBERS));
    for (int h = 0; h < 2; h++) {
        const fa_half_function f = function_of(s, stored[h]);
        fa_call call = {.kernel = f.kernel, .dtype = FA_F32, .n_array = 1, .n_in = s->n_in, .n_out = 1};
        char *data[FA_MAX_IN + FA_MAX_OUT] = {(char *)x};
        ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT] = {2};
        for (int k = 1; k < s->n_in; k++) {
            call.type[k] = FA_F32;
            data[k] = (char *)&f.parameter[k - 1];
        }
        call.type[0] = call.type[s->n_in] = stored[h];
        data[s->n_in] = (char *)y;
        step[s->n_in] = 2;
        compute(&f, N, x, expected);
        for (int i = 0; i < CALLS; i++) {
            fa_set_num_threads(1 + i % 3);
            memset(y, 0x55, sizeof y);
            fa_elementwise(&call, N, data, step);
            CHECK(memcmp(y, expected, sizeof expected) == 0 && y[N] == 0x5555, "%s, stored %d: large call %d differs",
                  label_of(s), f.type, i);
        }
    }
}

/* Every length and place; the memory around the operands may not be touched. */
static void check_translation(void)
{
    static struct {
        uint16_t before, entry[FA_HALF_NUMBERS], after;
    } table;
    for (size_t i = 0; i < FA_HALF_NUMBERS; i++)
        table.entry[i] = (uint16_t)(hash64(9, i) >> 7);
    for (size_t t = 0; t < 4 * 300; t++) {
        const size_t n = t / 4;
        const int at_start = t % 2, odd = at_start && t / 2 % 2;
        char *x = (char *)guarded(0, 2 * n + 2, at_start) + (odd ? 1 : 2 * !at_start);
        char *y = (char *)guarded(1, 2 * n + 2, at_start) + (odd ? 1 : 2 * !at_start);
        uint16_t expected[300];
        for (size_t i = 0; i < n; i++) {
            const uint16_t number = i % 7 ? (uint16_t)hash64(n, i) : (uint16_t) - (i % 2);
            memcpy(x + 2 * i, &number, sizeof number);
            expected[i] = table.entry[number];
        }
        for (int how = 0; how <= FA_STREAMED; how++) {
            memset(y, 0, 2 * n);
            fa_kernels_for(FA_F32)->movers->translate(n, table.entry, x, y, how);
            CHECK(memcmp(y, expected, 2 * n) == 0, "%s: %zu numbers translated, how %d", fa_selected_isa(), n, how);
        }
        fa_kernels_for(FA_F32)->movers->translate(n, table.entry, x, x, 0);
        CHECK(memcmp(x, expected, 2 * n) == 0, "%s: %zu numbers translated in place", fa_selected_isa(), n);
    }
}

static void check_spread(void)
{
    enum { N = 1 << 17 };
    static uint16_t x[N];
    for (size_t i = 0; i < N; i++)
        x[i] = (uint16_t)hash64(1, i);
    CHECK(fa_half_numbers_spread(N, x) && fa_half_numbers_spread(N - 1, (char *)x + 1), "random bits are not spread");
    for (size_t i = 0; i < N; i++)
        x[i] = (uint16_t)(0x3c00 + hash64(1, i) % 4096);
    CHECK(!fa_half_numbers_spread(N, x) && !fa_half_numbers_spread(N - 1, (char *)x + 1), "four binades are spread");
    for (size_t n = 1; n < 1100; n++)
        CHECK(!fa_half_numbers_spread(n, memset(guarded(0, 2 * n, 0), 0, 2 * n)), "%zu zeros are spread", n);
}

static const subject *for_callers;

/* Takes tables with parameters that change and tables without, while others do the same. */
static void *take_often(void *own)
{
    const subject *s = for_callers;
    for (int i = 0; i < 40; i++) {
        fa_half_function f = function_of(s, stored[i % 2]);
        uint16_t numbers[64], expected[64];
        if (f.n_parameter)
            f.parameter[0] += (float)(((size_t)own + (size_t)i) % 3);
        const fa_half_table *table = fa_half_table_take(&f);
        for (size_t k = 0; k < 64; k++)
            numbers[k] = (uint16_t)(1024 * k + 17);
        compute(&f, 64, numbers, expected);
        for (size_t k = 0; k < 64 && table; k++)
            CHECK(table->result[numbers[k]] == expected[k], "%s among threads", fa_activations[s->activation].name);
        if (table)
            fa_half_table_give_back(table);
    }
    return NULL;
}

static void check_callers(const subject *s)
{
    pthread_t callers[4];
    if (s->dtype != FA_F32 || s->kind != VALUE ||
        (s->activation != FA_INDEX_softsign && s->activation != FA_INDEX_leaky_relu))
        return;
    for_callers = s;
    for (size_t i = 0; i < 4; i++)
        pthread_create(&callers[i], NULL, take_often, (void *)i);
    for (size_t i = 0; i < 4; i++)
        pthread_join(callers[i], NULL);
}

/* A child forked while this thread has a table. */
static void check_fork(const subject *s)
{
    int status = -1;
    if (s->dtype != FA_F32 || s->kind != VALUE || s->n_in > 2 || s->n_array != 1)
        return;
    const fa_half_function f = function_of(s, FA_F16);
    const fa_half_table *mine = fa_half_table_take(&f);
    const pid_t child = fork();
    if (child == 0) {
        const fa_half_table *its = fa_half_table_take(&f);
        _exit(its == NULL || memcmp(its->result, mine->result, sizeof its->result) != 0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "%s in a child: status %d", label_of(s), status);
    fa_half_table_give_back(mine);
}

static void test_selected(void)
{
    for_each_subject(check_subject);
    for_each_subject(check_large);
    check_translation();
}

void test_halves(void)
{
    const int before = fa_get_num_threads();
    for_each_isa(test_selected);
    check_spread();
    for_each_subject(check_callers);
    fa_set_num_threads(before);
}

/* A suite of its own, as test_fork is. */
void test_halves_inherited(void) { for_each_subject(check_fork); }
