/* The rows as the rest of csrc and the bindings see them: kernels on contiguous rows, one struct for each instruction
 * set and dtype, and the entry points of rows.c, which take any layout and split rows over the threads. */
#ifndef FA_ROWS_API_H
#define FA_ROWS_API_H

#include "fastact.h"
#include "pairs_api.h"

#include <stdint.h>

/* What depends on the loss but not on the row.  weight and the factors below are in the dtype of the logits or double. */
typedef struct {
    const void *weight; /* one for each class, or NULL */
    double weight_sum;  /* n if weight is NULL */
    double smoothing;
    double factor; /* the gradient is that of factor times the row's loss */
    int flushes;   /* gradients below the normal numbers are 0: in a matrix product each of them takes a hundredfold */
} fa_row_loss;

/* The loss of one row; gradient may be NULL.  index is the class where the target is one, else target is a row. */
typedef double fa_row_loss_kernel(const fa_row_loss *loss, const void *x, size_t n, int64_t index, const void *target,
                                  void *gradient);

/* Rows of logits with an index each, n >= 1, row r at x + r * x_step; steps in elements, gradient may be NULL. */
typedef struct {
    const void *x;
    ptrdiff_t x_step;
    size_t n, rows;
    const int64_t *index;
    int64_t ignore_index; /* rows of this index have loss and gradient 0 */
    double *losses;
    void *gradient;
    ptrdiff_t gradient_step;
} fa_row_classes;

enum { FA_SOFTMAX, FA_LOG_SOFTMAX, FA_N_ROW_MAPS, FA_SOFTMIN = FA_N_ROW_MAPS /* of fa_row_map: softmax of -x */ };
enum { FA_VJP_SOFTMAX, FA_VJP_LOG_SOFTMAX, FA_N_ROW_VJPS };
enum {
    FA_CROSS_ENTROPY,               /* logits and an index */
    FA_CROSS_ENTROPY_PROBABILITIES, /* logits and a row of probabilities */
    FA_NLL,                         /* log-probabilities and an index */
    FA_PROBABILITY_CROSS_ENTROPY,   /* probabilities and a row of weights */
    FA_N_ROW_LOSSES
};

/* What is known of a row after it was read, or of one block of it; rows_sum.h says what the numbers mean. */
typedef struct {
    double head, tail;
} fa_row_total;
typedef struct {
    double max, min;
    fa_row_total total;
} fa_row_block;
typedef struct {
    double max, min, shift, exponent;
    size_t first;
    fa_row_total own, others, top;
    int kept;
} fa_row_sum;
enum { FA_ROW_BLOCK = 1024 };
/* The gradient of a row's loss: factor * softmax less each * weight, and at the target what does not cancel. */
typedef struct {
    double factor, each, at_target;
    size_t target;
} fa_row_slope;

/* Rows of a vjp: element i of row r of operand o, which are y, g and dx in this order, at r * step[o] + i * apart[o], in elements.  All
 * rows are contiguous, or all stand side by side, step 1. */
typedef struct {
    const void *y, *g;
    void *dx;
    ptrdiff_t step[3], apart[3];
    size_t n, rows;
} fa_row_triples;

