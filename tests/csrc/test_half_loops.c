/* Loops over half-precision numbers as they stand in memory: the bits of the float32 kernel between two conversions, for every
   number and length; and nothing beyond what they say they did. */
#include <string.h>

#include "check.h"
#include "operands.h"
#include "support.h"

enum { NUMBERS = 1 << 16, SOME = 1024, AROUND = 140 };

static fa_half_loop *loop;
static const subject *subject_here;
static float parameter[FA_MAX_IN];

/* What the kernel makes of n numbers and their gates. */
static void compute(int h, size_t n, const uint16_t *x, const uint16_t *gate, uint16_t *y)
{
    const fa_movers *movers = fa_kernels_for(FA_F32)->movers;
    fa_widen *widen = h ? movers->widen_bf16 : movers->widen_f16;
    float wide[SOME], other[SOME], result[SOME];
    const int n_array = subject_here->n_array;
    for (size_t i = 0; i < n; i += SOME) {
        const size_t some = n - i < SOME ? n - i : SOME;
        const void *in[FA_MAX_IN] = {wide, n_array == 2 ? other : parameter, parameter + 1};
        void *out[FA_MAX_OUT] = {result};
        const size_t step[FA_MAX_IN] = {1, n_array == 2};
        widen(some, x + i, wide);
        widen(some, gate + i, other);
        kernel_of(subject_here)(some, in, step, out, 0);
        (h ? movers->narrow_bf16 : movers->narrow_f16)(some, result, y + i);
    }
}

/* Of a NaN and a NaN either may stay. */
static size_t first_other(int h, size_t n, const uint16_t *x, const uint16_t *gate, const uint16_t *y,
                          const uint16_t *expected)
{
    const unsigned infinite = h ? 0x7f80 : 0x7c00;
    size_t i = 0;
    while (i < n && (y[i] == expected[i] || (subject_here->n_array == 2 && (x[i] & 0x7fff) > infinite &&
                                             (gate[i] & 0x7fff) > infinite && (y[i] & 0x7fff) > infinite)))
        i++;
    return i;
}

static size_t run_loop(size_t n, const uint16_t *x, const uint16_t *gate, uint16_t *y)
{
    const void *in[FA_MAX_IN] = {x, subject_here->n_array == 2 ? (const void *)gate : parameter, parameter + 1};
    return loop(n, in, y);
}

static void check_lengths(int h)
{
    for (size_t t = 0; t < 2 * AROUND; t++) {
        const size_t n = t / 2;
        const int at_start = t % 2;
        uint16_t *x = guarded(0, 2 * n, at_start), *gate = guarded(1, 2 * n, at_start),
                 *y = guarded(2, 2 * n, at_start), expected[AROUND];
        for (size_t i = 0; i < n; i++) {
            x[i] = (uint16_t)hash64(n, i);
            gate[i] = (uint16_t)(hash64(n, i) >> 16);
        }
        memset(y, 0x55, 2 * n);
        compute(h, n, x, gate, expected);
        const size_t done = run_loop(n, x, gate, y);
        CHECK(done <= n && n - done < 64 && first_other(h, done, x, gate, y, expected) == done,
              "%s, half %d: %zu of %zu", label_of(subject_here), h, done, n);
        for (size_t i = done; i < n; i++)
            CHECK(y[i] == 0x5555, "%s, half %d: %zu of %zu, and %zu", label_of(subject_here), h, done, n, i);
        memcpy(y, x, 2 * n);
        run_loop(n, y, gate, y);
        CHECK(first_other(h, done, x, gate, y, expected) == done, "%s, half %d: %zu in place", label_of(subject_here),
              h, n);
    }
}

/* By fa_elementwise, which does the rest. */
static void check_numbers(int h)
{
    enum { N = NUMBERS + 5 };
    static uint16_t x[N], gate[N], y[N + 1], expected[N];
    const subject *s = subject_here;
    const fa_dtype type = h ? FA_BF16 : FA_F16;
    fa_call call = {.kernel = kernel_of(s), .dtype = FA_F32, .n_array = s->n_array, .n_in = s->n_in, .n_out = 1};
    char *data[FA_MAX_IN + FA_MAX_OUT] = {(char *)x};
    ptrdiff_t step[FA_MAX_IN + FA_MAX_OUT] = {2};
    call.half = loop;
    for (int k = 0; k < s->n_in; k++) {
        const int array = k < s->n_array;
        call.type[k] = array ? type : FA_F32;
        data[k] = k == 0 ? (char *)x : array ? (char *)gate : (char *)&parameter[k - 1];
        step[k] = array ? 2 : 0;
    }
    call.type[s->n_in] = type;
    data[s->n_in] = (char *)y;
    step[s->n_in] = 2;
    for (size_t i = 0; i < N; i++) {
        x[i] = (uint16_t)i;
        gate[i] = (uint16_t)hash64(1, i);
    }
    y[N] = 0x5555;
    compute(h, N, x, gate, expected);
    fa_elementwise(&call, N, data, step);
    const size_t at = first_other(h, N, x, gate, y, expected);
    CHECK(at == N && y[N] == 0x5555, "%s, half %d: %zx has other bits", label_of(s), h, at);
}

static int n_loops;

static void check_subject(const subject *s)
{
    if (s->dtype != FA_F32 || s->kind != VALUE)
        return;
    for (int h = 0; h < FA_N_HALVES; h++)
        for (int others = 0; others < 2; others++) {
            subject one = *s;
            if (others)
                use_other_parameters(&one);
            loop = fa_kernels_for(FA_F32)->half->of[h][s->activation];
            subject_here = &one;
            for (int k = 0; k < FA_MAX_IN; k++)
                parameter[k] = (float)one.parameter[k];
            if (!loop)
                continue;
            n_loops++;
            check_lengths(h);
            check_numbers(h);
        }
}

static void test_selected(void)
{
    n_loops = 0;
    for_each_subject(check_subject);
    CHECK(n_loops > 0 || strcmp(fa_selected_isa(), "base") == 0, "%s: no loop over half types", fa_selected_isa());
}

void test_half_loops(void) { for_each_isa(test_selected); }
