/* The losses over rows, in the order of the rows whatever the threads do, and the table of all entries.  No arithmetic on
 * elements. */
#include "fpstate.h"
#include "rows_long.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void loss_row(const fa_row_job *job, size_t row, char *buffer)
{
    const fa_row_loss_call *call = job->loss;
    char *gradient = job->operand[2].data ? fa_row_out(job, 2, row, buffer) : NULL;
    if (job->shape->n == 0 || (call->index && call->index[row] == call->ignore_index)) {
        job->losses[row] = 0;
        if (gradient)
            memset(gradient, 0, job->shape->n * job->item);
    } else {
        const char *x = fa_row_in(job, 0, row, buffer);
        const char *target = call->index ? NULL : fa_row_in(job, 1, row, buffer);
        int64_t index = call->index ? call->index[row] : 0;
        job->losses[row] = job->kernels->loss[job->which](&call->loss, x, job->shape->n, index, target, gradient);
    }
    if (gradient)
        fa_row_deliver(job, 2, row, gradient);
}

/* Logits side by side with an index each: short rows as they stand, up to one out of reach; else they are brought together, and their
 * gradients back.  Returns how many. */
static size_t losses_side_by_side(const fa_row_job *job, size_t row, size_t rows, char *buffer)
{
    const fa_row_loss_call *call = job->loss;
    const size_t n = job->shape->n;
    char *together = buffer + rows * n * job->item, *to = NULL;
    ptrdiff_t x_apart, apart = 0;
    const char *x = fa_row_side_in(job, 0, row, rows, buffer, &x_apart);
    if (job->operand[2].data)
        to = fa_row_side_to(job, 2, row, rows, buffer, &apart);
    fa_row_classes c = {.x = x,
                        .x_step = 1,
                        .n = n,
                        .rows = rows,
                        .index = call->index + row,
                        .ignore_index = call->ignore_index,
                        .losses = job->losses + row,
                        .gradient = to,
                        .gradient_step = 1};
    const size_t done = job->kernels->cross_entropy_columns(&call->loss, &c, x_apart, apart);
    if (!done) {
        fa_row_transpose(job, x, x_apart, together, (ptrdiff_t)n, n, rows);
        c.x = together;
        c.gradient = to ? together : NULL;
        c.x_step = c.gradient_step = (ptrdiff_t)n;
        job->kernels->cross_entropies(&call->loss, &c);
        if (to)
            fa_row_transpose(job, together, (ptrdiff_t)n, to, apart, rows, n);
    }
    const size_t through = done ? done : rows;
    if (to == buffer)
        fa_row_side_out(job, 2, row, through, rows, buffer);
    return through;
}

/* Rows of logits with an index each, as they stand or staged; returns how many. */
static size_t class_losses(const fa_row_job *job, size_t row, size_t end, char *buffer)
{
    const fa_row_loss_call *call = job->loss;
    const size_t n = job->shape->n, tile = fa_row_tile_bytes(job->shape), run = fa_row_run_length(job, 3, row, end);
    const size_t rows = run ? run : fa_row_tile_run(job, row, end);
    const int has_gradient = job->operand[2].data != NULL;
    char *gradient = !has_gradient ? NULL : run ? fa_row_at(job, 2, row) : buffer + tile;
    if (!run)
        fa_row_tile_in(job, 0, row, rows, buffer);
    job->kernels->cross_entropies(&call->loss, &(fa_row_classes){
                                                   .x = run ? fa_row_at(job, 0, row) : buffer,
                                                   .x_step = run ? fa_row_step(job, 0) : (ptrdiff_t)n,
                                                   .n = n,
                                                   .rows = rows,
                                                   .index = call->index + row,
                                                   .ignore_index = call->ignore_index,
                                                   .losses = job->losses + row,
                                                   .gradient = gradient,
                                                   .gradient_step = run ? fa_row_step(job, 2) : (ptrdiff_t)n,
                                               });
    if (has_gradient && !run)
        fa_row_tile_out(job, 2, row, rows, gradient);
    return rows;
}

