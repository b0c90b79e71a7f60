/* Rows in any layout: the same bits whatever the axis, strides, threads, floating-point state and instruction set. */
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/pool.h"
#include "../../csrc/rows_api.h"
#include "check.h"
#include "operands.h"

enum { MOST = 1 << 18 }; /* elements */

typedef struct {
    unsigned char x[MOST * 8], y[MOST * 8], gradient[MOST * 8], target[MOST * 8];
    unsigned char each[MOST * 8];
    int64_t index[MOST];
    double sum;
} row_memory;

static row_memory plain, other;

/* Rows side by side (the class axis first), or one after the other. */
enum { ROWS_FIRST, CLASSES_FIRST };

static fa_row_array array_of(fa_dtype dtype, void *data, size_t rows, size_t n, int layout)
{
    const ptrdiff_t item = (ptrdiff_t)fa_item_size(dtype);
    fa_row_array array = {.data = data, .step = {0, (ptrdiff_t)n * item, item}};
    if (layout == CLASSES_FIRST) {
        array.step[1] = item;
        array.step[2] = (ptrdiff_t)rows * item;
    }
    return array;
}

static void transpose(fa_dtype dtype, size_t rows, size_t n, const unsigned char *from, unsigned char *to)
{
    const size_t item = fa_item_size(dtype);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < n; k++)
            memcpy(to + (k * rows + r) * item, from + (r * n + k) * item, item);
}

static void fill(fa_dtype dtype, size_t rows, size_t n, row_memory *m)
{
    fill_tame(dtype, 11, rows * n, m->x);
    fill_tame(dtype, 12, rows * n, m->target);
    for (size_t i = 0; i < rows * n; i++) {
        const long double t = get(dtype, m->target, i);
        put(dtype, m->target, i, t < 0 ? -t : t);
        if (i % 5 == 0)
            put(dtype, m->x, i, 30 * get(dtype, m->x, i));
    }
    for (size_t r = 0; r < rows; r++)
        m->index[r] = (int64_t)(hash64(13, r) % n);
}

/* What is computed of the rows; every result goes to y, the gradient or each. */
enum { SOFTMAX, LOG_SOFTMAX, SOFTMIN, LOGSUMEXP, CROSS_ENTROPY, CROSS_ENTROPY_P, N_JOBS };
static const char *const job_name[] = {"softmax",   "log_softmax",   "softmin",
                                       "logsumexp", "cross_entropy", "cross_entropy_probabilities"};

static void compute(fa_dtype dtype, size_t rows, size_t n, int layout, int job, row_memory *m)
{
    const fa_row_shape shape = {dtype, 1, rows, n};
    const fa_row_array x = array_of(dtype, m->x, rows, n, layout), y = array_of(dtype, m->y, rows, n, layout);
    const fa_row_array each = array_of(dtype, m->each, rows, 1, ROWS_FIRST);
    fa_row_loss_call call = {.target_dtype = dtype,
                             .loss = {.weight_sum = (double)n, .smoothing = 0.125, .factor = 0.25},
                             .ignore_index = -100,
                             .target = array_of(dtype, m->target, rows, n, layout),
                             .gradient = array_of(dtype, m->gradient, rows, n, layout),
                             .each = m->each,
                             .sum = &m->sum};
    int status = 0;
    m->sum = 0;
    memset(m->y, 0, rows * n * fa_item_size(dtype));
    memset(m->gradient, 0, rows * n * fa_item_size(dtype));
    memset(m->each, 0, rows * fa_item_size(dtype));
    if (job == LOGSUMEXP) {
        status = fa_row_logsumexp(&shape, x, each);
    } else if (job < LOGSUMEXP) {
        status = fa_row_map(job == SOFTMAX       ? FA_SOFTMAX
                            : job == LOG_SOFTMAX ? FA_LOG_SOFTMAX
                                                 : FA_SOFTMIN,
                            &shape, x, y);
    } else {
        call.index = job == CROSS_ENTROPY ? m->index : NULL;
        status =
            fa_row_losses(job == CROSS_ENTROPY ? FA_CROSS_ENTROPY : FA_CROSS_ENTROPY_PROBABILITIES, &shape, &x, &call);
    }
    CHECK(status == 0, "%s ran out of memory", job_name[job]);
}

static void expect_same(fa_dtype dtype, size_t rows, size_t n, int job, const row_memory *a, const row_memory *b,
                        const char *what)
{
    const size_t all = rows * n;
    CHECK(first_difference(dtype, all, a->y, b->y) == all &&
              first_difference(dtype, all, a->gradient, b->gradient) == all &&
              first_difference(dtype, rows, a->each, b->each) == rows && a->sum == b->sum,
          "%s %s %s of (%zu, %zu): other bits %s", fa_selected_isa(), dtype == FA_F32 ? "f32" : "f64", job_name[job],
          rows, n, what);
}

