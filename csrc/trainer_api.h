/* What csrc offers to the trainer: one step of an optimizer on one parameter, in one pass (optim.h), and the bias of a
 * linear layer (bias.h).  Which parameters, and when, is the trainer's. */
#ifndef FA_TRAINER_API_H
#define FA_TRAINER_API_H

#include <stddef.h>

typedef struct {
    double rate;     /* how far along the direction */
    double momentum; /* share of the old direction; 0: no buffer is read or written */
    double fresh;    /* share of the gradient in the new direction */
    double decay;    /* share of the parameter that is added to the gradient */
    int nesterov, maximize;
} fa_sgd;

typedef struct {
    double rate; /* learning rate over the first moment's bias */
    double beta1, beta2;
    double root_bias; /* square root of the second moment's bias */
    double eps;
    double decay; /* share of the parameter that is added to the gradient */
    double keep;  /* factor of the parameter before the step: 1, or 1 - lr * weight_decay */
    int maximize;
} fa_adam;

/* Contiguous elements of the unit's dtype; state is changed in place. */
typedef struct fa_trainer_kernels {
    /* buffer may be NULL where momentum is 0 */
    void (*sgd)(size_t n, const fa_sgd *settings, void *parameter, const void *gradient, void *buffer);
    /* largest may be NULL: amsgrad is off */
    void (*adam)(size_t n, const fa_adam *settings, void *parameter, const void *gradient, void *mean, void *square,
                 void *largest);
    /* y[i][j] += bias[j] for n_rows rows of n */
    void (*add_bias)(size_t n_rows, size_t n, void *y, const void *bias);
    /* sum[j] = sum of g[i][j] over the rows */
    void (*sum_rows)(size_t n_rows, size_t n, const void *g, void *sum);
} fa_trainer_kernels;

#endif
