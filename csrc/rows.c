/* From rows in any layout to the contiguous rows and panels that kernels take, over the threads, and the reduction of
 * losses.  No arithmetic on elements. */
#include "rows_api.h"

#include "fpstate.h"
#include "pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADED_FROM = 1 << 16, /* elements; below, a second thread does not pay */
    TASK = 1 << 14,          /* elements, about, of one task */
    SHORT = 16,              /* contiguous rows up to this length go through panels, transposed */
};

/* One call: what a task does with rows [first, first + count), staged through buffer, n elements for each operand. */
typedef struct fa_row_job {
    const fa_row_shape *shape;
    const fa_row_kernels *kernels;
    size_t item, n_operands;
    fa_row_array operand[3];
    int which;
    void (*work)(const struct fa_row_job *job, size_t first, size_t count, char *buffer);
    size_t buffer, rows_a_task;
    const fa_row_loss_call *loss;
    double *losses;
    int out_of_memory;
} fa_row_job;

static char *row_at(const fa_row_job *job, const fa_row_array *array, size_t row)
{
    size_t i = row / job->shape->inner, j = row % job->shape->inner;
    return array->data + (ptrdiff_t)i * array->step[0] + (ptrdiff_t)j * array->step[1];
}

static void copy_strided(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, size_t n, size_t item)
{
    if (item == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * to_step, from + (ptrdiff_t)i * from_step, 4);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * to_step, from + (ptrdiff_t)i * from_step, 8);
}

static int is_contiguous(const fa_row_job *job, const fa_row_array *array)
{
    return array->step[2] == (ptrdiff_t)job->item || job->shape->n == 1;
}

/* A row for reading: itself, or its copy in the buffer. */
static const char *row_in(const fa_row_job *job, size_t operand, size_t row, char *buffer)
{
    const fa_row_array *array = &job->operand[operand];
    const char *from = row_at(job, array, row);
    if (is_contiguous(job, array))
        return from;
    char *to = buffer + operand * job->shape->n * job->item;
    copy_strided(to, (ptrdiff_t)job->item, from, array->step[2], job->shape->n, job->item);
    return to;
}

/* Where a row's result is written, and after that brought where it belongs. */
static char *row_out(const fa_row_job *job, size_t operand, size_t row, char *buffer)
{
    const fa_row_array *array = &job->operand[operand];
    return is_contiguous(job, array) ? row_at(job, array, row) : buffer + operand * job->shape->n * job->item;
}

static void row_deliver(const fa_row_job *job, size_t operand, size_t row, const char *result)
{
    const fa_row_array *array = &job->operand[operand];
    if (!is_contiguous(job, array))
        copy_strided(row_at(job, array, row), array->step[2], result, (ptrdiff_t)job->item, job->shape->n, job->item);
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

static int run(fa_row_job *job)
{
    size_t rows = job->shape->outer * job->shape->inner, n = job->shape->n;
    job->item = fa_item_size(job->shape->dtype);
    job->kernels = fa_kernels_for(job->shape->dtype)->rows;
    if (rows == 0)
        return 0;
    for (size_t i = 0; i < job->n_operands; i++)
        if (!is_contiguous(job, &job->operand[i]))
            job->buffer = job->n_operands * n * job->item;
    job->rows_a_task = rows;
    if (rows * n >= THREADED_FROM) {
        job->rows_a_task = n >= TASK ? 1 : TASK / (n ? n : 1);
        size_t panel = job->kernels->panel;
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

static void map_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t row = first; row < first + count; row++) {
        const char *x = row_in(job, 0, row, buffer);
        char *y = row_out(job, 1, row, buffer);
        job->kernels->map[job->which](x, y, job->shape->n);
        row_deliver(job, 1, row, y);
    }
}

/* Turns the signs of a row while it is copied. */
static void copy_negated(char *to, const char *from, ptrdiff_t from_step, size_t n, size_t item)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(to + i * item, from + (ptrdiff_t)i * from_step, item);
        if (item == 4)
            ((float *)(void *)to)[i] = -((float *)(void *)to)[i];
        else
            ((double *)(void *)to)[i] = -((double *)(void *)to)[i];
    }
}

