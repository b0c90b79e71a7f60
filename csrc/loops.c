/* From an array as NumPy describes it to the contiguous blocks that kernels take: strided data is staged through small
 * buffers, large contiguous data is cut into pieces for the threads.  No arithmetic on elements. */
#include "fastact.h"
#include "fpstate.h"
#include "pool.h"

#include <stdint.h>
#include <string.h>

enum {
    STAGE = 512,             /* elements of a staging buffer */
    PIECE = 1 << 15,         /* elements of one task; fixed, so that results cannot depend on the threads */
    THREADED_FROM = 1 << 17, /* below this many elements a second thread does not pay */
    MAX_OPERANDS = FA_MAX_IN + FA_MAX_OUT,
};

typedef struct {
    const fa_call *call;
    size_t n;
    char *const *data;
    const ptrdiff_t *step;
} fa_job;

static void gather(char *to, const char *from, ptrdiff_t step, size_t item, size_t n)
{
    if (item == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + 4 * i, from + (ptrdiff_t)i * step, 4);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(to + 8 * i, from + (ptrdiff_t)i * step, 8);
}

static void scatter(char *to, const char *from, ptrdiff_t step, size_t item, size_t n)
{
    if (item == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * step, from + 4 * i, 4);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * step, from + 8 * i, 8);
}

/* What a kernel takes as it stands: x and the results contiguous, other operands contiguous or one value. */
static int is_direct(const fa_call *call, const ptrdiff_t *step)
{
    const ptrdiff_t item = (ptrdiff_t)call->item;
    int direct = step[0] == item;
    for (int i = 1; i < call->n_in; i++)
        direct &= step[i] == item || step[i] == 0;
    for (int i = call->n_in; i < call->n_in + call->n_out; i++)
        direct &= step[i] == item;
    return direct;
}

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
        out[i] = job->data[call->n_in + i] + start * call->item;
    call->kernel(n, in, step, out);
}

/* A block of at most STAGE elements, copied in, computed, copied out: what stands in the same memory as an input is
 * written only after all of the block was read. */
static void run_staged(const fa_job *job, size_t start, size_t n)
{
    const fa_call *call = job->call;
    uint64_t buffer[MAX_OPERANDS][STAGE];
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int i = 0; i < call->n_in; i++) {
        step[i] = i == 0 || job->step[i] != 0;
        in[i] = buffer[i];
        gather((char *)buffer[i], job->data[i] + (ptrdiff_t)start * job->step[i], job->step[i], call->item,
               step[i] ? n : 1);
    }
    for (int i = 0; i < call->n_out; i++)
        out[i] = buffer[call->n_in + i];
    call->kernel(n, in, step, out);
    for (int i = 0; i < call->n_out; i++) {
        ptrdiff_t out_step = job->step[call->n_in + i];
        scatter(job->data[call->n_in + i] + (ptrdiff_t)start * out_step, out[i], out_step, call->item, n);
    }
}

static void piece_task(void *context, size_t index)
{
    const fa_job *job = context;
    size_t start = index * PIECE;
    fa_fp_state saved = fa_fp_enter();
    run_direct(job, start, job->n - start < PIECE ? job->n - start : PIECE);
    fa_fp_leave(saved);
}

void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step)
{
    fa_job job = {call, n, data, step};
    if (n == 0)
        return;
    if (is_direct(call, step)) {
        if (n >= THREADED_FROM && fa_get_num_threads() > 1) {
            fa_parallel_for((n + PIECE - 1) / PIECE, piece_task, &job);
            return;
        }
        fa_fp_state saved = fa_fp_enter();
        run_direct(&job, 0, n);
        fa_fp_leave(saved);
        return;
    }
    fa_fp_state saved = fa_fp_enter();
    size_t block = step[call->n_in] == 0 ? 1 : STAGE; /* a ufunc's reduce feeds each result into the next */
    for (size_t start = 0; start < n; start += block)
        run_staged(&job, start, n - start < block ? n - start : block);
    fa_fp_leave(saved);
}
