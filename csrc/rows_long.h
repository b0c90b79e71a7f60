/* Rows so long, and so few, that one is shared by the threads. */
#ifndef FA_ROWS_LONG_H
#define FA_ROWS_LONG_H

#include "rows_job.h"

/* Whether rows of this array are to be shared. */
int fa_row_is_long(const fa_row_shape *shape, const fa_row_array *array);
/* softmax or log_softmax of one contiguous row; 0, or -1 if memory ran out, with nothing written.  y may be x. */
int fa_row_long_map(int which, fa_dtype dtype, const void *x, void *y, size_t n);
/* The blocks of one contiguous row, to be freed, or NULL if memory ran out. */
fa_row_block *fa_row_long_blocks(fa_dtype dtype, const void *x, size_t n);

#endif
