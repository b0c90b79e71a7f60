/* softmax, log_softmax, softmin, logsumexp and their vector-Jacobian products over rows in any layout: what the tasks of
 * rows_job.c do.  No arithmetic on elements. */
#include "convert.h"
#include "rows_job.h"
#include "rows_long.h"

#include <math.h>
#include <stdlib.h>

enum {
    TILE = 1 << 23, /* bytes, at most, of half columns that are widened at a time */
    AT_ONCE = 256,  /* rows whose results are held */
    FEW = 64,       /* elements */
};

/* How many rows from this one on, before end, are staged at a time. */
static size_t tile_rows(const fa_row_job *job, size_t row, size_t end)
{
    const size_t most = fa_row_tile_rows(job->shape);
    return end - row < most ? end - row : most;
}

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
        rows = tile_rows(job, row, end);
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

/* The same of half types and of softmin: a panel is staged in the buffer. */
static void map_staged_panels(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const size_t item = job->item, n = job->shape->n;
    for (size_t row = first, rows; row < first + count; row += rows) {
        rows = panel_rows(job, row, first + count, job->kernels->panel);
        const char *x = fa_row_at(job, 0, row);
        for (size_t i = 0; i < n; i++)
            fa_row_stage(job, 0, x + (ptrdiff_t)i * job->operand[0].step[2], job->operand[0].step[1], rows,
                         buffer + i * rows * item);
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
    const size_t tile = shape->n * fa_kernels_for(compute)->rows->panel * fa_item_size(compute);
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
        if (is_staged && tile <= TILE && x.step[2] != item) {
            job.work = map_staged_panels;
            job.buffer = tile > job.buffer ? tile : job.buffer;
        } else if (!is_staged && x.step[2] % item == 0 && y.step[2] % item == 0) {
            job.work = map_panels;
        }
    }
    return fa_row_run(&job);
}

/* A float32 row whose result cancels, done again in float64. */
static double logsumexp_widened(const float *x, size_t n, double fallback)
{
    double few[FEW], *wide = n <= FEW ? few : malloc(n * sizeof *wide), head, tail;
    if (!wide)
        return fallback;
    for (size_t i = 0; i < n; i++)
        wide[i] = x[i];
    fa_kernels_for(FA_F64)->rows->logsumexp(wide, n, NULL, &head, &tail);
    if (wide != few)
        free(wide);
    return head + tail;
}

static double one_logsumexp(const fa_row_job *job, const char *x, const fa_row_block *blocks)
{
    double head, tail;
    job->kernels->logsumexp(x, job->shape->n, blocks, &head, &tail);
    return head + (isfinite(head) ? tail : 0);
}

/* Whether max and the logarithm of the rest may cancel: the latter is not negative. */
static int may_cancel(const fa_row_job *job, double value) { return job->compute == FA_F32 && fabs(value) < 0.5; }

static int is_below_zero(const float *x, size_t n)
{
    size_t i = 0;
    while (i < n && !(x[i] >= 0))
        i++;
    return i == n;
}

static void deliver_logsumexp(const fa_row_job *job, size_t row, const char *x, double value)
{
    const float *elements = (const void *)x;
    if (may_cancel(job, value) && is_below_zero(elements, job->shape->n))
        value = logsumexp_widened(elements, job->shape->n, value);
    fa_row_store(job->type[1], fa_row_at(job, 1, row), value);
}

