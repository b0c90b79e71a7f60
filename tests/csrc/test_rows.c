/* Row kernels of every instruction set against long double, each row between guard pages: softmax family, vjps, losses. */
#include <math.h>
#include <string.h>

#include "../../csrc/rows_api.h"
#include "check.h"
#include "operands.h"

enum { LONGEST = 1000, X = 0, G, TARGET, WEIGHT, Y, N_SPREADS = 4 };

typedef struct {
    fa_dtype dtype;
    const fa_row_kernels *kernels;
    size_t n, item;
    void *x, *g, *target, *weight, *y; /* rows that end, or begin, at a guard page */
    long double max, log_sum;          /* log Σ e^(x − max) */
} row_case;

static const char *label(const row_case *c)
{
    static char text[80];
    snprintf(text, sizeof text, "%s %s, row of %zu", fa_selected_isa(), c->dtype == FA_F32 ? "f32" : "f64", c->n);
    return text;
}

static long double x_of(const row_case *c, size_t i) { return get(c->dtype, c->x, i); }
static long double log_softmax_of(const row_case *c, size_t i) { return x_of(c, i) - c->max - c->log_sum; }
static long double weight_of(const row_case *c, int weighted, size_t i)
{
    return weighted ? get(c->dtype, c->weight, i) : 1;
}

/* Spread 0: close together; 1: far apart; 2: one large value, so that the rest nearly vanishes; 3: nearly equal, and as far
 * above the power of two that sums are measured in as can be. */
static void fill_row(row_case *c, int spread)
{
    fill_tame(c->dtype, 7 + c->n, c->n, c->x);
    fill_tame(c->dtype, 8 + c->n, c->n, c->g);
    for (size_t i = 0; i < c->n; i++) {
        put(c->dtype, c->x, i, x_of(c, i) * (spread == 1 ? 40 : 1));
        put(c->dtype, c->target, i, fabsl(get(c->dtype, c->g, (i * 7 + 1) % c->n)));
        put(c->dtype, c->weight, i, 0.25L + fabsl(get(c->dtype, c->g, (i * 5 + 2) % c->n)));
    }
    if (spread == 2)
        put(c->dtype, c->x, c->n / 2, 25);
    for (size_t i = 0; spread == 3 && i < c->n; i++)
        put(c->dtype, c->x, i, 0.345L + x_of(c, i) * 0x1p-12L);
}

/* log1p of the sum without the largest, so that nothing is lost where one value dominates. */
static void sum_row(row_case *c)
{
    size_t top = 0;
    for (size_t i = 1; i < c->n; i++)
        if (x_of(c, i) > x_of(c, top))
            top = i;
    long double rest = 0;
    c->max = x_of(c, top);
    for (size_t i = 0; i < c->n; i++)
        if (i != top)
            rest += expl(x_of(c, i) - c->max);
    c->log_sum = log1pl(rest);
}

static void expect(const row_case *c, const char *what, size_t i, long double got, long double exact, long double slack)
{
    const long double ulp = ulp_error(c->dtype, got, exact), allowed = c->dtype == FA_F32 ? 1.5L : 2.5L;
    CHECK(ulp <= allowed || fabsl(got - exact) <= slack, "%s: %s[%zu] %La, exactly %La, %.2Lf ulp", label(c), what, i,
          got, exact, ulp);
}

static long double epsilon_of(const row_case *c) { return c->dtype == FA_F32 ? 0x1p-24L : 0x1p-53L; }

static void check_maps(row_case *c)
{
    unsigned char copy[LONGEST * 8];
    for (int which = 0; which < FA_N_ROW_MAPS; which++) {
        c->kernels->map[which](c->x, 0, c->y, 0, c->n, 1);
        for (size_t i = 0; i < c->n; i++) {
            const long double exact = log_softmax_of(c, i);
            expect(c, which == FA_SOFTMAX ? "softmax" : "log_softmax", i, get(c->dtype, c->y, i),
                   which == FA_SOFTMAX ? expl(exact) : exact, 0);
        }
        memcpy(copy, c->x, c->n * c->item);
        c->kernels->map[which](copy, 0, copy, 0, c->n, 1);
        CHECK(first_difference(c->dtype, c->n, copy, c->y) == c->n, "%s: map %d in place differs", label(c), which);
    }
}

static void check_logsumexp(row_case *c)
{
    double head, tail;
    c->kernels->logsumexp(c->x, c->n, NULL, &head, &tail);
    const long double exact = c->max + c->log_sum, got = (long double)head + tail;
    const long double scale = fmaxl(1, fabsl(c->max));
    CHECK(fabsl(got - exact) <= epsilon_of(c) * fabsl(exact) || fabsl(got - exact) <= 0x1p-34L * scale,
          "%s: logsumexp %La, exactly %La", label(c), got, exact);
}

