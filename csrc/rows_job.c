/* See rows_job.h. */
#include "rows_job.h"

#include "convert.h"
#include "fpstate.h"
#include "pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADED_FROM = 1 << 16, /* elements; below, a second thread does not pay */
    TASK = 1 << 14,          /* elements, about, of one task */
    TILE = 1 << 12,          /* elements, about, that are staged at a time */
    TILE_ROWS = 256,
    SIDE_MOST = 1 << 12, /* longer rows are staged one by one */
};

fa_row_job fa_row_job_of(const fa_row_shape *shape, size_t n_operands, const fa_row_array *operand)
{
    fa_row_job job = {.shape = shape, .n_operands = n_operands};
    for (size_t i = 0; i < n_operands; i++) {
        job.operand[i] = operand[i];
        job.type[i] = shape->dtype;
    }
    return job;
}

char *fa_row_at(const fa_row_job *job, size_t operand, size_t row)
{
    const fa_row_array *array = &job->operand[operand];
    const size_t inner = job->shape->inner, i = inner == 1 ? row : row / inner, j = row - i * inner;
    return array->data + (ptrdiff_t)i * array->step[0] + (ptrdiff_t)j * array->step[1];
}

#define COPY(bytes)                                                                                                    \
    static void copy##bytes(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, size_t n)              \
    {                                                                                                                  \
        if (to_step == bytes && from_step == bytes)                                                                    \
            memcpy(to, from, n *bytes);                                                                                \
        else                                                                                                           \
            for (size_t i = 0; i < n; i++)                                                                             \
                memcpy(to + (ptrdiff_t)i * to_step, from + (ptrdiff_t)i * from_step, bytes);                           \
    }
COPY(4)
COPY(8)
#undef COPY

void fa_row_stage(const fa_row_job *job, size_t operand, const char *from, ptrdiff_t step, size_t n, char *to)
{
    fa_dtype type = job->type[operand];
    if (type == FA_F64)
        copy8(to, 8, from, step, n);
    else if (type == FA_F32)
        copy4(to, 4, from, step, n);
    else
        for (size_t i = 0; i < n; i += FA_STAGE)
            fa_read(type, n - i < FA_STAGE ? n - i : FA_STAGE, from + (ptrdiff_t)i * step, step, to + i * 4);
}

void fa_row_unstage(const fa_row_job *job, size_t operand, const char *from, size_t n, char *to, ptrdiff_t step)
{
    fa_dtype type = job->type[operand];
    if (type == FA_F64)
        copy8(to, step, from, 8, n);
    else if (type == FA_F32)
        copy4(to, step, from, 4, n);
    else
        for (size_t i = 0; i < n; i += FA_STAGE)
            fa_write(type, n - i < FA_STAGE ? n - i : FA_STAGE, from + i * 4, to + (ptrdiff_t)i * step, step);
}

/* A float that rounds to any shorter type as value does: cut, its last bit set where something was cut off (rounding to odd:
 * S. Boldo and G. Melquiond, Emulation of a FMA and correctly rounded sums, IEEE Transactions on Computers 57, 2008). */
static float to_odd(double value)
{
    float nearest = (float)value;
    if ((double)nearest == value || isnan(value))
        return nearest;
    uint32_t bits;
    memcpy(&bits, &nearest, sizeof bits);
    bits = (bits - (fabs((double)nearest) > fabs(value))) | 1;
    memcpy(&nearest, &bits, sizeof bits);
    return nearest;
}

void fa_row_store(fa_dtype type, void *to, double value)
{
    if (type == FA_F64) {
        *(double *)to = value;
        return;
    }
    float narrow = type == FA_F32 ? (float)value : to_odd(value);
    fa_write(type, 1, &narrow, to, (ptrdiff_t)fa_item_size(type));
}

void fa_row_store_quotient(fa_dtype type, void *to, double total, double count)
{
    fa_row_store(type, to, total / count);
}

double fa_row_load(fa_dtype type, const void *from)
{
    if (type == FA_F64)
        return *(const double *)from;
    float wide;
    fa_read(type, 1, from, (ptrdiff_t)fa_item_size(type), &wide);
    return wide;
}

int fa_row_is_direct(const fa_row_job *job, size_t operand)
{
    return job->type[operand] == job->compute &&
           (job->operand[operand].step[2] == (ptrdiff_t)job->item || job->shape->n == 1);
}

/* The loop that rows which follow one another belong to: the inner one, unless it has but one turn. */
static int loop_of(const fa_row_job *job) { return job->shape->inner > 1; }

ptrdiff_t fa_row_step(const fa_row_job *job, size_t operand)
{
    return job->operand[operand].step[loop_of(job)] / (ptrdiff_t)job->item;
}

