/* softmax, log_softmax, softmin and logsumexp over rows in any layout: what the tasks of rows_job.c do.  No arithmetic on
 * elements. */
#include "convert.h"
#include "rows_job.h"
#include "rows_long.h"

#include <math.h>
#include <stdlib.h>

enum {
    TILE = 1 << 23,   /* bytes, at most, of half columns that are widened at a time */
    SECOND = 1 << 17, /* bytes of them that the second level holds beside their arrays */
    AT_ONCE = 256,    /* rows whose results are held */
    FEW = 512,        /* elements that are widened at a time */
};

/* softmin is the softmax of -x: its rows are staged and negated. */
static int negates(const fa_row_job *job) { return job->which == FA_SOFTMIN; }
static int kernel_of(const fa_row_job *job) { return job->which == FA_LOG_SOFTMAX ? FA_LOG_SOFTMAX : FA_SOFTMAX; }

static void map_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const size_t n = job->shape->n, end = first + count;
    for (size_t row = first, rows; row < end; row += rows) {
        rows = negates(job) ? 0 : fa_row_run_length(job, 2, row, end);
        if (rows) {
            job->kernels->map[kernel_of(job)](fa_row_at(job, 0, row), fa_row_step(job, 0), fa_row_at(job, 1, row),
                                              fa_row_step(job, 1), n, rows);
            continue;
        }
        rows = fa_row_tile_run(job, row, end);
        fa_row_tile_in(job, 0, row, rows, buffer);
        if (negates(job))
            fa_negate(job->compute, rows * n, buffer);
        job->kernels->map[kernel_of(job)](buffer, (ptrdiff_t)n, buffer, (ptrdiff_t)n, n, rows);
        fa_row_tile_out(job, 1, row, rows, buffer);
    }
}

/* How many of the rows from row on, before end, are neighbours in memory and make a panel. */
static size_t panel_rows(const fa_row_job *job, size_t row, size_t end, size_t most)
{
    size_t rows = job->shape->inner - row % job->shape->inner;
    rows = rows < end - row ? rows : end - row;
    return rows < most ? rows : most;
}

static void map_panels(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const ptrdiff_t item = (ptrdiff_t)job->item;
    for (size_t row = first, rows; row < first + count; row += rows) {
        rows = panel_rows(job, row, first + count, job->kernels->wide_panel);
        size_t done = job->kernels->map_columns[job->which](fa_row_at(job, 0, row), job->operand[0].step[2] / item,
                                                            fa_row_at(job, 1, row), job->operand[1].step[2] / item,
                                                            job->shape->n, rows);
        if (done < rows)
            map_rows(job, row + done, rows - done, buffer);
    }
}

/* How many rows make a panel that is staged: many, if the second level holds it. */
static size_t staged_panel(const fa_row_shape *shape)
{
    const fa_row_kernels *kernels = fa_kernels_for(fa_row_compute(shape->dtype))->rows;
    const size_t one = shape->n * kernels->panel * sizeof(float), most = kernels->wide_panel / kernels->panel;
    const size_t count = SECOND / one;
    return kernels->panel * (count < 1 ? 1 : count < most ? count : most);
}

/* The same of half types and of softmin: a panel is staged in the buffer. */
static void map_staged_panels(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const size_t n = job->shape->n, most = staged_panel(job->shape);
    for (size_t row = first, rows; row < first + count; row += rows) {
        rows = panel_rows(job, row, first + count, most);
        fa_row_side_stage(job, 0, row, rows, buffer);
        if (negates(job))
            fa_negate(job->compute, rows * n, buffer);
        const size_t done =
            job->kernels->map_columns[kernel_of(job)](buffer, (ptrdiff_t)rows, buffer, (ptrdiff_t)rows, n, rows);
        if (done)
            fa_row_side_out(job, 1, row, done, rows, buffer);
        if (done < rows)
            map_rows(job, row + done, rows - done, buffer);
    }
}

