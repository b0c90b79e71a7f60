/* Losses of pairs (a prediction and its target), element by element, as the bindings see them; the kernels are in pairs.h. */
#ifndef FA_PAIRS_API_H
#define FA_PAIRS_API_H

#include "fastact.h"

/* The name of a loss is that of its lane function in pairs.h. */
#define FA_PAIR_LOSSES(X)                                                                                              \
    X(mse)                                                                                                             \
    X(l1)                                                                                                              \
    X(smooth_l1) X(huber) X(binary_cross_entropy) X(binary_cross_entropy_with_logits) X(kl_div) X(kl_div_log_target)

enum {
#define X(name) FA_PAIR_##name,
    FA_PAIR_LOSSES(X)
#undef X
        FA_N_PAIR_LOSSES
};

/* n elements.  weight and positive (the weight of what is positive, for binary cross-entropy of logits) repeat after their
 * lengths and may be NULL; so may each and gradient.  A task computes whole blocks, so n of a kernel is at most
 * FA_PAIR_BLOCK, and weight and positive have a value for each element there. */
enum { FA_PAIR_BLOCK = 1024 };
typedef struct {
    fa_dtype dtype;        /* of x, each and gradient */
    fa_dtype target_dtype; /* dtype, or what is computed in, as weight and positive are */
    int which;
    size_t n;
    const void *x, *target, *weight, *positive;
    size_t weight_length, positive_length;
    double parameter; /* beta or delta */
    double factor;    /* gradient takes that of factor times the sum */
    void *each, *gradient;
    double *sum;
} fa_pair_call;

/* The sum over one block, in an order of additions that does not depend on the vector's width. */
typedef double fa_pair_kernel(const fa_pair_call *block);

/* Returns 0, or -1 if memory ran out, with nothing written.  gradient and each may be x. */
int fa_pair_losses(const fa_pair_call *call);

#endif
