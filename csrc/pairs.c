/* Losses of pairs: blocks over the threads, weights that repeat, and the sum in a fixed order.  No arithmetic on elements. */
#include "pairs_api.h"

#include "convert.h"
#include "fpstate.h"
#include "pool.h"
#include "rows_api.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS_A_TASK = 16,
    THREADED_FROM = 64, /* blocks; below, a second thread does not pay */
};

typedef struct {
    const fa_pair_call *call;
    fa_pair_kernel *kernel;
    size_t item, blocks; /* item: of what is computed in */
    double *sums;        /* one for each block */
} pair_job;

/* count elements from start on of an operand that repeats after length: where they stand, or their copy in buffer. */
static const void *repeated(const void *data, size_t length, size_t start, size_t count, size_t item, char *buffer)
{
    if (data == NULL || length == 0)
        return NULL;
    const char *from = data;
    size_t first = start % length;
    if (first + count <= length)
        return from + first * item;
    for (size_t done = 0, at = first; done < count; at = 0) {
        size_t some = count - done < length - at ? count - done : length - at;
        memcpy(buffer + done * item, from + at * item, some * item);
        done += some;
    }
    return buffer;
}

/* n elements of a half type widened into buffer, or where they stand. */
static const void *widened(fa_dtype type, const void *data, size_t start, size_t n, float *buffer)
{
    const char *from = (const char *)data + start * fa_item_size(type);
    if (type == FA_F32 || type == FA_F64)
        return from;
    for (size_t i = 0; i < n; i += FA_STAGE)
        fa_read(type, n - i < FA_STAGE ? n - i : FA_STAGE, from + 2 * i, 2, buffer + i);
    return buffer;
}

static void narrowed(fa_dtype type, const float *buffer, void *data, size_t start, size_t n)
{
    for (size_t i = 0; data && i < n; i += FA_STAGE)
        fa_write(type, n - i < FA_STAGE ? n - i : FA_STAGE, buffer + i, (char *)data + 2 * (start + i), 2);
}

static void run_block(const pair_job *job, size_t block)
{
    _Alignas(64) char weight[FA_PAIR_BLOCK * sizeof(double)], positive[FA_PAIR_BLOCK * sizeof(double)];
    _Alignas(64) float x[FA_PAIR_BLOCK], target[FA_PAIR_BLOCK];
    const fa_pair_call *call = job->call;
    const size_t start = block * FA_PAIR_BLOCK, item = job->item, left = call->n - start;
    const int is_half = call->dtype != FA_F32 && call->dtype != FA_F64;
    fa_pair_call one = *call;
    one.n = left < FA_PAIR_BLOCK ? left : FA_PAIR_BLOCK;
    one.x = widened(call->dtype, call->x, start, one.n, x);
    one.target = widened(call->target_dtype, call->target, start, one.n, target);
    one.weight = repeated(call->weight, call->weight_length, start, one.n, item, weight);
    one.positive = repeated(call->positive, call->positive_length, start, one.n, item, positive);
    if (is_half) { /* results go where the operands were */
        one.each = call->each ? x : NULL;
        one.gradient = call->gradient ? target : NULL;
    } else {
        one.each = call->each ? (char *)call->each + start * item : NULL;
        one.gradient = call->gradient ? (char *)call->gradient + start * item : NULL;
    }
    job->sums[block] = job->kernel(&one);
    if (is_half) {
        narrowed(call->dtype, x, call->each, start, one.n);
        narrowed(call->dtype, target, call->gradient, start, one.n);
    }
}

static void run_task(void *context, size_t index)
{
    const pair_job *job = context;
    size_t end = (index + 1) * BLOCKS_A_TASK;
    fa_fp_state state = fa_fp_enter();
    for (size_t block = index * BLOCKS_A_TASK; block < end && block < job->blocks; block++)
        run_block(job, block);
    fa_fp_leave(state);
}

int fa_pair_losses(const fa_pair_call *call)
{
    const fa_dtype compute = call->dtype == FA_F64 ? FA_F64 : FA_F32;
    pair_job job = {.call = call, .item = fa_item_size(compute)};
    job.kernel = fa_kernels_for(compute)->rows->pair[call->which];
    job.blocks = (call->n + FA_PAIR_BLOCK - 1) / FA_PAIR_BLOCK;
    double few[64];
    job.sums = job.blocks <= 64 ? few : malloc(job.blocks * sizeof *job.sums);
    if (job.sums == NULL)
        return -1;
    size_t tasks = (job.blocks + BLOCKS_A_TASK - 1) / BLOCKS_A_TASK;
    if (job.blocks >= THREADED_FROM)
        fa_parallel_for(tasks, run_task, &job);
    else
        for (size_t task = 0; task < tasks; task++)
            run_task(&job, task);
    fa_fp_state state = fa_fp_enter();
    *call->sum = fa_ordered_sum(job.sums, job.blocks);
    fa_fp_leave(state);
    if (job.sums != few)
        free(job.sums);
    return 0;
}