static void softmin_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t row = first; row < first + count; row++) {
        char *y = row_out(job, 1, row, buffer);
        copy_negated(y, row_at(job, &job->operand[0], row), job->operand[0].step[2], job->shape->n, job->item);
        job->kernels->map[FA_SOFTMAX](y, y, job->shape->n);
        row_deliver(job, 1, row, y);
    }
}

/* Rows that are neighbours in memory, up to a panel at a time. */
static void map_panels(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const ptrdiff_t item = (ptrdiff_t)job->item;
    const fa_row_array *x = &job->operand[0], *y = &job->operand[1];
    for (size_t row = first, end = first + count; row < end;) {
        size_t rows = job->shape->inner - row % job->shape->inner;
        rows = rows < end - row ? rows : end - row;
        rows = rows < job->kernels->panel ? rows : job->kernels->panel;
        size_t done = job->kernels->map_columns[job->which](row_at(job, x, row), x->step[2] / item, row_at(job, y, row),
                                                            y->step[2] / item, job->shape->n, rows);
        if (done < rows)
            map_rows(job, row + done, rows - done, buffer);
        row += rows;
    }
}

int fa_row_map(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y)
{
    fa_row_job job = {.shape = shape, .which = which, .n_operands = 2, .operand = {x, y}, .work = map_rows};
    ptrdiff_t item = (ptrdiff_t)fa_item_size(shape->dtype);
    if (shape->n == 0)
        return 0;
    if (which == FA_SOFTMIN)
        job.work = softmin_rows;
    else if (shape->inner > 1 && x.step[1] == item && y.step[1] == item && x.step[2] % item == 0 &&
             y.step[2] % item == 0)
        job.work = map_panels;
    return run(&job);
}

static void store_real(const fa_row_job *job, void *to, double value)
{
    if (job->shape->dtype == FA_F32)
        *(float *)to = (float)value;
    else
        *(double *)to = value;
}

static double load_real(const fa_row_job *job, const void *from)
{
    return job->shape->dtype == FA_F32 ? *(const float *)from : *(const double *)from;
}

/* A float32 row whose result cancels, done again in float64. */
static double logsumexp_widened(const float *x, size_t n, double fallback)
{
    double *wide = malloc(n * sizeof *wide), head, tail;
    if (!wide)
        return fallback;
    for (size_t i = 0; i < n; i++)
        wide[i] = x[i];
    fa_kernels_for(FA_F64)->rows->logsumexp(wide, n, &head, &tail);
    free(wide);
    return head + tail;
}

static void logsumexp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t row = first; row < first + count; row++) {
        const char *x = row_in(job, 0, row, buffer);
        double head, tail;
        job->kernels->logsumexp(x, job->shape->n, &head, &tail);
        double value = head + (isfinite(head) ? tail : 0);
        if (job->shape->dtype == FA_F32 && fabs(value) < 0.5)
            value = logsumexp_widened((const float *)x, job->shape->n, value);
        store_real(job, row_at(job, &job->operand[1], row), value);
    }
}

int fa_row_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array y)
{
    y.step[2] = (ptrdiff_t)fa_item_size(shape->dtype);
    fa_row_job job = {.shape = shape, .n_operands = 2, .operand = {x, y}, .work = logsumexp_rows};
    return run(&job);
}

static void vjp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t row = first; row < first + count; row++) {
        const char *y = row_in(job, 0, row, buffer), *g = row_in(job, 1, row, buffer);
        char *dx = row_out(job, 2, row, buffer);
        job->kernels->vjp[job->which](y, g, dx, job->shape->n);
        row_deliver(job, 2, row, dx);
    }
}

int fa_row_vjp(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx)
{
    fa_row_job job = {.shape = shape, .which = which, .n_operands = 3, .operand = {y, g, dx}, .work = vjp_rows};
    return shape->n ? run(&job) : 0;
}

