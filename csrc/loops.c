/* From operands as NumPy describes them to the contiguous blocks that kernels take: what is strided or of another type is
 * staged through small buffers, results that no cache holds are stored past it, those of many half-precision numbers are looked
 * up, large work is cut into pieces for the threads.  No arithmetic on elements. */
#include "convert.h"
#include "fpstate.h"
#include "half_table.h"
#include "pool.h"
#include "threads.h"
#include "ways.h"

#include <stdint.h>
#include <string.h>

enum {
    PIECE = 1 << 15,             /* elements of one task; fixed, so that results cannot depend on the threads */
    LARGE_FROM = 1 << 17,        /* elements below which neither a second thread pays, nor a table */
    STREAMED_FROM = 1 << 22,     /* bytes that a second cache level and a share of the third do not hold */
    SPREAD = 1 << 3,             /* with the type: what is learned of such numbers is learned apart */
    STAGED_BYTES = FA_STAGE * 4, /* of each operand */
    MAX_OPERANDS = FA_MAX_IN + FA_MAX_OUT,
};

typedef struct {
    const fa_call *call;
    size_t n;
    char *const *data;
    const ptrdiff_t *step;
    size_t block;               /* elements staged at once; 0: the kernel takes all operands as they stand */
    int staged[MAX_OPERANDS];   /* goes through a buffer */
    int how;                    /* for the kernel, where nothing is staged, and for looking up */
    const fa_half_table *table; /* results are looked up here; NULL: the kernel computes them */
    fa_half_loop *half;         /* computes what it can of them in the kernel's stead; NULL: there is none */
} fa_job;

/* Bytes from an operand's first element to the one at start. */
static ptrdiff_t offset(const fa_job *job, int k, size_t start) { return (ptrdiff_t)start * job->step[k]; }

static void run_direct(const fa_job *job, size_t start, size_t n)
{
    const fa_call *call = job->call;
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int i = 0; i < call->n_in; i++) {
        step[i] = job->step[i] != 0;
        in[i] = job->data[i] + offset(job, i, start);
    }
    for (int i = 0; i < call->n_out; i++)
        out[i] = job->data[call->n_in + i] + offset(job, call->n_in + i, start);
    call->kernel(n, in, step, out, job->how);
}

static void look_up(const fa_job *job, size_t start, size_t n)
{
    fa_kernels_for(FA_F32)->movers->translate(n, job->table->result, job->data[0] + offset(job, 0, start),
                                              job->data[job->call->n_in] + offset(job, job->call->n_in, start),
                                              job->how);
}

/* A block copied in, computed, copied out: what stands in the same memory as an input is written only after all of the
 * block was read. */
static void run_staged(const fa_job *job, size_t start, size_t n)
{
    const fa_call *call = job->call;
    _Alignas(64) char buffer[MAX_OPERANDS][STAGED_BYTES];
    const void *in[FA_MAX_IN];
    void *out[FA_MAX_OUT];
    size_t step[FA_MAX_IN];
    for (int i = 0; i < call->n_in; i++) {
        const char *from = job->data[i] + offset(job, i, start);
        step[i] = i == 0 || job->step[i] != 0;
        in[i] = job->staged[i] ? (const void *)buffer[i] : from;
        if (job->staged[i])
            fa_read(call->type[i], step[i] ? n : 1, from, job->step[i], buffer[i]);
    }
    for (int i = 0, k = call->n_in; i < call->n_out; i++, k++)
        out[i] = job->staged[k] ? (void *)buffer[k] : job->data[k] + offset(job, k, start);
    call->kernel(n, in, step, out, 0);
    for (int k = call->n_in; k < call->n_in + call->n_out; k++) {
        char *to = job->data[k] + offset(job, k, start);
        if (job->staged[k])
            fa_write(call->type[k], n, buffer[k], to, job->step[k]);
    }
}

/* Returns how many elements are left. */
static size_t run_half(const fa_job *job, size_t start, size_t n)
{
    const void *in[FA_MAX_IN];
    for (int i = 0; i < job->call->n_in; i++)
        in[i] = job->data[i] + offset(job, i, start);
    const int out = job->call->n_in;
    return n - job->half(n, in, (uint16_t *)(void *)(job->data[out] + offset(job, out, start)));
}

static void run(const fa_job *job, size_t start, size_t n)
{
    const size_t stop = start + n;
    fa_fp_state saved = fa_fp_enter();
    if (job->table)
        look_up(job, start, n);
    else if (job->block == 0)
        run_direct(job, start, n);
    else
        for (size_t i = job->half ? stop - run_half(job, start, n) : start; i < stop; i += job->block)
            run_staged(job, i, stop - i < job->block ? stop - i : job->block);
    fa_fp_leave(saved);
}

static void piece_task(void *context, size_t index)
{
    const fa_job *job = context;
    size_t start = index * PIECE;
    run(job, start, job->n - start < PIECE ? job->n - start : PIECE);
}

/* The bytes that operand k's elements lie in, as [low, high). */
static void extent(const fa_job *job, int k, const char **low, const char **high)
{
    const ptrdiff_t last = (ptrdiff_t)(job->n - 1) * job->step[k];
    *low = job->data[k] + (last < 0 ? last : 0);
    *high = job->data[k] + (last > 0 ? last : 0) + fa_item_size(job->call->type[k]);
}

enum { APART, AHEAD, TANGLED };

/* How an input and a result share memory: not, or element by element; the input so far ahead that a result never falls on what
 * is still to be read, which is how NumPy hands over shifted views; or in another way, as when a ufunc's reduce and accumulate
 * feed each result into the next. */
