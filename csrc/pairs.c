/* Losses of pairs: blocks over the threads, weights that repeat, and the sum in a fixed order.  No arithmetic on elements. */
#include "pairs_api.h"

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
    size_t item, blocks;
    double *sums; /* one for each block */
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

static void run_block(const pair_job *job, size_t block)
{
    _Alignas(64) char weight[FA_PAIR_BLOCK * sizeof(double)], positive[FA_PAIR_BLOCK * sizeof(double)];
    const fa_pair_call *call = job->call;
    const size_t start = block * FA_PAIR_BLOCK, item = job->item, left = call->n - start;
    fa_pair_call one = *call;
    one.n = left < FA_PAIR_BLOCK ? left : FA_PAIR_BLOCK;
    one.x = (const char *)call->x + start * item;
    one.target = (const char *)call->target + start * item;
    one.weight = repeated(call->weight, call->weight_length, start, one.n, item, weight);
    one.positive = repeated(call->positive, call->positive_length, start, one.n, item, positive);
    one.each = call->each ? (char *)call->each + start * item : NULL;
    one.gradient = call->gradient ? (char *)call->gradient + start * item : NULL;
    job->sums[block] = job->kernel(&one);
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
    pair_job job = {.call = call, .item = fa_item_size(call->dtype)};
    job.kernel = fa_kernels_for(call->dtype)->rows->pair[call->which];
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
