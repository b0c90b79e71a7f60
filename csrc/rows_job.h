/* Inside rows*.c: one call over rows in any layout, its tasks over the threads, and the staging of rows that kernels do not
 * take as they stand (strided, or of a half type).  No arithmetic on elements. */
#ifndef FA_ROWS_JOB_H
#define FA_ROWS_JOB_H

#include "rows_api.h"

/* One call: what a task does with rows [first, first + count), staged through buffer, n elements for each operand. */
typedef struct fa_row_job {
    const fa_row_shape *shape;
    size_t n_operands;
    fa_row_array operand[3];
    fa_dtype type[3]; /* of what stands in memory */
    int which;
    void (*work)(const struct fa_row_job *job, size_t first, size_t count, char *buffer);
    size_t buffer; /* bytes; set by the caller if staging by rows is not what it wants */
    int in_one;    /* one task, which brings its own threads */
    const fa_row_loss_call *loss;
    double *losses;
    /* set by fa_row_run */
    const fa_row_kernels *kernels;
    fa_dtype compute;
    size_t item; /* of compute */
    size_t rows_a_task;
    int out_of_memory;
} fa_row_job;

/* What kernels compute in where rows are of this type. */
static inline fa_dtype fa_row_compute(fa_dtype type) { return type == FA_F64 ? FA_F64 : FA_F32; }

/* A job over operands of the shape's dtype. */
fa_row_job fa_row_job_of(const fa_row_shape *shape, size_t n_operands, const fa_row_array *operand);
/* 0, or -1 if memory ran out. */
int fa_row_run(fa_row_job *job);

char *fa_row_at(const fa_row_job *job, size_t operand, size_t row);
/* Whether kernels take an operand's rows as they stand. */
int fa_row_is_direct(const fa_row_job *job, size_t operand);
/* How many rows from this one on, before end, kernels can take at once as they stand in the first operands: 0 if they
 * cannot take one, else each fa_row_step elements from the one before. */
size_t fa_row_run_length(const fa_row_job *job, size_t operands, size_t row, size_t end);
ptrdiff_t fa_row_step(const fa_row_job *job, size_t operand);
/* A row for reading: itself, or its copy in the buffer. */
const char *fa_row_in(const fa_row_job *job, size_t operand, size_t row, char *buffer);
/* Where a row's result is written, and after that brought where it belongs. */
char *fa_row_out(const fa_row_job *job, size_t operand, size_t row, char *buffer);
void fa_row_deliver(const fa_row_job *job, size_t operand, size_t row, const char *result);

/* Rows that kernels do not take as they stand are staged some at a time, row after row: how many at most, their bytes, and the ways
 * between them and an operand. */
size_t fa_row_tile_rows(const fa_row_shape *shape);
size_t fa_row_tile_run(const fa_row_job *job, size_t row, size_t end); /* of the rows from this one on, before end */
size_t fa_row_tile_bytes(const fa_row_shape *shape);
void fa_row_tile_in(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *tile);
void fa_row_tile_out(const fa_row_job *job, size_t operand, size_t row, size_t rows, const char *tile);

/* Rows that stand side by side in memory, of an operand that kernels do not take as it stands, are taken so many at a time. */
enum { FA_SIDE_BY_SIDE = 64 };
/* How many rows from this one on, before end, stand so in both operands (which may be one); less than 2 if they do not, or if the
 * buffer has no room for them. */
size_t fa_row_side_by_side(const fa_row_job *job, size_t operand, size_t other, size_t row, size_t end);
/* The same of all operands if kernels take them as they stand, and then any number of rows; 0 if they do not. */
size_t fa_row_side_run(const fa_row_job *job, size_t row, size_t end);
/* Bytes that they need in a buffer, as columns and row after row; 0 if rows of x do not stand so, or are too long. */
size_t fa_row_side_bytes(const fa_row_shape *shape, const fa_row_array *x);
/* Rows side by side into a buffer, in the compute type. */
void fa_row_side_stage(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer);
/* Rows in the compute type, side by side: themselves, or widened in the buffer.  *apart: elements between those of a row. */
const char *fa_row_side_in(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer,
                           ptrdiff_t *apart);
/* Where results of rows side by side are written, themselves or the buffer, from which fa_row_side_out takes them. */
char *fa_row_side_to(const fa_row_job *job, size_t operand, size_t row, size_t rows, char *buffer, ptrdiff_t *apart);
/* Rows side by side in a buffer, elements `apart`, to where an operand has them. */
void fa_row_side_out(const fa_row_job *job, size_t operand, size_t row, size_t rows, size_t apart, const char *buffer);
/* Rows of n elements as columns, or the other way: element i of row r from from[r * from_step + i] to to[i * to_step + r]. */
void fa_row_transpose(const fa_row_job *job, const char *from, ptrdiff_t from_step, char *to, ptrdiff_t to_step,
                      size_t rows, size_t n);

/* n elements between memory and the contiguous compute type, and one of them. */
void fa_row_stage(const fa_row_job *job, size_t operand, const char *from, ptrdiff_t step, size_t n, char *to);
void fa_row_unstage(const fa_row_job *job, size_t operand, const char *from, size_t n, char *to, ptrdiff_t step);
/* Rounded once; the quotient first to double. */
void fa_row_store(fa_dtype type, void *to, double value);
void fa_row_store_quotient(fa_dtype type, void *to, double total, double count);
double fa_row_load(fa_dtype type, const void *from);

#endif
