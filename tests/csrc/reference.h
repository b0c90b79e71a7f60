/* Activations of the table once more, in long double and by the book: what the kernels are compared with.  One without a
   reference here is still tested for everything but accuracy, which tests/reference.py covers for all of them. */
#ifndef REFERENCE_H
#define REFERENCE_H

typedef long double reference_function(long double x, const long double *parameter);

typedef struct {
    const char *name;
    reference_function *value, *derivative;
    double other_parameters[2]; /* a set that differs from the defaults */
    double root;                /* of the derivative, 0 if it has none */
} reference;

/* NULL if there is none of that name. */
const reference *reference_of(const char *name);
int n_references(void);

#endif