static int shared(const fa_job *job, int in, int out)
{
    const char *in_low, *in_high, *out_low, *out_high;
    if (job->data[in] == job->data[out] && job->step[in] == job->step[out] && job->step[out] != 0 &&
        job->call->type[in] == job->call->type[out])
        return APART;
    extent(job, in, &in_low, &in_high);
    extent(job, out, &out_low, &out_high);
    if (in_high <= out_low || out_high <= in_low)
        return APART;
    const int forward = job->step[in] == job->step[out] && job->step[out] != 0;
    const ptrdiff_t ahead = job->data[in] - job->data[out];
    return forward && (job->step[in] > 0 ? ahead > 0 : ahead < 0) ? AHEAD : TANGLED;
}

static int worst_shared(const fa_job *job)
{
    const fa_call *call = job->call;
    int worst = APART;
    for (int in = 0; in < call->n_in; in++)
        for (int out = call->n_in; out < call->n_in + call->n_out; out++) {
            const int found = shared(job, in, out);
            worst = found > worst ? found : worst;
        }
    return worst;
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
    for (int k = 0; k < call->n_in + call->n_out; k++) {
        const ptrdiff_t item = (ptrdiff_t)fa_item_size(call->type[k]);
        const int single = k > 0 && k < call->n_in && job->step[k] == 0;
        job->staged[k] = call->type[k] != call->dtype || !(job->step[k] == item || single);
        if (job->staged[k])
            job->block = STAGED_BYTES / fa_item_size(call->dtype);
    }
}

/* Whether arrays and the one result are contiguous numbers of one half type, and all parameters single. */
static int is_half(const fa_job *job)
{
    const fa_call *call = job->call;
    const fa_dtype type = call->type[0];
    for (int k = 0; k < call->n_in + call->n_out; k++) {
        const int parameter = k >= call->n_array && k < call->n_in;
        if (call->type[k] != (parameter ? FA_F32 : type) || job->step[k] != (parameter ? 0 : 2))
            return 0;
    }
    return (type == FA_F16 || type == FA_BF16) && call->n_out == 1;
}

/* By the loop for half types, where the call has one and all operands are aligned. */
static fa_half_loop *half_of(const fa_job *job)
{
    uintptr_t places = 0;
    for (int k = 0; k < job->call->n_in + job->call->n_out; k++)
        places |= (uintptr_t)job->data[k];
    return job->call->half && places % 2 == 0 && is_half(job) ? job->call->half : NULL;
}

static void run_all(const fa_job *job, int threaded)
{
    if (threaded)
        fa_parallel_for((job->n + PIECE - 1) / PIECE, piece_task, (void *)job);
    else
        run(job, 0, job->n);
}

/* In how many ways the call may run: by the kernel, by a table, and the latter, or a kernel that nothing is staged for, past the
 * caches. */
static int count_ways(const fa_job *job, int tabled, size_t bytes)
{
    const int past = bytes >= STREAMED_FROM && !is_input(job, job->data[job->call->n_in]);
    if (job->block && !tabled)
        return 1;
    return 1 + tabled + past;
}

static const fa_half_table *take_table(const fa_job *job)
{
    const fa_call *call = job->call;
    fa_half_function function = {.kernel = call->kernel, .type = call->type[0], .n_parameter = call->n_in - 1};
    for (int k = 1; k < call->n_in; k++)
        memcpy(&function.parameter[k - 1], job->data[k], sizeof(float));
    return fa_half_table_take(&function);
}

/* By whichever way has been the fastest. */
static void run_fastest(fa_job *job, int threaded)
{
    const fa_dtype type = job->call->type[job->call->n_in];
    const size_t bytes = job->n * fa_item_size(type);
    const int tabled = job->call->n_array == 1 && is_half(job);
    fa_work work = {.kernel = (const void *)(uintptr_t)job->call->kernel,
                    .kind = type,
                    .bytes = bytes,
                    .threaded = threaded,
                    .ways = count_ways(job, tabled, bytes)};
    if (work.ways == 1) {
        run_all(job, threaded);
        return;
    }
    if (tabled && fa_half_numbers_spread(job->n, job->data[0]))
        work.kind |= SPREAD;
    const uint64_t start = fa_nanoseconds();
    const int way = fa_way_of(&work);
    job->table = tabled && way ? take_table(job) : NULL;
    job->how = way > tabled ? FA_STREAMED : 0;
    run_all(job, threaded);
    if (job->table)
        fa_half_table_give_back(job->table);
    fa_way_took(&work, way, fa_nanoseconds() - start);
}

void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step)
{
    fa_job job = {.call = call, .n = n, .data = data, .step = step};
    if (n == 0)
        return;
    const int sharing = worst_shared(&job);
    plan(&job);
    if (sharing != APART) {
        job.block = sharing == AHEAD ? STAGED_BYTES / fa_item_size(call->dtype) : 1;
        for (int k = 0; k < call->n_in + call->n_out; k++)
            job.staged[k] = 1;
        run(&job, 0, n);
        return;
    }
    job.half = half_of(&job);
    if (n < LARGE_FROM)
        run(&job, 0, n);
    else
        run_fastest(&job, fa_get_num_threads() > 1);
}

void fa_narrow_parameters(int n, const double *wide, float *narrow)
{
    fa_fp_state saved = fa_fp_enter();
    for (int i = 0; i < n; i++) {
        volatile float value = (float)wide[i]; /* between the two changes of mode, where the compiler might move it */
        narrow[i] = value;
    }
    fa_fp_leave(saved);
}
