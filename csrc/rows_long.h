/* Rows so long, and so few, that one is shared by the threads: tasks of whole blocks, so that the bits are those of one
 * thread.  What is made of a row's blocks stands with the functions, in rows.c and rows_losses.c. */
#ifndef FA_ROWS_LONG_H
#define FA_ROWS_LONG_H

#include "rows_job.h"

/* One row of a job whose buffer is of fa_row_long_buffer. */
typedef struct fa_row_long {
    /* set by the caller: job, row, whether -x counts, the job's operand for results, and what writes a part of them */
    const fa_row_job *job;
    size_t row;
    int negated;
    size_t out;
    void (*write)(const struct fa_row_long *row, const char *x, char *y, size_t start, size_t n);
    const fa_row_slope *slope;
    fa_row_sum sum;
    /* set by fa_row_long_read: the row as kernels take it, and its blocks */
    const char *x;
    fa_row_block *blocks;
    char *stage;
} fa_row_long;

/* Whether rows of this shape are to be shared. */
int fa_row_is_long(const fa_row_shape *shape);
/* The size of the buffer that a job over such rows needs. */
size_t fa_row_long_buffer(const fa_row_shape *shape);
/* Brings a row where kernels take it and sums its blocks. */
void fa_row_long_read(fa_row_long *row, char *buffer);
/* Writes the row's results, part by part. */
void fa_row_long_write(fa_row_long *row);

#endif