static void write_long_map(const fa_row_long *row, const char *x, char *y, size_t start, size_t n)
{
    (void)start;
    row->job->kernels->write[row->job->which == FA_LOG_SOFTMAX](&row->sum, x, y, n);
}

static void map_long_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t r = first; r < first + count; r++) {
        fa_row_long row = {
            .job = job, .row = r, .negated = job->which == FA_SOFTMIN, .out = 1, .write = write_long_map};
        fa_row_long_read(&row, buffer);
        job->kernels->sum[job->which == FA_LOG_SOFTMAX](row.x, job->shape->n, row.blocks, &row.sum);
        fa_row_long_write(&row);
    }
}

int fa_row_map(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y)
{
    fa_row_job job = fa_row_job_of(shape, 2, (const fa_row_array[]){x, y});
    const ptrdiff_t item = (ptrdiff_t)fa_item_size(shape->dtype);
    const fa_dtype compute = fa_row_compute(shape->dtype);
    const int is_staged = shape->dtype != compute || which == FA_SOFTMIN;
    job.which = which;
    job.work = map_rows;
    if (shape->n == 0)
        return 0;
    if (is_staged)
        job.buffer = fa_row_tile_bytes(shape);
    job.in_one = fa_row_is_long(shape);
    if (job.in_one) {
        job.work = map_long_rows;
        job.buffer = fa_row_long_buffer(shape);
    } else if (shape->inner > 1 && x.step[1] == item && y.step[1] == item) {
        const size_t tile = shape->n * staged_panel(shape) * fa_item_size(compute);
        if (is_staged && tile <= TILE && x.step[2] != item) {
            job.work = map_staged_panels;
            job.buffer = tile > job.buffer ? tile : job.buffer;
        } else if (!is_staged && x.step[2] % item == 0 && y.step[2] % item == 0) {
            job.work = map_panels;
        }
    }
    return fa_row_run(&job);
}

static double one_logsumexp(const fa_row_job *job, const char *x, const fa_row_block *blocks)
{
    double head, tail;
    job->kernels->logsumexp(x, job->shape->n, blocks, &head, &tail);
    return head + (isfinite(head) ? tail : 0);
}

/* Rows with results as the kernels give them: elements `apart`, row r at x + r step, both in elements. */
typedef struct {
    const char *x;
    ptrdiff_t step, apart;
    double *values;
} logsumexp_results;

/* Whether max and the logarithm of the rest cancel: the latter is not negative. */
static int cancels(const logsumexp_results *results, size_t r, size_t n)
{
    if (!(fabs(results->values[r]) < 0.5))
        return 0;
    const float *x = (const float *)(const void *)results->x + (ptrdiff_t)r * results->step;
    size_t i = 0;
    while (i < n && !(x[(ptrdiff_t)i * results->apart] >= 0))
        i++;
    return i == n;
}

/* These float32 rows in float64, whose results are good to 2^-30 of themselves.  Room for `count` rows. */
static void logsumexps_widened(const logsumexp_results *results, size_t n, const size_t *row, size_t count,
                               double *room)
{
    double values[AT_ONCE];
    for (size_t k = 0; k < count; k++) {
        const float *x = (const float *)(const void *)results->x + (ptrdiff_t)row[k] * results->step;
        for (size_t i = 0; i < n; i++)
            room[k * n + i] = x[(ptrdiff_t)i * results->apart];
    }
    fa_kernels_for(FA_F64)->rows->logsumexps(room, (ptrdiff_t)n, n, count, 0x1p-20, values);
    for (size_t k = 0; k < count; k++)
        results->values[row[k]] = values[k];
}

/* Float32 rows in which the result cancels are done again, some at a time; without memory for a long one it stays as it is. */
static void logsumexps_again(const logsumexp_results *results, size_t n, size_t rows)
{
    double few[FEW], *room = n <= FEW ? few : NULL;
    const size_t most = n <= FEW ? FEW / (n ? n : 1) : 1;
    size_t row[AT_ONCE], count = 0;
    for (size_t r = 0; r < rows; r++) {
        if (!cancels(results, r, n))
            continue;
        if (!room && !(room = malloc(n * sizeof *room)))
            return;
        row[count++] = r;
        if (count == most || count == AT_ONCE) {
            logsumexps_widened(results, n, row, count, room);
            count = 0;
        }
    }
    if (count)
        logsumexps_widened(results, n, row, count, room);
    if (room != few)
        free(room);
}