/* Losses of log-probabilities with an index each, without a gradient: one element of a row is all they need. */
static void nll_losses(const fa_row_job *job, size_t first, size_t count)
{
    const fa_row_loss_call *call = job->loss;
    const ptrdiff_t step = job->operand[0].step[2];
    for (size_t row = first; row < first + count; row++) {
        const int64_t index = call->index[row];
        double weight = 1;
        job->losses[row] = 0;
        if (index == call->ignore_index)
            continue;
        if (call->loss.weight)
            weight = fa_row_load(job->compute, (const char *)call->loss.weight + (size_t)index * job->item);
        const char *at = fa_row_at(job, 0, row) + (ptrdiff_t)index * step;
        const int is_plain = job->type[0] == FA_F32;
        job->losses[row] = -weight * (is_plain ? *(const float *)(const void *)at : fa_row_load(job->type[0], at));
    }
}

static void loss_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const int is_cross_entropy = job->which == FA_CROSS_ENTROPY && job->shape->n != 0;
    const size_t other = job->operand[2].data ? 2 : 0, end = first + count;
    if (job->which == FA_NLL && !job->operand[2].data && job->shape->n != 0) {
        nll_losses(job, first, count);
        return;
    }
    for (size_t row = first, rows; row < end; row += rows) {
        rows = is_cross_entropy ? fa_row_side_by_side(job, 0, other, row, end) : 0;
        if (rows > 1) {
            rows = losses_side_by_side(job, row, rows, buffer);
        } else if (is_cross_entropy) {
            rows = class_losses(job, row, end, buffer);
        } else {
            loss_row(job, row, buffer);
            rows = 1;
        }
    }
}

static void write_long_gradient(const fa_row_long *row, const char *x, char *y, size_t start, size_t n)
{
    row->job->kernels->class_gradient(&row->job->loss->loss, row->slope, &row->sum, x, y, start, n);
}

/* Few long rows of logits with an index each: the blocks of each and its gradient by all threads, the rest by one. */
static void loss_long_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const fa_row_loss_call *call = job->loss;
    const int wants_gradient = job->operand[2].data != NULL;
    for (size_t r = first; r < first + count; r++) {
        fa_row_slope slope;
        fa_row_long row = {.job = job, .row = r, .out = 2, .write = write_long_gradient, .slope = &slope};
        if (call->index[r] == call->ignore_index) {
            loss_row(job, r, buffer);
            continue;
        }
        fa_row_long_read(&row, buffer);
        job->losses[r] = job->kernels->class_loss(&call->loss, row.x, job->shape->n, call->index[r], row.blocks,
                                                  &row.sum, wants_gradient ? &slope : NULL);
        if (wants_gradient)
            fa_row_long_write(&row);
    }
}

/* A sum and what its additions lost. */
typedef struct {
    double sum, lost;
} ordered;

static inline void ordered_add(ordered *o, double value)
{
    double s = o->sum + value, t = s - o->sum;
    o->lost += (o->sum - (s - t)) + (value - t);
    o->sum = s;
}

static inline double ordered_total(ordered o) { return isfinite(o.sum) ? o.sum + o.lost : o.sum; }

double fa_ordered_sum(const double *value, size_t count)
{
    ordered sum = {0, 0};
    for (size_t i = 0; i < count; i++)
        ordered_add(&sum, value[i]);
    return ordered_total(sum);
}

enum {
    FEW = 64,       /* rows */
    SMALL = 1 << 12 /* elements */
};

/* Whether these are few plain rows of logits with an index each: nothing to share, and nothing to stage. */
static int is_small(int which, const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call)
{
    const ptrdiff_t item = shape->dtype == FA_F32 ? 4 : 8, rest = item - 1;
    return which == FA_CROSS_ENTROPY && shape->inner == 1 && shape->outer <= FEW && shape->n - 1 < SMALL / FEW &&
           (shape->dtype == FA_F32 || shape->dtype == FA_F64) && x->step[2] == item && !(x->step[0] & rest) &&
           (!call->gradient.data || (call->gradient.step[2] == item && !(call->gradient.step[0] & rest)));
}