/* Rows side by side: short ones as they stand, up to one out of reach; else they are brought together.  Returns how many. */
static size_t logsumexp_side_by_side(const fa_row_job *job, size_t row, size_t rows, char *buffer)
{
    double values[FA_SIDE_BY_SIDE];
    const size_t n = job->shape->n, bytes = rows * n * job->item;
    ptrdiff_t apart;
    const char *x = fa_row_side_in(job, 0, row, rows, buffer, &apart);
    const size_t done = job->kernels->logsumexp_columns(x, apart, n, rows, values);
    char *together = buffer + bytes;
    int cancels = 0;
    for (size_t r = 0; r < done; r++)
        cancels |= may_cancel(job, values[r]);
    if (!done || cancels)
        fa_row_transpose(job, x, apart, together, (ptrdiff_t)n, n, rows);
    if (!done)
        job->kernels->logsumexps(together, (ptrdiff_t)n, n, rows, values);
    for (size_t r = 0; r < (done ? done : rows); r++)
        deliver_logsumexp(job, row + r, together + r * n * job->item, values[r]);
    return done ? done : rows;
}

static void logsumexp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    double values[AT_ONCE];
    const ptrdiff_t step = fa_row_step(job, 0), item = (ptrdiff_t)job->item;
    for (size_t row = first, rows; row < first + count; row += rows) {
        rows = fa_row_side_by_side(job, 0, 0, row, first + count);
        if (rows > 1) {
            rows = logsumexp_side_by_side(job, row, rows, buffer);
            continue;
        }
        rows = fa_row_run_length(job, 1, row, first + count);
        const char *x = rows ? fa_row_at(job, 0, row) : buffer;
        const ptrdiff_t apart = rows ? step : (ptrdiff_t)job->shape->n;
        if (!rows) {
            rows = tile_rows(job, row, first + count);
            fa_row_tile_in(job, 0, row, rows, buffer);
        }
        rows = rows < AT_ONCE ? rows : AT_ONCE;
        job->kernels->logsumexps(x, apart, job->shape->n, rows, values);
        for (size_t r = 0; r < rows; r++)
            deliver_logsumexp(job, row + r, x + (ptrdiff_t)r * apart * item, values[r]);
    }
}

/* Few long rows: the blocks of each by all threads, the rest by one. */
static void logsumexp_long_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    for (size_t r = first; r < first + count; r++) {
        fa_row_long row = {.job = job, .row = r};
        fa_row_long_read(&row, buffer);
        deliver_logsumexp(job, r, row.x, one_logsumexp(job, row.x, row.blocks));
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

/* Rows side by side, as they stand or staged. */
static void vjp_side_by_side(const fa_row_job *job, size_t row, size_t rows, char *buffer)
{
    const size_t tile = rows * job->shape->n * job->item;
    fa_row_triples t = {.step = {1, 1, 1}, .n = job->shape->n, .rows = rows};
    char *to = buffer + 2 * tile;
    t.y = fa_row_side_in(job, 0, row, rows, buffer, t.apart);
    t.g = fa_row_side_in(job, 1, row, rows, buffer + tile, t.apart + 1);
    t.dx = fa_row_side_to(job, 2, row, rows, to, t.apart + 2);
    job->kernels->vjps[job->which](&t);
    if (t.dx == to)
        fa_row_side_out(job, 2, row, rows, rows, to);
}

static void vjp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const size_t n = job->shape->n, tile = fa_row_tile_bytes(job->shape), end = first + count;
    const ptrdiff_t line = (ptrdiff_t)n;
    for (size_t row = first, rows; row < end; row += rows) {
        rows = fa_row_side_by_side(job, 0, 1, row, end);
        if (rows > 1 && fa_row_side_by_side(job, 0, 2, row, end)) {
            vjp_side_by_side(job, row, rows, buffer);
            continue;
        }
        fa_row_triples t = {.step = {line, line, line}, .apart = {1, 1, 1}, .n = n};
        rows = fa_row_run_length(job, 3, row, end);
        if (rows) {
            t.y = fa_row_at(job, 0, row);
            t.g = fa_row_at(job, 1, row);
            t.dx = fa_row_at(job, 2, row);
            for (size_t i = 0; i < 3; i++)
                t.step[i] = fa_row_step(job, i);
        } else {
            rows = tile_rows(job, row, end);
            fa_row_tile_in(job, 0, row, rows, buffer);
            fa_row_tile_in(job, 1, row, rows, buffer + tile);
            t.y = buffer;
            t.g = buffer + tile;
            t.dx = buffer + 2 * tile;
        }
        t.rows = rows;
        job->kernels->vjps[job->which](&t);
        if (t.y == buffer)
            fa_row_tile_out(job, 2, row, rows, t.dx);
    }
}