static void deliver_logsumexps(const fa_row_job *job, size_t row, size_t rows, const logsumexp_results *results)
{
    const size_t inner = job->shape->inner;
    const fa_row_array *y = &job->operand[1];
    if (job->compute == FA_F32)
        logsumexps_again(results, job->shape->n, rows);
    if (job->type[1] == FA_F32 && (inner == 1 || row % inner + rows <= inner)) {
        char *to = fa_row_at(job, 1, row);
        for (size_t r = 0; r < rows; r++, to += y->step[inner > 1])
            *(float *)(void *)to = (float)results->values[r];
        return;
    }
    for (size_t r = 0; r < rows; r++)
        fa_row_store(job->type[1], fa_row_at(job, 1, row + r), results->values[r]);
}

/* Rows side by side: short ones as they stand, up to one out of reach; else they are brought together.  Returns how many. */
static size_t logsumexp_side_by_side(const fa_row_job *job, size_t row, size_t rows, char *buffer)
{
    double values[FA_SIDE_BY_SIDE];
    const size_t n = job->shape->n;
    logsumexp_results results = {.step = 1, .values = values};
    results.x = fa_row_side_in(job, 0, row, rows, buffer, &results.apart);
    size_t done = job->kernels->logsumexp_columns(results.x, results.apart, n, rows, values);
    if (!done) {
        char *together = buffer + rows * n * job->item;
        fa_row_transpose(job, results.x, results.apart, together, (ptrdiff_t)n, n, rows);
        results = (logsumexp_results){together, (ptrdiff_t)n, 1, values};
        job->kernels->logsumexps(together, (ptrdiff_t)n, n, rows, INFINITY, values);
        done = rows;
    }
    deliver_logsumexps(job, row, done, &results);
    return done;
}

static void logsumexp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    double values[AT_ONCE];
    const size_t n = job->shape->n, end = first + count;
    for (size_t row = first, rows; row < end; row += rows) {
        rows = fa_row_side_by_side(job, 0, 0, row, end);
        if (rows > 1) {
            rows = logsumexp_side_by_side(job, row, rows, buffer);
            continue;
        }
        logsumexp_results results = {buffer, (ptrdiff_t)n, 1, values};
        rows = fa_row_run_length(job, 1, row, end);
        if (rows) {
            results.x = fa_row_at(job, 0, row);
            results.step = fa_row_step(job, 0);
        } else {
            rows = fa_row_tile_run(job, row, end);
            fa_row_tile_in(job, 0, row, rows, buffer);
        }
        rows = rows < AT_ONCE ? rows : AT_ONCE;
        job->kernels->logsumexps(results.x, results.step, n, rows, INFINITY, values);
        deliver_logsumexps(job, row, rows, &results);
    }
}

/* Few long rows: the blocks of each by all threads, the rest by one. */
static void logsumexp_long_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t r = first; r < first + count; r++) {
        fa_row_long row = {.job = job, .row = r};
        fa_row_long_read(&row, buffer);
        double value = one_logsumexp(job, row.x, row.blocks);
        deliver_logsumexps(job, r, 1, &(logsumexp_results){row.x, 0, 1, &value});
    }
}

int fa_row_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array y)
{
    fa_row_job job = fa_row_job_of(shape, 1, &x);
    job.operand[1] = y;
    job.type[1] = shape->dtype;
    job.work = logsumexp_rows;
    job.buffer = fa_row_side_bytes(shape, &x);
    job.in_one = fa_row_is_long(shape);
    if (job.in_one) {
        job.work = logsumexp_long_rows;
        job.buffer = fa_row_long_buffer(shape);
    }
    return fa_row_run(&job);
}
