/* Steps of SGD, Adam, RMSprop and Adagrad on lanes.  Included by kernels.inc, once for each instruction set and dtype; the settings
 * and states are explained in trainer_api.h. */
#ifndef FA_OPTIM_H
#define FA_OPTIM_H

#include "bias.h"
#include "trainer_api.h"
#include "vec.h"

/* The gradient's direction with weight decay: sign * g + decay * p. */
FA_INLINE vreal fa_direction(vreal gradient, vreal value, double decay, int maximize)
{
    vreal direction = maximize ? -gradient : gradient;
    return decay != 0 ? v_fma(K(decay), value, direction) : direction;
}

/* Elements [i, …) of p to come: the hardware's own fetching stops at the end of each page. */
FA_INLINE void fa_fetch(const real *p, size_t i)
{
#ifdef __GNUC__
    __builtin_prefetch(p + i + 4096 / sizeof(real));
#else
    (void)p, (void)i;
#endif
}

static void fa_optim_sgd(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state)
{
    const fa_sgd s = *(const fa_sgd *)settings;
    real *const p = parameter, *const b = state[0];
    const real *const g = gradient;
    const vreal rate = K(s.rate), momentum = K(s.momentum), fresh = K(s.fresh);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = fa_direction(fa_some(g, i, n), value, s.decay, s.maximize);
        if (s.momentum != 0) {
            vreal mixed = v_fma(momentum, fa_some(b, i, n), fresh * direction);
            fa_put(b, i, n, mixed);
            direction = s.nesterov ? v_fma(momentum, mixed, direction) : mixed;
        }
        fa_put(p, i, n, v_fnma(rate, direction, value));
    }
}

static void fa_optim_adam(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state)
{
    const fa_adam s = *(const fa_adam *)settings;
    real *const p = parameter, *const m = state[0], *const v = state[1], *const top = state[2];
    const real *const g = gradient;
    const vreal rate = K(s.rate), keep = K(s.keep), eps = K(s.eps), unbias = K(s.unbias);
    const vreal fresh1 = K(1 - s.beta1), beta2 = K(s.beta2), fresh2 = K(1 - s.beta2);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = fa_direction(fa_some(g, i, n), value, s.decay, s.maximize);
        fa_fetch(p, i), fa_fetch(g, i), fa_fetch(m, i), fa_fetch(v, i);
        vreal first = fa_some(m, i, n), second = beta2 * fa_some(v, i, n);
        first = v_fma(fresh1, direction - first, first);
        second = v_fma(fresh2 * direction, direction, second);
        fa_put(m, i, n, first);
        fa_put(v, i, n, second);
        if (s.amsgrad) {
            second = v_max(fa_some(top, i, n), second);
            fa_put(top, i, n, second);
        }
        fa_put(p, i, n, v_fnma(rate, first / v_fma(v_sqrt(second), unbias, eps), value * keep));
    }
}

static void fa_optim_rmsprop(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state)
{
    const fa_rmsprop s = *(const fa_rmsprop *)settings;
    real *const p = parameter, *const square = state[0], *const buffer = state[1], *const mean = state[2];
    const real *const g = gradient;
    const vreal rate = K(s.rate), alpha = K(s.alpha), fresh = K(1 - s.alpha), eps = K(s.eps), momentum = K(s.momentum);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = fa_direction(fa_some(g, i, n), value, s.decay, s.maximize);
        vreal spread = v_fma(fresh * direction, direction, alpha * fa_some(square, i, n));
        fa_put(square, i, n, spread);
        if (s.centered) {
            vreal average = fa_some(mean, i, n);
            average = v_fma(fresh, direction - average, average);
            fa_put(mean, i, n, average);
            spread = v_fnma(average, average, spread);
        }
        direction = direction / (v_sqrt(spread) + eps);
        if (s.momentum != 0) {
            direction = v_fma(momentum, fa_some(buffer, i, n), direction);
            fa_put(buffer, i, n, direction);
        }
        fa_put(p, i, n, v_fnma(rate, direction, value));
    }
}

static void fa_optim_adagrad(size_t n, const void *settings, void *parameter, const void *gradient, void *const *state)
{
    const fa_adagrad s = *(const fa_adagrad *)settings;
    real *const p = parameter, *const square = state[0];
    const real *const g = gradient;
    const vreal rate = K(s.rate), eps = K(s.eps);
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal value = fa_some(p, i, n), direction = fa_direction(fa_some(g, i, n), value, s.decay, s.maximize);
        vreal sum = v_fma(direction, direction, fa_some(square, i, n));
        fa_put(square, i, n, sum);
        fa_put(p, i, n, v_fnma(rate, direction / (v_sqrt(sum) + eps), value));
    }
}

#endif
