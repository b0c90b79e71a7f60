/* See reference.h.  Each function in a form that does not cancel; the kernels' own forms are not copied. */
#include "reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define SQRT_HALF 0.707106781186547524400844362104849039L
#define SQRT_2_OVER_PI 0.797884560802865355879892119868763737L
#define INV_SQRT_2PI 0.398942280401432677939946059934381868L

#define VALUE(name) static long double name##_value(long double x, const long double *p)
#define SLOPE(name) static long double name##_slope(long double x, const long double *p)
#define NO_PARAMETER ((void)p)

static long double logistic(long double x) { return 1 / (1 + expl(-x)); }

VALUE(relu) { return NO_PARAMETER, x > 0 ? x : x == 0 ? x : 0; }
SLOPE(relu) { return NO_PARAMETER, x > 0; }
VALUE(leaky_relu) { return x > 0 ? x : p[0] * x; }
SLOPE(leaky_relu) { return x > 0 ? 1 : p[0]; }
VALUE(sigmoid) { return NO_PARAMETER, logistic(x); }
SLOPE(sigmoid) { return NO_PARAMETER, logistic(x) * logistic(-x); }
VALUE(tanh) { return NO_PARAMETER, tanhl(x); }
SLOPE(tanh) { return NO_PARAMETER, 4 * logistic(2 * x) * logistic(-2 * x); }
VALUE(elu) { return x > 0 ? x : p[0] * expm1l(x); }
SLOPE(elu) { return x > 0 ? 1 : p[0] * expl(x); }
VALUE(gelu) { return NO_PARAMETER, x * erfcl(-x * SQRT_HALF) / 2; }
SLOPE(gelu) { return NO_PARAMETER, erfcl(-x * SQRT_HALF) / 2 + x * INV_SQRT_2PI * expl(-x * x / 2); }
VALUE(silu) { return NO_PARAMETER, x * logistic(x); }
SLOPE(silu) { return NO_PARAMETER, logistic(x) + x * logistic(x) * logistic(-x); }

VALUE(gelu_tanh)
{
    NO_PARAMETER;
    return x * logistic(2 * SQRT_2_OVER_PI * x * (1 + 0.044715L * x * x));
}

SLOPE(gelu_tanh)
{
    NO_PARAMETER;
    const long double u = 2 * SQRT_2_OVER_PI * x * (1 + 0.044715L * x * x);
    const long double slope = 2 * SQRT_2_OVER_PI * (1 + 3 * 0.044715L * x * x);
    const long double bell = logistic(u) * logistic(-u);
    return logistic(u) + (bell == 0 ? 0 : x * slope * bell);
}

VALUE(softplus)
{
    const long double bx = p[0] * x;
    return bx > p[1] ? x : ((bx > 0 ? bx : 0) + log1pl(expl(-fabsl(bx)))) / p[0];
}

SLOPE(softplus) { return p[0] * x > p[1] ? 1 : logistic(p[0] * x); }

VALUE(log_sigmoid) { return NO_PARAMETER, (x < 0 ? x : 0) - log1pl(expl(-fabsl(x))); }
SLOPE(log_sigmoid) { return NO_PARAMETER, logistic(-x); }
VALUE(quick_gelu) { return NO_PARAMETER, x * logistic(1.702L * x); }
SLOPE(quick_gelu)
{
    return NO_PARAMETER, logistic(1.702L * x) + 1.702L * x * logistic(1.702L * x) * logistic(-1.702L * x);
}

