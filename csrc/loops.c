/* From operands as NumPy describes them to the contiguous blocks that kernels take: what is strided or of another type is
 * staged through small buffers, results that no cache holds are stored past it, large work is cut into pieces for the threads.
 * No arithmetic on elements. */
#include "convert.h"
#include "fpstate.h"
#include "pool.h"

#include <stdint.h>

enum {
    PIECE = 1 << 15,         /* elements of one task; fixed, so that results cannot depend on the threads */
    THREADED_FROM = 1 << 17, /* below this many elements a second thread does not pay */
    STREAMED_FROM = 1 << 25, /* bytes of a result */
    MAX_OPERANDS = FA_MAX_IN + FA_MAX_OUT,
};

typedef struct {
    const fa_call *call;
    size_t n;
    char *const *data;
    const ptrdiff_t *step;
    size_t block;                /* elements staged at once; 0: the kernel takes all operands as they stand */
    int staged[MAX_OPERANDS];    /* goes through a buffer */
    int streamed[MAX_OPERANDS];  /* results only: from the buffer past the caches */
    int fenced;
} fa_job;

static void run_direct(const fa_job *job, size_t start, size_t n)
{
    const fa_call *call = job->call;
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int i = 0; i < call->n_in; i++) {
        step[i] = job->step[i] != 0;
        in[i] = job->data[i] + start * (size_t)job->step[i];
    }
    for (int i = 0; i < call->n_out; i++)
        out[i] = job->data[call->n_in + i] + start * (size_t)job->step[call->n_in + i];
    call->kernel(n, in, step, out);
}

/* A block copied in, computed, copied out: what stands in the same memory as an input is written only after all of the
 * block was read. */
static void run_staged(const fa_job *job, size_t start, size_t n)
{
    const fa_call *call = job->call;
    _Alignas(64) uint64_t buffer[MAX_OPERANDS][FA_STAGE];
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int i = 0; i < call->n_in; i++) {
        const char *from = job->data[i] + (ptrdiff_t)start * job->step[i];
        step[i] = i == 0 || job->step[i] != 0;
        in[i] = job->staged[i] ? (const void *)buffer[i] : from;
        if (job->staged[i])
            fa_read(call->type[i], step[i] ? n : 1, from, job->step[i], buffer[i]);
    }
    for (int i = 0, k = call->n_in; i < call->n_out; i++, k++)
        out[i] = job->staged[k] ? (void *)buffer[k] : job->data[k] + (ptrdiff_t)start * job->step[k];
    call->kernel(n, in, step, out);
    for (int k = call->n_in; k < call->n_in + call->n_out; k++) {
        char *to = job->data[k] + (ptrdiff_t)start * job->step[k];
        if (job->streamed[k])
            fa_kernels_for(FA_F32)->movers->stream(n * fa_item_size(call->type[k]), buffer[k], to);
        else if (job->staged[k])
            fa_write(call->type[k], n, buffer[k], to, job->step[k]);
    }
}

static void run(const fa_job *job, size_t start, size_t n)
{
    fa_fp_state saved = fa_fp_enter();
    if (job->block == 0)
        run_direct(job, start, n);
    else
        for (size_t i = 0; i < n; i += job->block)
            run_staged(job, start + i, n - i < job->block ? n - i : job->block);
    if (job->fenced)
        fa_kernels_for(FA_F32)->movers->fence();
    fa_fp_leave(saved);
}

static void piece_task(void *context, size_t index)
{
    const fa_job *job = context;
    size_t start = index * PIECE;
    run(job, start, job->n - start < PIECE ? job->n - start : PIECE);
}

/* Whether results go where later elements are read from: a ufunc's reduce and accumulate feed each result into the next. */
static int feeds_itself(const fa_job *job)
{
    const fa_call *call = job->call;
    if (call->n_in != 2 || call->n_out != 1)
        return 0;
    const char *y = job->data[2];
    return job->step[2] == 0 || (job->data[0] == y - job->step[2] && job->step[0] == job->step[2]);
}

static int is_input(const fa_job *job, const char *y)
{
    int found = 0;
    for (int i = 0; i < job->call->n_in; i++)
        found |= job->data[i] == y;
    return found;
}

/* Which operands the kernel does not take as they stand: x and results must be contiguous, other operands contiguous or one
 * value, all of the kernel's dtype. */
static void plan(fa_job *job)
{
    const fa_call *call = job->call;
    const ptrdiff_t item = (ptrdiff_t)fa_item_size(call->dtype);
    for (int k = 0; k < call->n_in + call->n_out; k++) {
        const int result = k >= call->n_in, single = !result && k > 0 && job->step[k] == 0;
        job->staged[k] = call->type[k] != call->dtype || (job->step[k] != item && !single);
        job->streamed[k] = result && !job->staged[k] && job->n * (size_t)item >= STREAMED_FROM &&
                           fa_kernels_for(FA_F32)->movers->stream != NULL && !is_input(job, job->data[k]);
        job->staged[k] |= job->streamed[k];
        job->fenced |= job->streamed[k];
        if (job->staged[k])
            job->block = FA_STAGE;
    }
}

void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step)
{
    fa_job job = {.call = call, .n = n, .data = data, .step = step};
    if (n == 0)
        return;
    plan(&job);
    if (n > 1 && feeds_itself(&job)) {
        job.block = 1;
        run(&job, 0, n);
    } else if (n >= THREADED_FROM && fa_get_num_threads() > 1)
        fa_parallel_for((n + PIECE - 1) / PIECE, piece_task, &job);
    else
        run(&job, 0, n);
}
