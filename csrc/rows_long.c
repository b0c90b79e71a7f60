/* See rows_long.h. */
#include "rows_long.h"

#include "convert.h"
#include "fpstate.h"
#include "pool.h"

enum {
    LONG = 1 << 17, /* elements; below, a second thread does not pay */
    LONG_TASK = 32 * FA_ROW_BLOCK,
};

static size_t part_of(const fa_row_long *row, size_t task, size_t *count)
{
    const size_t n = row->job->shape->n, start = task * LONG_TASK;
    *count = n - start < LONG_TASK ? n - start : LONG_TASK;
    return start;
}

static size_t parts(const fa_row_long *row) { return (row->job->shape->n + LONG_TASK - 1) / LONG_TASK; }

static void read_part(void *context, size_t task)
{
    const fa_row_long *row = context;
    const fa_row_job *job = row->job;
    size_t count, start = part_of(row, task, &count);
    fa_fp_state state = fa_fp_enter();
    if (row->x == row->stage) {
        const ptrdiff_t step = job->operand[0].step[2];
        char *to = row->stage + start * job->item;
        fa_row_stage(job, 0, fa_row_at(job, 0, row->row) + (ptrdiff_t)start * step, step, count, to);
        if (row->negated)
            fa_negate(job->compute, count, to);
    }
    job->kernels->blocks(row->x + start * job->item, count, row->blocks + start / FA_ROW_BLOCK);
    fa_fp_leave(state);
}

static void write_part(void *context, size_t task)
{
    const fa_row_long *row = context;
    const fa_row_job *job = row->job;
    const ptrdiff_t step = job->operand[row->out].step[2];
    size_t count, start = part_of(row, task, &count), offset = start * job->item;
    const int direct = fa_row_is_direct(job, row->out);
    char *at = fa_row_at(job, row->out, row->row) + (ptrdiff_t)start * step, *y = direct ? at : row->stage + offset;
    fa_fp_state state = fa_fp_enter();
    row->write(row, row->x + offset, y, start, count);
    if (!direct)
        fa_row_unstage(job, row->out, y, count, at, step);
    fa_fp_leave(state);
}

int fa_row_is_long(const fa_row_shape *shape)
{
    return shape->n >= LONG && shape->outer * shape->inner < (size_t)fa_get_num_threads();
}

static size_t blocks_size(const fa_row_shape *shape)
{
    return (shape->n + FA_ROW_BLOCK - 1) / FA_ROW_BLOCK * sizeof(fa_row_block);
}

size_t fa_row_long_buffer(const fa_row_shape *shape)
{
    return blocks_size(shape) + shape->n * fa_item_size(fa_row_compute(shape->dtype));
}

void fa_row_long_read(fa_row_long *row, char *buffer)
{
    row->blocks = (fa_row_block *)(void *)buffer;
    row->stage = buffer + blocks_size(row->job->shape);
    row->x = row->negated || !fa_row_is_direct(row->job, 0) ? row->stage : fa_row_at(row->job, 0, row->row);
    fa_parallel_for(parts(row), read_part, row);
}

void fa_row_long_write(fa_row_long *row) { fa_parallel_for(parts(row), write_part, row); }