static void check_axis(fa_dtype dtype, size_t rows, size_t n, int job)
{
    static unsigned char back[MOST * 8];
    compute(dtype, rows, n, ROWS_FIRST, job, &plain);
    memcpy(&other, &plain, sizeof other);
    transpose(dtype, rows, n, plain.x, other.x);
    transpose(dtype, rows, n, plain.target, other.target);
    compute(dtype, rows, n, CLASSES_FIRST, job, &other);
    transpose(dtype, n, rows, other.y, back);
    memcpy(other.y, back, rows * n * fa_item_size(dtype));
    transpose(dtype, n, rows, other.gradient, back);
    memcpy(other.gradient, back, rows * n * fa_item_size(dtype));
    expect_same(dtype, rows, n, job, &plain, &other, "along the other axis");
}

static void check_threads(fa_dtype dtype, size_t rows, size_t n, int job)
{
    for (int layout = ROWS_FIRST; layout <= CLASSES_FIRST; layout++) {
        fa_set_num_threads(1);
        compute(dtype, rows, n, layout, job, &plain);
        memcpy(&other, &plain, sizeof other);
        fa_set_num_threads(4);
        compute(dtype, rows, n, layout, job, &other);
        fa_set_num_threads(1);
        expect_same(dtype, rows, n, job, &plain, &other, "with threads");
    }
}

static void check_state(fa_dtype dtype, size_t rows, size_t n, int job)
{
    compute(dtype, rows, n, ROWS_FIRST, job, &plain);
    memcpy(&other, &plain, sizeof other);
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(FE_DOWNWARD);
    flush_subnormals(1);
    const uint64_t before = floating_point_state();
    compute(dtype, rows, n, ROWS_FIRST, job, &other);
    const uint64_t after = floating_point_state();
    flush_subnormals(0);
    fesetround(FE_TONEAREST);
    CHECK(before == after, "%s: floating-point state %llx became %llx", job_name[job], (unsigned long long)before,
          (unsigned long long)after);
    expect_same(dtype, rows, n, job, &plain, &other, "in another floating-point state");
}

static uint64_t digest_of_job(fa_dtype dtype, int job)
{
    const size_t shapes[][2] = {{7, 10}, {3, 513}, {40, 33}, {2, 5000}};
    uint64_t digest = DIGEST_START;
    for (size_t s = 0; s < 4; s++) {
        const size_t rows = shapes[s][0], n = shapes[s][1];
        fill(dtype, rows, n, &plain);
        compute(dtype, rows, n, ROWS_FIRST, job, &plain);
        digest = digest_of(dtype, rows * n, plain.y, digest);
        digest = digest_of(dtype, rows * n, plain.gradient, digest);
        digest = digest_of(FA_F64, 1, &plain.sum, digest_of(dtype, rows, plain.each, digest));
    }
    return digest;
}

static void check_bits(fa_dtype dtype, int job)
{
    static const char *first_isa;
    static uint64_t expected[FA_N_DTYPES][N_JOBS];
    if (!promises_the_same_bits(fa_selected_isa()))
        return;
    if (first_isa == NULL)
        first_isa = fa_selected_isa();
    const uint64_t digest = digest_of_job(dtype, job);
    if (first_isa == fa_selected_isa())
        expected[dtype][job] = digest;
    CHECK(digest == expected[dtype][job], "%s %s %s has other bits than %s", fa_selected_isa(),
          dtype == FA_F32 ? "f32" : "f64", job_name[job], first_isa);
}

static void test_selected(void)
{
    const size_t shapes[][2] = {{1, 1}, {9, 1}, {5, 3}, {64, 10}, {33, 100}, {3, 700}, {17, 513}};
    for (int dtype = 0; dtype < FA_N_DTYPES; dtype++)
        for (int job = 0; job < N_JOBS; job++) {
            for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
                fill((fa_dtype)dtype, shapes[s][0], shapes[s][1], &plain);
                check_axis((fa_dtype)dtype, shapes[s][0], shapes[s][1], job);
            }
            check_state((fa_dtype)dtype, 17, 513, job);
            fill((fa_dtype)dtype, 200, 1000, &plain);
            check_threads((fa_dtype)dtype, 200, 1000, job);
            check_bits((fa_dtype)dtype, job);
        }
}

void test_row_layouts(void)
{
    const int before = fa_get_num_threads();
    fa_set_num_threads(1);
    for_each_isa(test_selected);
    fa_set_num_threads(before);
}

void print_row_digests(void)
{
    for (int dtype = 0; dtype < FA_N_DTYPES; dtype++)
        for (int job = 0; job < N_JOBS; job++)
            printf("%s %s %016llx\n", dtype == FA_F32 ? "f32" : "f64", job_name[job],
                   (unsigned long long)digest_of_job((fa_dtype)dtype, job));
}
