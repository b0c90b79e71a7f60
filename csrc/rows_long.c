/* One long row by several threads: tasks of whole blocks, so that the bits are those of one thread. */
#include "rows_long.h"

#include "fpstate.h"
#include "pool.h"

#include <stdlib.h>

enum {
    LONG = 1 << 17, /* elements; below, a second thread does not pay */
    LONG_TASK = 32 * FA_ROW_BLOCK,
};

typedef struct {
    const fa_row_kernels *kernels;
    int which;
    const char *x;
    char *y;
    size_t n, item;
    fa_row_block *blocks;
    fa_row_sum sum;
} long_row;

static size_t part_of(const long_row *row, size_t task, size_t *count)
{
    size_t start = task * LONG_TASK;
    *count = row->n - start < LONG_TASK ? row->n - start : LONG_TASK;
    return start;
}

static void sum_part(void *context, size_t task)
{
    const long_row *row = context;
    size_t count, start = part_of(row, task, &count);
    fa_fp_state state = fa_fp_enter();
    row->kernels->blocks(row->x + start * row->item, count, row->blocks + start / FA_ROW_BLOCK);
    fa_fp_leave(state);
}

static void write_part(void *context, size_t task)
{
    const long_row *row = context;
    size_t count, start = part_of(row, task, &count);
    fa_fp_state state = fa_fp_enter();
    row->kernels->write[row->which](&row->sum, row->x + start * row->item, row->y + start * row->item, count);
    fa_fp_leave(state);
}

int fa_row_is_long(const fa_row_shape *shape, const fa_row_array *array)
{
    return shape->n >= LONG && shape->outer * shape->inner < (size_t)fa_get_num_threads() &&
           fa_row_compute(shape->dtype) == shape->dtype && array->step[2] == (ptrdiff_t)fa_item_size(shape->dtype);
}

fa_row_block *fa_row_long_blocks(fa_dtype dtype, const void *x, size_t n)
{
    const size_t blocks = (n + FA_ROW_BLOCK - 1) / FA_ROW_BLOCK;
    long_row row = {.kernels = fa_kernels_for(dtype)->rows, .x = x, .n = n, .item = fa_item_size(dtype)};
    row.blocks = malloc(blocks * sizeof *row.blocks);
    if (row.blocks != NULL)
        fa_parallel_for((n + LONG_TASK - 1) / LONG_TASK, sum_part, &row);
    return row.blocks;
}

int fa_row_long_map(int which, fa_dtype dtype, const void *x, void *y, size_t n)
{
    long_row row = {.kernels = fa_kernels_for(dtype)->rows, .which = which, .x = x, .y = y, .n = n};
    row.item = fa_item_size(dtype);
    row.blocks = fa_row_long_blocks(dtype, x, n);
    if (row.blocks == NULL)
        return -1;
    fa_fp_state state = fa_fp_enter();
    row.kernels->sum[which](x, n, row.blocks, &row.sum);
    fa_fp_leave(state);
    free(row.blocks);
    fa_parallel_for((n + LONG_TASK - 1) / LONG_TASK, write_part, &row);
    return 0;
}
