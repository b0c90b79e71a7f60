/* The vector-Jacobian products of softmax, log_softmax and logsumexp over rows in any layout, as rows.c has the functions.  No
 * arithmetic on elements. */
#include "rows_job.h"

enum { AT_ONCE = 256 }; /* rows whose slopes are held */

/* Rows side by side, as they stand or staged; without a buffer all operands must stand as kernels take them. */
static void vjp_side_by_side(const fa_row_job *job, size_t row, size_t rows, char *buffer)
{
    const size_t tile = rows * job->shape->n * job->item;
    fa_row_triples t = {.step = {1, 1, 1}, .n = job->shape->n, .rows = rows};
    char *g = buffer ? buffer + tile : NULL, *dx = buffer ? g + tile : NULL;
    t.y = fa_row_side_in(job, 0, row, rows, buffer, t.apart);
    t.g = fa_row_side_in(job, 1, row, rows, g, t.apart + 1);
    t.dx = fa_row_side_to(job, 2, row, rows, dx, t.apart + 2);
    job->kernels->vjps[job->which](&t);
    if (t.dx == dx)
        fa_row_side_out(job, 2, row, rows, rows, dx);
}

static void vjp_rows(const fa_row_job *job, size_t first, size_t count, char *buffer)
{
    const size_t n = job->shape->n, tile = fa_row_tile_bytes(job->shape), end = first + count;
    const ptrdiff_t line = (ptrdiff_t)n;
    for (size_t row = first, rows; row < end; row += rows) {
        rows = fa_row_side_by_side(job, 0, 1, row, end);
        if (rows > 1 && fa_row_side_by_side(job, 0, 2, row, end)) {
            const size_t run = fa_row_side_run(job, row, end);
            rows = run ? run : rows;
            vjp_side_by_side(job, row, rows, run ? NULL : buffer); /* which has no room for a run */
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
            rows = fa_row_tile_run(job, row, end);
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
        rows = beside > 1 ? beside : run ? run : fa_row_tile_run(job, row, end);
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
