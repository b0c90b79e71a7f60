# cython: language_level=3
"""The steps of the optimizers: for each parameter with a gradient one call of its kernel in csrc/optim.h.

Settings and states are looked after in ``fastact/optim``; no formula belongs here but the bias of Adam's moments.
"""
cimport numpy as cnp
from libc.math cimport pow, sqrt

import numpy as np

from fastact._tape cimport TensorBase, touch
from fastact._trainer_kernels cimport fa_adam, fa_fp_enter_flushing, fa_fp_leave, fa_fp_state, fa_sgd, fa_trainer_kernels, trainer_kernels

cnp.import_array()


cdef const fa_trainer_kernels *kernels_of(cnp.ndarray array) except NULL:
    cdef const fa_trainer_kernels *kernels = trainer_kernels(array)
    if kernels == NULL:
        raise TypeError(f"optimizers train float32 and float64 parameters, got {(<object>array).dtype}; convert the model")
    return kernels


cdef cnp.ndarray plain(object array, cnp.ndarray like):
    """`array` with its elements in order, in the dtype of the parameter."""
    if cnp.PyArray_ISCARRAY_RO(array) and cnp.PyArray_TYPE(array) == cnp.PyArray_TYPE(like):
        return array
    return np.array(array, (<object>like).dtype, order="C")


cdef void *fitting(object array, cnp.ndarray values, str what) except? NULL:
    """The memory of a state or gradient (None: NULL), which must be as large as that of the parameter."""
    if array is None:
        return NULL
    if (not isinstance(array, cnp.ndarray) or not cnp.PyArray_ISCARRAY_RO(array) or not cnp.PyArray_SAMESHAPE(array, values)
            or cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(values)):
        raise RuntimeError(f"the {what} is {np.asarray(array).dtype}{np.shape(array)}, its parameter "
                           f"{(<object>values).dtype}{(<object>values).shape}: it was changed after the optimizer began; "
                           "convert a model first, then make its optimizer")
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef cnp.ndarray open_values(TensorBase parameter):
    """The parameter's elements in order: its own array, or a copy that `close_values` writes back."""
    if not cnp.PyArray_ISWRITEABLE(parameter.array):
        raise ValueError("a parameter's array is read-only, and a step changes it in place; give the parameter a copy")
    return plain(parameter.array, parameter.array)


cdef close_values(TensorBase parameter, cnp.ndarray values):
    if values is not parameter.array:
        parameter.array[...] = values
    touch(parameter)


cdef void run_sgd(const fa_trainer_kernels *kernels, size_t n, const fa_sgd *settings, void *values, const void *gradient,
                  void *buffer) noexcept nogil:
    cdef fa_fp_state saved = fa_fp_enter_flushing()
    kernels.sgd(n, settings, values, gradient, buffer)
    fa_fp_leave(saved)


cdef void run_adam(const fa_trainer_kernels *kernels, size_t n, const fa_adam *settings, void *values, const void *gradient,
                   void *mean, void *square, void *largest) noexcept nogil:
    cdef fa_fp_state saved = fa_fp_enter_flushing()
    kernels.adam(n, settings, values, gradient, mean, square, largest)
    fa_fp_leave(saved)


def sgd(list parameters, dict states, begin, double rate, double momentum, double dampening, double decay, bint nesterov,
        bint maximize):
    """Step every parameter that has a gradient; ``begin(parameter)`` makes the state of a new one."""
    cdef TensorBase parameter
    cdef cnp.ndarray values, gradient
    cdef const fa_trainer_kernels *kernels
    cdef size_t n
    cdef void *state_data[1]
    cdef void *gradient_data
    cdef fa_sgd settings
    settings.rate, settings.momentum, settings.decay = rate, momentum, decay
    settings.nesterov, settings.maximize = nesterov, maximize
    for parameter in parameters:
        if parameter.gradient is None:
            continue
        buffer = None
        if momentum != 0:
            state = states.get(parameter)
            if state is None:
                state = states[parameter] = begin(parameter)
            buffer = state["momentum_buffer"]
            settings.fresh = 1 - dampening
            if buffer is None:      # the first direction is the whole gradient
                buffer = state["momentum_buffer"] = np.zeros(parameter.shape, parameter.dtype)
                settings.fresh = 1
        values, gradient = open_values(parameter), plain(parameter.gradient, parameter.array)
        kernels, n, state_data[0] = kernels_of(values), cnp.PyArray_SIZE(values), fitting(buffer, values, "momentum")
        gradient_data = fitting(gradient, values, "gradient")
        with nogil:
            run_sgd(kernels, n, &settings, cnp.PyArray_DATA(values), gradient_data, state_data[0])
        close_values(parameter, values)


def adam(list parameters, dict states, begin, double rate, double beta1, double beta2, double eps, double decay,
         bint decoupled, bint amsgrad, bint maximize):
    """Step every parameter that has a gradient; ``begin(parameter)`` makes the state of a new one."""
    cdef TensorBase parameter
    cdef cnp.ndarray values, gradient
    cdef const fa_trainer_kernels *kernels
    cdef size_t n
    cdef void *state_data[3]
    cdef void *gradient_data
    cdef fa_adam settings
    cdef long long step
    settings.beta1, settings.beta2, settings.eps, settings.maximize = beta1, beta2, eps, maximize
    settings.decay = 0 if decoupled else decay
    settings.keep = 1 - rate * decay if decoupled else 1
    for parameter in parameters:
        if parameter.gradient is None:
            continue
        state = states.get(parameter)
        if state is None:
            state = states[parameter] = begin(parameter)
        step = state["step"] + 1
        settings.rate = rate / (1 - pow(beta1, step))
        settings.root_bias = sqrt(1 - pow(beta2, step))
        values, gradient = open_values(parameter), plain(parameter.gradient, parameter.array)
        kernels, n = kernels_of(values), cnp.PyArray_SIZE(values)
        gradient_data = fitting(gradient, values, "gradient")
        state_data[0] = fitting(state["exp_avg"], values, "first moment")
        state_data[1] = fitting(state["exp_avg_sq"], values, "second moment")
        state_data[2] = fitting(state["max_exp_avg_sq"] if amsgrad else None, values, "largest second moment")
        with nogil:
            run_adam(kernels, n, &settings, cnp.PyArray_DATA(values), gradient_data, state_data[0], state_data[1],
                     state_data[2])
        state["step"] = step
        close_values(parameter, values)