static void vjp_logsumexp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t row = first; row < first + count; row++) {
        const char *x = row_in(job, 0, row, buffer);
        char *dx = row_out(job, 2, row, buffer);
        job->kernels->vjp_logsumexp(x, load_real(job, row_at(job, &job->operand[1], row)), dx, job->shape->n);
        row_deliver(job, 2, row, dx);
    }
}

int fa_row_vjp_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx)
{
    g.step[2] = (ptrdiff_t)fa_item_size(shape->dtype);
    fa_row_job job = {.shape = shape, .n_operands = 3, .operand = {x, g, dx}, .work = vjp_logsumexp_rows};
    return shape->n ? run(&job) : 0;
}

static void loss_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const fa_row_loss_call *call = job->loss;
    int wants_gradient = job->operand[2].data != NULL;
    for (size_t row = first; row < first + count; row++) {
        char *gradient = wants_gradient ? row_out(job, 2, row, buffer) : NULL;
        if (call->index && call->index[row] == call->ignore_index) {
            job->losses[row] = 0;
            if (gradient)
                memset(gradient, 0, job->shape->n * job->item);
        } else {
            const char *x = row_in(job, 0, row, buffer);
            const char *target = call->index ? NULL : row_in(job, 1, row, buffer);
            int64_t index = call->index ? call->index[row] : 0;
            if (job->shape->n == 0)
                job->losses[row] = 0;
            else
                job->losses[row] =
                    job->kernels->loss[job->which](&call->loss, x, job->shape->n, index, target, gradient);
        }
        if (gradient)
            row_deliver(job, 2, row, gradient);
    }
}

double fa_ordered_sum(const double *value, size_t count)
{
    double sum = 0, lost = 0;
    for (size_t i = 0; i < count; i++) {
        double s = sum + value[i], t = s - sum;
        lost += (sum - (s - t)) + (value[i] - t);
        sum = s;
    }
    return isfinite(sum) ? sum + lost : sum;
}

int fa_row_losses(int which, const fa_row_shape *shape, fa_row_array x, const fa_row_loss_call *call)
{
    size_t rows = shape->outer * shape->inner;
    double few[64], *losses = rows <= 64 ? few : malloc(rows * sizeof *losses);
    if (!losses)
        return -1;
    const fa_row_array idle = {NULL, {0, 0, (ptrdiff_t)fa_item_size(shape->dtype)}};
    fa_row_job job = {
        .shape = shape, .which = which, .n_operands = 3, .work = loss_rows, .loss = call, .losses = losses};
    job.operand[0] = x;
    job.operand[1] = call->index ? idle : call->target;
    job.operand[2] = call->gradient.data ? call->gradient : idle;
    int status = run(&job);
    if (status == 0) {
        fa_fp_state state = fa_fp_enter();
        *call->sum = fa_ordered_sum(losses, rows);
        for (size_t i = 0; call->each && i < rows; i++)
            store_real(&job, (char *)call->each + i * job.item, losses[i]);
        fa_fp_leave(state);
    }
    if (losses != few)
        free(losses);
    return status;
}

ptrdiff_t fa_row_bad_index(const int64_t *index, size_t count, size_t n, int64_t ignore_index)
{
    for (size_t i = 0; i < count; i++)
        if ((index[i] < 0 || (uint64_t)index[i] >= n) && index[i] != ignore_index)
            return (ptrdiff_t)i;
    return -1;
}

double fa_row_weight_of(fa_dtype dtype, const int64_t *index, size_t count, int64_t ignore_index, const void *weight)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (index[i] != ignore_index)
            sum += !weight           ? 1
                   : dtype == FA_F32 ? ((const float *)weight)[index[i]]
                                     : ((const double *)weight)[index[i]];
    return sum;
}

const fa_row_entries fa_row_entry_points = {
    fa_row_map,    fa_row_logsumexp, fa_row_vjp,       fa_row_vjp_logsumexp,
    fa_row_losses, fa_row_bad_index, fa_row_weight_of, fa_pair_losses,
};
