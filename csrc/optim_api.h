/* One step of an optimizer on one parameter, all in one pass: what csrc offers to the trainer.  The formulas are in
 * optim.h; which parameters, and when, is the trainer's. */
#ifndef FA_OPTIM_API_H
#define FA_OPTIM_API_H

#include <stddef.h>

typedef struct {
    double rate;     /* how far along the direction */
    double momentum; /* share of the old direction; 0: no buffer is read or written */
    double fresh;    /* share of the gradient in the new direction */
    double decay;    /* share of the parameter that is added to the gradient */
    int nesterov, maximize;
} fa_sgd;

typedef struct {
    double rate;        /* learning rate over the first moment's bias */
    double beta1, beta2;
    double root_bias;   /* square root of the second moment's bias */
    double eps;
    double decay;       /* share of the parameter that is added to the gradient */
    double keep;        /* factor of the parameter before the step: 1, or 1 - lr * weight_decay */
    int maximize;
} fa_adam;

/* n contiguous elements of the unit's dtype.  buffer, mean, square and largest are the state, changed in place;
 * buffer may be NULL where momentum is 0, largest where amsgrad is off. */
typedef struct fa_optim_kernels {
    void (*sgd)(size_t n, const fa_sgd *settings, void *parameter, const void *gradient, void *buffer);
    void (*adam)(size_t n, const fa_adam *settings, void *parameter, const void *gradient, void *mean, void *square,
                 void *largest);
} fa_optim_kernels;

#endif
