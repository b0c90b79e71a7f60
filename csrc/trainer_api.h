/* What csrc offers to the trainer: one step of an optimizer in one pass (optim.h), and the bias of a linear layer (bias.h,
 * turned.h).  Which parameters, and when, is the trainer's. */
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
    double unbias; /* 1 / square root of the second moment's bias */
    double eps;
    double decay; /* share of the parameter that is added to the gradient */
    double keep;  /* factor of the parameter before the step: 1, or 1 - lr * weight_decay */
    int amsgrad, maximize;
} fa_adam;

typedef struct {
    double rate;
    double alpha; /* share of the old mean square */
    double eps;
    double decay;    /* share of the parameter that is added to the gradient */
    double momentum; /* share of the old direction; 0: no buffer is read or written */
    int centered, maximize;
} fa_rmsprop;

typedef struct {
    double rate; /* learning rate after the decay that it has */
    double eps;
    double decay; /* share of the parameter that is added to the gradient */
    int maximize;
} fa_adagrad;

/* One step on n contiguous elements of the unit's dtype; settings is one of the structs above, and the arrays of the state,
 * which are changed in place, are for
 *   sgd      momentum buffer
 *   adam     first moment, second moment, largest second moment
 *   rmsprop  mean square, momentum buffer, mean gradient
 *   adagrad  sum of the squares
 * A state that the settings do not ask for may be NULL. */
typedef void fa_step(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state);

typedef struct fa_trainer_kernels {
    fa_step *sgd, *adam, *rmsprop, *adagrad;
    /* y[i][j] += bias[j] (bias may be NULL) for n_rows rows of n, then relu of that if rectify */
    void (*add_bias)(size_t n_rows, size_t n, void *y, const void *bias, int rectify);
    /* sum[j] = sum of g[i][j] over the rows; with y not NULL of g times relu's derivative at y, which is written to out:
     * that may be y or g.  sum may be NULL. */
    void (*sum_rows)(size_t n_rows, size_t n, const void *y, const void *g, void *out, void *sum);
    /* add_bias of a y that lies turned: its n columns are contiguous, n_rows elements each */
    void (*add_bias_turned)(size_t n_rows, size_t n, void *y, const void *bias, int rectify);
    /* g turned into out, times relu's derivative at y unless that is NULL (it lies turned, and may be out); sum[j] = sum of
     * what becomes of g[i][j] over the rows, unless that is NULL */
    void (*turn)(size_t n_rows, size_t n, const void *g, const void *y, void *out, void *sum);
} fa_trainer_kernels;

#endif