int fa_row_vjp(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx)
{
    fa_row_job job = fa_row_job_of(shape, 3, (const fa_row_array[]){y, g, dx});
    job.which = which;
    job.work = vjp_rows;
    job.buffer = 2 * fa_row_side_bytes(shape, &y);
    return shape->n ? fa_row_run(&job) : 0;
}

/* Rows side by side: short ones as they stand or staged, up to one out of reach; else they are brought together.  Returns how many. */
static size_t vjp_logsumexp_side_by_side(const fa_row_job *job, size_t row, size_t rows, const double *g, char *buffer)
{
    const size_t n = job->shape->n, tile = rows * n * job->item;
    char *x = buffer + tile, *dx = x + tile;
    fa_row_triples t = {.g = g, .step = {1, 1, 1}, .n = n, .rows = rows};
    t.y = fa_row_side_in(job, 0, row, rows, buffer, t.apart);
    t.dx = fa_row_side_to(job, 1, row, rows, dx, t.apart + 2);
    const size_t done = job->kernels->vjps_logsumexp(&t);
    if (done && t.dx == dx)
        fa_row_side_out(job, 1, row, done, rows, dx);
    if (done)
        return done;
    fa_row_transpose(job, t.y, t.apart[0], x, (ptrdiff_t)n, n, rows);
    t = (fa_row_triples){x, g, dx, {(ptrdiff_t)n, 0, (ptrdiff_t)n}, {1, 1, 1}, n, rows};
    job->kernels->vjps_logsumexp(&t);
    fa_row_transpose(job, dx, (ptrdiff_t)n, buffer, (ptrdiff_t)rows, rows, n);
    fa_row_side_out(job, 1, row, rows, rows, buffer);
    return rows;
}

static void vjp_logsumexp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    double g[AT_ONCE];
    const size_t n = job->shape->n, end = first + count;
    const ptrdiff_t line = (ptrdiff_t)n;
    for (size_t row = first, rows; row < end; row += rows) {
        const size_t beside = fa_row_side_by_side(job, 0, 1, row, end), run = fa_row_run_length(job, 2, row, end);
        rows = beside > 1 ? beside : run ? run : tile_rows(job, row, end);
        rows = rows < AT_ONCE ? rows : AT_ONCE;
        for (size_t r = 0; r < rows; r++)
            g[r] = fa_row_load(job->type[2], fa_row_at(job, 2, row + r));
        if (beside > 1) {
            rows = vjp_logsumexp_side_by_side(job, row, rows, g, buffer);
            continue;
        }
        fa_row_triples t = {buffer, g, buffer, {line, 0, line}, {1, 1, 1}, n, rows};
        if (run) {
            t.y = fa_row_at(job, 0, row);
            t.dx = fa_row_at(job, 1, row);
            t.step[0] = fa_row_step(job, 0);
            t.step[2] = fa_row_step(job, 1);
        } else {
            fa_row_tile_in(job, 0, row, rows, buffer);
        }
        job->kernels->vjps_logsumexp(&t);
        if (!run)
            fa_row_tile_out(job, 1, row, rows, buffer);
    }
}

int fa_row_vjp_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx)
{
    fa_row_job job = fa_row_job_of(shape, 2, (const fa_row_array[]){x, dx});
    job.operand[2] = g;
    job.type[2] = shape->dtype;
    job.work = vjp_logsumexp_rows;
    job.buffer = 2 * fa_row_side_bytes(shape, &x);
    return shape->n ? fa_row_run(&job) : 0;
}
