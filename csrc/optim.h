/* Steps of SGD and Adam on lanes.  Included by kernels.inc, once for each instruction set and dtype; the settings are
 * explained in trainer_api.h. */
#ifndef FA_OPTIM_H
#define FA_OPTIM_H

#include "bias.h"
#include "trainer_api.h"
#include "vec.h"

static void fa_optim_sgd(size_t n, const fa_sgd *settings, void *parameter, const void *gradient, void *buffer)
{
    const fa_sgd s = *settings;
    real *const p = parameter, *const b = buffer;
    const real *const g = gradient;
    const vreal sign = K(s.maximize ? -1 : 1), rate = K(s.rate), decay = K(s.decay);
    const vreal momentum = K(s.momentum), fresh = K(s.fresh);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = sign * fa_some(g, i, n);
        if (s.decay != 0)
            direction = v_fma(decay, value, direction);
        if (s.momentum != 0) {
            vreal mixed = v_fma(momentum, fa_some(b, i, n), fresh * direction);
            fa_put(b, i, n, mixed);
            direction = s.nesterov ? v_fma(momentum, mixed, direction) : mixed;
        }
        fa_put(p, i, n, v_fnma(rate, direction, value));
    }
}

static void fa_optim_adam(size_t n, const fa_adam *settings, void *parameter, const void *gradient, void *mean,
                          void *square, void *largest)
{
    const fa_adam s = *settings;
    real *const p = parameter, *const m = mean, *const v = square, *const top = largest;
    const real *const g = gradient;
    const vreal sign = K(s.maximize ? -1 : 1), rate = K(s.rate), decay = K(s.decay), keep = K(s.keep), eps = K(s.eps);
    const vreal fresh1 = K(1 - s.beta1), beta2 = K(s.beta2), fresh2 = K(1 - s.beta2), root_bias = K(s.root_bias);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = sign * fa_some(g, i, n);
        if (s.decay != 0)
            direction = v_fma(decay, value, direction);
        vreal first = fa_some(m, i, n), second = beta2 * fa_some(v, i, n);
        first = v_fma(fresh1, direction - first, first);
        second = v_fma(fresh2 * direction, direction, second);
        fa_put(m, i, n, first);
        fa_put(v, i, n, second);
        if (top != NULL) {
            second = v_max(fa_some(top, i, n), second);
            fa_put(top, i, n, second);
        }
        fa_put(p, i, n, v_fnma(rate, first / (v_sqrt(second) / root_bias + eps), value * keep));
    }
}

#endif