size_t fa_row_run_length(const fa_row_job *job, size_t operands, size_t row, size_t end)
{
    const size_t inner = job->shape->inner, rows = inner > 1 ? inner - row % inner : end - row;
    for (size_t i = 0; i < operands; i++)
        if (!fa_row_is_direct(job, i) || job->operand[i].step[loop_of(job)] % (ptrdiff_t)job->item != 0)
            return 0;
    return rows < end - row ? rows : end - row;
}

const char *fa_row_in(const fa_row_job *job, size_t operand, size_t row, char *buffer)
{
    const char *from = fa_row_at(job, operand, row);
    if (fa_row_is_direct(job, operand))
        return from;
    char *to = buffer + operand * job->shape->n * job->item;
    fa_row_stage(job, operand, from, job->operand[operand].step[2], job->shape->n, to);
    return to;
}

char *fa_row_out(const fa_row_job *job, size_t operand, size_t row, char *buffer)
{
    return fa_row_is_direct(job, operand) ? fa_row_at(job, operand, row) : buffer + operand * job->shape->n * job->item;
}

void fa_row_deliver(const fa_row_job *job, size_t operand, size_t row, const char *result)
{
    if (!fa_row_is_direct(job, operand))
        fa_row_unstage(job, operand, result, job->shape->n, fa_row_at(job, operand, row),
                       job->operand[operand].step[2]);
}

size_t fa_row_tile_rows(const fa_row_shape *shape)
{
    const size_t rows = shape->n ? TILE / shape->n : TILE_ROWS;
    return rows < 1 ? 1 : rows < TILE_ROWS ? rows : TILE_ROWS;
}

size_t fa_row_tile_run(const fa_row_job *job, size_t row, size_t end)
{
    const size_t most = fa_row_tile_rows(job->shape);
    return end - row < most ? end - row : most;
}

size_t fa_row_tile_bytes(const fa_row_shape *shape)
{
    return fa_row_tile_rows(shape) * shape->n * fa_item_size(fa_row_compute(shape->dtype));
}

/* Whether these rows of an operand follow one another without gaps. */
static int is_packed(const fa_row_job *job, size_t operand, size_t row, size_t rows)
{
    const fa_row_array *array = &job->operand[operand];
    const size_t inner = job->shape->inner;
    const ptrdiff_t item = (ptrdiff_t)fa_item_size(job->type[operand]), line = (ptrdiff_t)job->shape->n * item;
    if (array->step[2] != item || (inner > 1 && array->step[1] != line))
        return 0;
    return row % inner + rows <= inner || array->step[0] == (ptrdiff_t)inner * line;
}

void fa_row_tile_in(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *tile)
{
    const size_t n = job->shape->n, together = is_packed(job, operand, row, rows) ? rows : 1;
    for (size_t r = 0; r < rows; r += together)
        fa_row_stage(job, operand, fa_row_at(job, operand, row + r), job->operand[operand].step[2], together * n,
                     tile + r * n * job->item);
}

void fa_row_tile_out(const fa_row_job *job, size_t operand, size_t row, size_t rows, const char *tile)
{
    const size_t n = job->shape->n, together = is_packed(job, operand, row, rows) ? rows : 1;
    for (size_t r = 0; r < rows; r += together)
        fa_row_unstage(job, operand, tile + r * n * job->item, together * n, fa_row_at(job, operand, row + r),
                       job->operand[operand].step[2]);
}

static size_t side_rows(const fa_row_shape *shape)
{
    return shape->n > SIDE_MOST ? 0 : shape->n > SIDE_MOST / 4 ? FA_SIDE_BY_SIDE / 4 : FA_SIDE_BY_SIDE;
}

size_t fa_row_side_bytes(const fa_row_shape *shape, const fa_row_array *x)
{
    const ptrdiff_t item = (ptrdiff_t)fa_item_size(shape->dtype);
    const int is_half = shape->dtype != fa_row_compute(shape->dtype);
    if (shape->inner < 2 || x->step[1] != item || (x->step[2] == item && !is_half))
        return 0;
    return 2 * side_rows(shape) * shape->n * fa_item_size(fa_row_compute(shape->dtype));
}

size_t fa_row_side_by_side(const fa_row_job *job, size_t operand, size_t other, size_t row, size_t end)
{
    const size_t inner = job->shape->inner, most = side_rows(job->shape);
    const ptrdiff_t step = job->operand[other].step[1];
    if (job->buffer < fa_row_side_bytes(job->shape, &job->operand[operand]) ||
        !fa_row_side_bytes(job->shape, &job->operand[operand]) || step != (ptrdiff_t)fa_item_size(job->type[other]))
        return 0;
    size_t rows = inner - row % inner;
    rows = rows < end - row ? rows : end - row;
    return rows < most ? rows : most;
}

static int is_direct_column(const fa_row_job *job, size_t operand)
{
    return job->type[operand] == job->compute && job->operand[operand].step[2] % (ptrdiff_t)job->item == 0;
}