typedef struct fa_row_kernels {
    /* contiguous rows: element i of row r at x[r * x_step + i], steps in elements; y may be x */
    void (*map[FA_N_ROW_MAPS])(const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n, size_t rows);
    /* rows side by side: element i of row r at x[i * x_step + r], steps in elements; y may be x.  Returns how many rows,
     * from the first on, are done; the next ones hold infinities or the like and want `map`. */
    size_t (*map_columns[FA_N_ROW_MAPS])(const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n,
                                         size_t rows);
    size_t panel, wide_panel; /* rows that map_columns likes best, from and to */
    /* the result as head and tail; blocks, here and below, may be NULL */
    void (*logsumexp)(const void *x, size_t n, const fa_row_block *blocks, double *head, double *tail);
    /* rows as `map` has them, each result as one number; of float64 those that cancel to less than exact_below are exact, as
     * all those of `logsumexp` are, the others good to 2^-52 max(1, |max|) */
    void (*logsumexps)(const void *x, ptrdiff_t x_step, size_t n, size_t rows, double exact_below, double *results);
    /* Short rows side by side, row r at x + r and its elements `apart`: how many are done, from the first on. */
    size_t (*logsumexp_columns)(const void *x, ptrdiff_t apart, size_t n, size_t rows, double *results);
    size_t (*cross_entropy_columns)(const fa_row_loss *loss, const fa_row_classes *classes, ptrdiff_t x_apart,
                                    ptrdiff_t gradient_apart);
    /* One long row by several tasks: its blocks, then the row's sum from them, then results of any part of it. */
    void (*blocks)(const void *x, size_t n, fa_row_block *blocks);
    void (*sum[FA_N_ROW_MAPS])(const void *x, size_t n, const fa_row_block *blocks, fa_row_sum *sum);
    void (*write[FA_N_ROW_MAPS])(const fa_row_sum *sum, const void *x, void *y, size_t n);
    void (*vjps[FA_N_ROW_VJPS])(const fa_row_triples *rows);
    /* x in the place of y, and one double for each row in that of g: how many rows, from the first on, are done, which is all but of
     * those side by side */
    size_t (*vjps_logsumexp)(const fa_row_triples *rows);
    fa_row_loss_kernel *loss[FA_N_ROW_LOSSES];
    /* The loss of an index of a row of several blocks, as `sum`, and the gradient of n elements of it from start on, as
     * `write`; slope may be NULL. */
    double (*class_loss)(const fa_row_loss *loss, const void *x, size_t n, int64_t index, const fa_row_block *blocks,
                         fa_row_sum *sum, fa_row_slope *slope);
    void (*class_gradient)(const fa_row_loss *loss, const fa_row_slope *slope, const fa_row_sum *sum, const void *x,
                           void *y, size_t start, size_t n);
    void (*cross_entropies)(const fa_row_loss *loss, const fa_row_classes *classes);
    fa_pair_kernel *pair[FA_N_PAIR_LOSSES];
} fa_row_kernels;

/* Rows in two nested loops: row (i, j), element k at data + i step[0] + j step[1] + k step[2], steps in bytes. */
typedef struct {
    char *data;
    ptrdiff_t step[3];
} fa_row_array;
typedef struct {
    fa_dtype dtype;
    size_t outer, inner, n;
} fa_row_shape;

/* The entries return 0, or -1 if memory ran out, with nothing written.  An output may be the very same elements as x,
 * else disjoint.  data must be aligned to the item. */
int fa_row_map(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y);
int fa_row_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array y); /* y has no third step */
int fa_row_vjp(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx);
int fa_row_vjp_logsumexp(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx);

/* Losses.  index (one for each row, in order) or target says what is right; gradient.data may be NULL.  Rows whose index is
 * ignore_index have loss and gradient 0.  each, if not NULL, takes the rows' losses in the dtype; the sum is returned in
 * *sum, and the sum over count, if mean is not NULL, there as one number of the dtype.  The caller has checked the indices. */
typedef struct {
    fa_row_loss loss;
    const int64_t *index;
    int64_t ignore_index;
    fa_row_array target, gradient;
    fa_dtype target_dtype; /* that of x, or what is computed in */
    void *each;
    double *sum, count;
    void *mean;
} fa_row_loss_call;
int fa_row_losses(int which, const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call);

/* The position of the first index outside [0, n) that is not ignore_index, or -1. */
ptrdiff_t fa_row_bad_index(const int64_t *index, size_t count, size_t n, int64_t ignore_index);
/* The sum of weight[index] over the rows that count (their number without weight). */
double fa_row_weight_of(fa_dtype dtype, const int64_t *index, size_t count, int64_t ignore_index, const void *weight);

/* total/count as one number of the type: a loss from its sum. */
void fa_row_deliver_loss(fa_dtype type, void *to, double total, double count);

/* The sum in order, with what each addition lost: the same whatever the threads did. */
double fa_ordered_sum(const double *value, size_t count);

/* All of the above for modules that must not link csrc. */
typedef struct {
    int (*map)(int which, const fa_row_shape *shape, fa_row_array x, fa_row_array y);
    int (*logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array y);
    int (*vjp)(int which, const fa_row_shape *shape, fa_row_array y, fa_row_array g, fa_row_array dx);
    int (*vjp_logsumexp)(const fa_row_shape *shape, fa_row_array x, fa_row_array g, fa_row_array dx);
    int (*losses)(int which, const fa_row_shape *shape, const fa_row_array *x, const fa_row_loss_call *call);
    ptrdiff_t (*bad_index)(const int64_t *index, size_t count, size_t n, int64_t ignore_index);
    double (*weight_of)(fa_dtype dtype, const int64_t *index, size_t count, int64_t ignore_index, const void *weight);
    int (*pairs)(const fa_pair_call *call);
    void (*deliver)(fa_dtype type, void *to, double total, double count);
} fa_row_entries;
extern const fa_row_entries fa_row_entry_points;

#endif