/* dx sums products of either sign: the error is measured against their sizes. */
static void check_vjps(row_case *c)
{
    long double dot = 0, dot_size = 0, sum = 0, sum_size = 0;
    unsigned char y[LONGEST * 8];
    for (int which = 0; which < FA_N_ROW_VJPS; which++) {
        c->kernels->map[which](c->x, 0, y, 0, c->n, 1);
        dot = dot_size = sum = sum_size = 0;
        for (size_t i = 0; i < c->n; i++) {
            const long double g = get(c->dtype, c->g, i), p = get(c->dtype, y, i);
            dot += p * g;
            dot_size += fabsl(p * g);
            sum += g;
            sum_size += fabsl(g);
        }
        memcpy(c->target, y, c->n * c->item);
        c->kernels->vjps[which](&(fa_row_triples){c->target, c->g, c->y, {0, 0, 0}, {1, 1, 1}, c->n, 1});
        for (size_t i = 0; i < c->n; i++) {
            const long double g = get(c->dtype, c->g, i), p = get(c->dtype, y, i);
            if (which == FA_VJP_SOFTMAX)
                expect(c, "vjp softmax", i, get(c->dtype, c->y, i), p * (g - dot),
                       4 * epsilon_of(c) * p * (fabsl(g) + dot_size));
            else
                expect(c, "vjp log_softmax", i, get(c->dtype, c->y, i), g - expl(p) * sum,
                       4 * epsilon_of(c) * (fabsl(g) + expl(p) * sum_size));
        }
    }
    const double slope = -1.5;
    c->kernels->vjps_logsumexp(&(fa_row_triples){c->x, &slope, c->y, {0, 0, 0}, {1, 1, 1}, c->n, 1});
    for (size_t i = 0; i < c->n; i++)
        expect(c, "vjp logsumexp", i, get(c->dtype, c->y, i), -1.5L * expl(log_softmax_of(c, i)), 0);
}

/* The loss −Σ q log softmax for weights q, which `q_of` gives, and its gradient softmax·Σq − q, times factor. */
static void expect_loss(const row_case *c, const char *what, const long double *q, double loss, double factor)
{
    long double exact = 0, total = 0;
    for (size_t i = 0; i < c->n; i++) {
        exact -= q[i] * log_softmax_of(c, i);
        total += q[i];
    }
    expect(c, what, c->n, loss, exact, 0);
    for (size_t i = 0; i < c->n; i++) {
        const long double p = expl(log_softmax_of(c, i));
        expect(c, what, i, get(c->dtype, c->y, i), factor * (p * total - q[i]),
               4 * epsilon_of(c) * factor * (total + q[i]));
    }
}

static void check_cross_entropy(row_case *c, int weighted, double smoothing)
{
    long double q[LONGEST], weight_sum = 0;
    const size_t classes[] = {0, c->n / 2, c->n - 1};
    for (size_t i = 0; i < c->n; i++)
        weight_sum += weight_of(c, weighted, i);
    const fa_row_loss loss = {
        .weight = weighted ? c->weight : NULL, .weight_sum = (double)weight_sum, .smoothing = smoothing, .factor = 0.5};
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < c->n; i++)
            q[i] = weight_of(c, weighted, i) * (smoothing / (long double)c->n + (i == classes[k] ? 1 - smoothing : 0));
        const double result = c->kernels->loss[FA_CROSS_ENTROPY](&loss, c->x, c->n, (int64_t)classes[k], NULL, c->y);
        expect_loss(c, "cross_entropy", q, result, 0.5);
        CHECK(c->kernels->loss[FA_CROSS_ENTROPY](&loss, c->x, c->n, (int64_t)classes[k], NULL, NULL) == result,
              "%s: the loss depends on whether a gradient is wanted", label(c));
    }
    for (size_t i = 0; i < c->n; i++)
        q[i] =
            weight_of(c, weighted, i) * (smoothing / (long double)c->n + (1 - smoothing) * get(c->dtype, c->target, i));
    const double result = c->kernels->loss[FA_CROSS_ENTROPY_PROBABILITIES](&loss, c->x, c->n, 0, c->target, c->y);
    expect_loss(c, "cross_entropy of probabilities", q, result, 0.5);
}

static void check_row(fa_dtype dtype, size_t n, int spread, int at_start)
{
    row_case c = {.dtype = dtype, .kernels = fa_kernels_for(dtype)->rows, .n = n, .item = fa_item_size(dtype)};
    void **const rows[] = {&c.x, &c.g, &c.target, &c.weight, &c.y};
    for (int slot = 0; slot < 5; slot++)
        *rows[slot] = guarded(slot, n * c.item, at_start);
    fill_row(&c, spread);
    sum_row(&c);
    check_maps(&c);
    check_logsumexp(&c);
    check_cross_entropy(&c, 0, 0);
    check_cross_entropy(&c, 1, 0);
    check_cross_entropy(&c, 1, 0.125);
    check_vjps(&c);
}

static void test_selected(void)
{
    const size_t longer[] = {255, 256, 257, 511, 512, 513, LONGEST};
    for (int dtype = 0; dtype < FA_N_DTYPES; dtype++) {
        for (size_t n = 1; n <= 130; n++)
            check_row((fa_dtype)dtype, n, (int)(n % N_SPREADS), n & 1);
        for (size_t k = 0; k < sizeof longer / sizeof longer[0]; k++)
            for (int spread = 0; spread < N_SPREADS; spread++)
                check_row((fa_dtype)dtype, longer[k], spread, 0);
    }
}

void test_rows(void) { for_each_isa(test_selected); }