/* In the default floating-point environment. */
static void deliver_losses(const fa_row_shape *shape, const fa_row_loss_call *call, const double *losses, size_t rows)
{
    const size_t item = fa_item_size(shape->dtype);
    const double sum = *call->sum = fa_ordered_sum(losses, rows);
    for (size_t i = 0; call->each && i < rows; i++)
        fa_row_store(shape->dtype, (char *)call->each + i * item, losses[i]);
    if (call->mean)
        fa_row_store_quotient(shape->dtype, call->mean, sum, call->count);
}

static void small_losses(const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call)
{
    const int shift = shape->dtype == FA_F32 ? 2 : 3;
    double losses[FEW];
    const fa_row_classes classes = {
        .x = x->data,
        .x_step = x->step[0] >> shift,
        .n = shape->n,
        .rows = shape->outer,
        .index = call->index,
        .ignore_index = call->ignore_index,
        .losses = losses,
        .gradient = call->gradient.data,
        .gradient_step = call->gradient.data ? call->gradient.step[0] >> shift : 0,
    };
    fa_fp_state state = fa_fp_enter();
    fa_kernels_for(shape->dtype)->rows->cross_entropies(&call->loss, &classes);
    deliver_losses(shape, call, losses, shape->outer);
    fa_fp_leave(state);
}

int fa_row_losses(int which, const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call)
{
    if (is_small(which, shape, x, call)) {
        small_losses(shape, x, call);
        return 0;
    }
    size_t rows = shape->outer * shape->inner;
    double few[FEW], *losses = rows <= FEW ? few : malloc(rows * sizeof *losses);
    if (!losses)
        return -1;
    const fa_dtype compute = fa_row_compute(shape->dtype);
    const fa_row_array idle = {NULL, {0, 0, (ptrdiff_t)fa_item_size(compute)}};
    fa_row_job job = fa_row_job_of(shape, 3, (const fa_row_array[]){*x, call->index ? idle : call->target, idle});
    job.type[1] = call->index ? compute : call->target_dtype;
    job.type[2] = compute;
    if (call->gradient.data) {
        job.operand[2] = call->gradient;
        job.type[2] = shape->dtype;
    }
    job.which = which;
    job.work = loss_rows;
    job.loss = call;
    job.losses = losses;
    job.buffer = which == FA_CROSS_ENTROPY ? fa_row_side_bytes(shape, x) : 0;
    job.in_one = which == FA_CROSS_ENTROPY && fa_row_is_long(shape);
    if (job.in_one) {
        job.work = loss_long_rows;
        job.buffer = fa_row_long_buffer(shape);
    }
    int status = fa_row_run(&job);
    if (status == 0) {
        fa_fp_state state = fa_fp_enter();
        deliver_losses(shape, call, losses, rows);
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
    ordered sum = {0, 0};
    size_t rows = 0;
    for (size_t i = 0; !weight && i < count; i++)
        rows += index[i] != ignore_index;
    if (!weight)
        return (double)rows;
    fa_fp_state state = fa_fp_enter();
    for (size_t i = 0; i < count; i++)
        if (index[i] != ignore_index)
            ordered_add(&sum, dtype == FA_F32 ? ((const float *)weight)[index[i]] : ((const double *)weight)[index[i]]);
    const double total = ordered_total(sum);
    fa_fp_leave(state);
    return total;
}

void fa_row_deliver_loss(fa_dtype type, void *to, double total, double count)
{
    fa_fp_state state = fa_fp_enter();
    fa_row_store_quotient(type, to, total, count);
    fa_fp_leave(state);
}

const fa_row_entries fa_row_entry_points = {
    fa_row_map,       fa_row_logsumexp, fa_row_vjp,     fa_row_vjp_logsumexp, fa_row_losses,
    fa_row_bad_index, fa_row_weight_of, fa_pair_losses, fa_row_deliver_loss,
};