size_t fa_row_side_run(const fa_row_job *job, size_t row, size_t end)
{
    const size_t inner = job->shape->inner, rows = inner - row % inner;
    for (size_t i = 0; i < job->n_operands; i++)
        if (!is_direct_column(job, i) || job->operand[i].step[1] != (ptrdiff_t)job->item)
            return 0;
    return rows < end - row ? rows : end - row;
}

char *fa_row_side_to(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer, ptrdiff_t *apart)
{
    const int is_direct = is_direct_column(job, operand);
    *apart = is_direct ? job->operand[operand].step[2] / (ptrdiff_t)job->item : (ptrdiff_t)rows;
    return is_direct ? fa_row_at(job, operand, row) : buffer;
}

void fa_row_side_stage(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer)
{
    const fa_row_array *array = &job->operand[operand];
    const char *from = fa_row_at(job, operand, row);
    for (size_t i = 0; i < job->shape->n; i++)
        fa_row_stage(job, operand, from + (ptrdiff_t)i * array->step[2], array->step[1], rows,
                     buffer + i * rows * job->item);
}

const char *fa_row_side_in(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer,
                           ptrdiff_t *apart)
{
    const char *x = fa_row_side_to(job, operand, row, rows, buffer, apart);
    if (x == buffer)
        fa_row_side_stage(job, operand, row, rows, buffer);
    return x;
}

void fa_row_side_out(const fa_row_job *job, size_t operand, size_t row, size_t rows, size_t apart, const char *buffer)
{
    char *to = fa_row_at(job, operand, row);
    for (size_t i = 0; i < job->shape->n; i++)
        fa_row_unstage(job, operand, buffer + i * apart * job->item, rows,
                       to + (ptrdiff_t)i * job->operand[operand].step[2], job->operand[operand].step[1]);
}

#define TRANSPOSE(T)                                                                                                   \
    static void transpose_##T(const T *from, ptrdiff_t from_step, T *to, ptrdiff_t to_step, size_t rows, size_t n)     \
    {                                                                                                                  \
        for (ptrdiff_t r = 0; r < (ptrdiff_t)rows; r++)                                                                \
            for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++)                                                               \
                to[i * to_step + r] = from[r * from_step + i];                                                         \
    }
TRANSPOSE(float)
TRANSPOSE(double)
#undef TRANSPOSE

void fa_row_transpose(const fa_row_job *job, const char *from, ptrdiff_t from_step, char *to, ptrdiff_t to_step,
                      size_t rows, size_t n)
{
    if (job->compute == FA_F32)
        transpose_float((const void *)from, from_step, (void *)to, to_step, rows, n);
    else
        transpose_double((const void *)from, from_step, (void *)to, to_step, rows, n);
}

static void run_task(void *context, size_t index)
{
    fa_row_job *job = context;
    size_t rows = job->shape->outer * job->shape->inner, first = index * job->rows_a_task;
    size_t count = rows - first < job->rows_a_task ? rows - first : job->rows_a_task;
    char *buffer = NULL;
    if (job->buffer && !(buffer = malloc(job->buffer))) {
        job->out_of_memory = 1;
        return;
    }
    fa_fp_state state = fa_fp_enter();
    job->work(job, first, count, buffer);
    fa_fp_leave(state);
    free(buffer);
}

int fa_row_run(fa_row_job *job)
{
    size_t rows = job->shape->outer * job->shape->inner, n = job->shape->n;
    job->compute = fa_row_compute(job->shape->dtype);
    job->item = fa_item_size(job->compute);
    job->kernels = fa_kernels_for(job->compute)->rows;
    if (rows == 0)
        return 0;
    if (!fa_row_run_length(job, job->n_operands, 0, rows) &&
        job->buffer < job->n_operands * fa_row_tile_bytes(job->shape))
        job->buffer = job->n_operands * fa_row_tile_bytes(job->shape);
    job->rows_a_task = rows;
    if (rows * n >= THREADED_FROM && !job->in_one) {
        job->rows_a_task = n >= TASK ? 1 : TASK / (n ? n : 1);
        const size_t wide = job->kernels->wide_panel;
        const int is_wide = job->shape->inner >= wide && rows >= wide * (size_t)fa_get_num_threads();
        const size_t panel = is_wide ? wide : job->kernels->panel;
        job->rows_a_task = (job->rows_a_task + panel - 1) / panel * panel; /* panels stay whole */
        if (n >= TASK && job->shape->inner == 1)
            job->rows_a_task = 1;
    }
    size_t tasks = (rows + job->rows_a_task - 1) / job->rows_a_task;
    if (tasks == 1)
        run_task(job, 0);
    else
        fa_parallel_for(tasks, run_task, job);
    return job->out_of_memory ? -1 : 0;
}