static long double softplus(long double x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
VALUE(mish) { return NO_PARAMETER, x * tanhl(softplus(x)); }
SLOPE(mish)
{
    const long double bell = 1 / coshl(softplus(x));
    return NO_PARAMETER, tanhl(softplus(x)) + (bell == 0 ? 0 : x * logistic(x) * bell * bell);
}

static long double clip(long double x, long double low, long double high) { return fminl(fmaxl(x, low), high); }
VALUE(relu6) { return NO_PARAMETER, clip(x, 0, 6); }
SLOPE(relu6) { return NO_PARAMETER, x > 0 && x < 6; }
VALUE(hardtanh) { return clip(x, p[0], p[1]); }
SLOPE(hardtanh) { return x > p[0] && x < p[1]; }
VALUE(hardsigmoid) { return NO_PARAMETER, clip(x + 3, 0, 6) / 6; }
SLOPE(hardsigmoid) { return NO_PARAMETER, x > -3 && x < 3 ? 1 / 6.0L : 0; }
VALUE(hardswish) { return NO_PARAMETER, x >= 3 ? x : x * clip(x + 3, 0, 6) / 6; }
SLOPE(hardswish) { return NO_PARAMETER, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5L; }
VALUE(hardshrink) { return fabsl(x) > p[0] ? x : 0; }
SLOPE(hardshrink) { return fabsl(x) > p[0]; }
VALUE(softshrink) { return x > p[0] ? x - p[0] : x < -p[0] ? x + p[0] : 0; }
SLOPE(softshrink) { return fabsl(x) > p[0]; }
VALUE(squared_relu) { return NO_PARAMETER, x > 0 ? x * x : 0; }
SLOPE(squared_relu) { return NO_PARAMETER, x > 0 ? 2 * x : 0; }
VALUE(softsign) { return NO_PARAMETER, x / (1 + fabsl(x)); }
SLOPE(softsign) { return NO_PARAMETER, 1 / ((1 + fabsl(x)) * (1 + fabsl(x))); }
VALUE(celu) { return x > 0 ? x : p[0] * expm1l(x / p[0]); }
SLOPE(celu) { return x > 0 ? 1 : expl(x / p[0]); }

#define SELU_SCALE 1.0507009873554804934193349852946L
#define SELU_ALPHA 1.6732632423543772848170429916717L
VALUE(selu) { return NO_PARAMETER, SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1l(x)); }
SLOPE(selu) { return NO_PARAMETER, SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * expl(x)); }
VALUE(erf) { return NO_PARAMETER, erfl(x); }
SLOPE(erf) { return NO_PARAMETER, 2 * SQRT_2_OVER_PI * SQRT_HALF * expl(-x * x); }

#define ROW(name, ...)                                                                                                 \
    {                                                                                                                  \
#name, name##_value, name##_slope, __VA_ARGS__                                                                 \
    }

static const reference references[] = {
    ROW(relu, {0}, 0),
    ROW(leaky_relu, {0.3}, 0),
    ROW(sigmoid, {0}, 0),
    ROW(tanh, {0}, 0),
    ROW(elu, {1.7}, 0),
    ROW(gelu, {0}, -0.7517915246935645),
    ROW(gelu_tanh, {0}, -0.7524614220710162),
    ROW(silu, {0}, -1.2784645427610738),
    ROW(log_sigmoid, {0}, 0),
    ROW(quick_gelu, {0}, -0.751154255441289),
    ROW(mish, {0}, -1.1924312145154952),
    ROW(softplus, {0.6, 20}, 0),
    ROW(relu6, {0}, 0),
    ROW(hardtanh, {-0.7, 1.9}, 0),
    ROW(hardsigmoid, {0}, 0),
    ROW(hardswish, {0}, -1.5),
    ROW(hardshrink, {0.3}, 0),
    ROW(softshrink, {0.3}, 0),
    ROW(squared_relu, {0}, 0),
    ROW(softsign, {0}, 0),
    ROW(celu, {1.7}, 0),
    ROW(selu, {0}, 0),
    ROW(erf, {0}, 0),
};

const reference *reference_of(const char *name)
{
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
        if (strcmp(references[i].name, name) == 0)
            return &references[i];
    return NULL;
}

int n_references(void) { return (int)(sizeof references / sizeof references[0]); }
