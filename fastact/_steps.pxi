# The steps of the optimizers: kernels of csrc/optim.h, for a whole group at once where it lies in one piece of memory.
#
# Settings and states are looked after in fastact/optim; no formula belongs here but the biases of Adam's moments.

from cpython.buffer cimport PyBuffer_FillInfo
from libc.math cimport pow, sqrt
from libc.string cimport memset

cdef enum Algorithm:
    SGD, ADAM, RMSPROP, ADAGRAD

cdef enum:
    STATES = 3              # arrays of a state at most
    ALIGNED = 64            # bytes, where each parameter of a group begins

ctypedef union Settings:
    fa_sgd sgd
    fa_adam adam
    fa_rmsprop rmsprop
    fa_adagrad adagrad

ctypedef struct Plan:       # one step of one group
    Algorithm algorithm
    double rate
    double dampening
    double fading           # of the rate, Adagrad's lr_decay
    Settings settings


cdef fa_step *kernel_of(const Plan *plan, cnp.ndarray array) except NULL:
    cdef const fa_trainer_kernels *kernels = trainer_kernels(array)
    if kernels == NULL:
        raise TypeError(f"optimizers train float32 and float64 parameters, got {(<object>array).dtype}; convert the model")
    if plan.algorithm == SGD:
        return kernels.sgd
    if plan.algorithm == ADAM:
        return kernels.adam
    return kernels.rmsprop if plan.algorithm == RMSPROP else kernels.adagrad


@cython.cdivision(True)
cdef int tune(Plan *plan, long long step) except -1:
    """The settings that depend on how many steps were done, this one included."""
    if step < 1:
        raise ValueError(f"a state has step={step - 1}: it counts the steps done, from 0")
    if plan.algorithm == SGD:
        plan.settings.sgd.fresh = 1 if step == 1 else 1 - plan.dampening    # the first direction is the whole gradient
    elif plan.algorithm == ADAM:
        plan.settings.adam.rate = plan.rate / (1 - pow(plan.settings.adam.beta1, <double>step))
        plan.settings.adam.unbias = 1 / sqrt(1 - pow(plan.settings.adam.beta2, <double>step))
    elif plan.algorithm == ADAGRAD:
        plan.settings.adagrad.rate = plan.rate / (1 + <double>(step - 1) * plan.fading)


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


cdef void run(fa_step *kernel, size_t n, const Plan *plan, void *values, const void *gradient, void *const *state) noexcept nogil:
    cdef fa_fp_state saved = fa_fp_enter_flushing()
    kernel(n, &plan.settings, values, gradient, state)
    fa_fp_leave(saved)


cdef dict state_of(const Plan *plan, dict states, TensorBase parameter, tuple names):
    """The state of a parameter; what is missing of it begins as zeros."""
    state = states.get(parameter)
    if state is None:
        state = states[parameter] = {"step": 0}
    for name in names:
        if name is not None and state.get(name) is None:
            state[name] = np.zeros(parameter.shape, parameter.dtype)
            if plan.algorithm == SGD:
                state["step"] = 0
    return state


cdef step_one(Plan *plan, TensorBase parameter, dict state, tuple names):
    """Step a parameter by itself, whatever the layout of its array."""
    cdef void *data[STATES]
    cdef void *gradient_data
    cdef cnp.ndarray values, gradient
    cdef fa_step *kernel
    cdef size_t n
    if not cnp.PyArray_ISWRITEABLE(parameter.array):
        raise ValueError("a parameter's array is read-only, and a step changes it in place; give the parameter a copy")
    values, gradient = plain(parameter.array, parameter.array), plain(parameter.gradient, parameter.array)
    kernel, n = kernel_of(plan, values), cnp.PyArray_SIZE(values)
    gradient_data = fitting(gradient, values, "gradient")
    memset(data, 0, sizeof(data))
    for i in range(len(names)):
        if names[i] is not None:
            data[i] = fitting(state[names[i]], values, names[i])
    tune(plan, state["step"] + 1)
    with nogil:
        run(kernel, n, plan, cnp.PyArray_DATA(values), gradient_data, data)
    state["step"] += 1
    if values is not parameter.array:
        parameter.array[...] = values
    touch(parameter)


cdef class Piece:
    """Values, gradients and states of a group of parameters, each in one piece of memory.

    A parameter is in the piece as long as its array and the arrays of its state are the views that were given to it, so
    whoever assigns others merely takes it out. Its gradient is there if it was written to its home.
    """
    cdef list parameters, values, homes, states
    cdef cnp.ndarray flat_values, flat_gradient
    cdef list flat_states
    cdef tuple names

    def __reduce__(self):
        return Piece, ()

    cdef bint collect(self, list parameters, dict states, tuple names):
        """Bring a group together; False where it cannot be: mixed dtypes, or arrays that somebody else holds."""
        cdef TensorBase parameter
        cdef list places = []
        self.parameters = None
        end = 0
        if not parameters:
            return False
        dtype = parameters[0].dtype
        for parameter in parameters:
            if parameter.dtype != dtype or not movable(parameter):
                return False
            places.append(end)
            end += -(-cnp.PyArray_NBYTES(parameter.array) // ALIGNED) * ALIGNED
        sections = iter(spread(2 + len(names) - names.count(None), end, parameters, places))
        self.flat_values, self.values = next(sections)
        self.flat_gradient, self.homes = next(sections)
        self.flat_states, self.states = [], []
        for name in names:
            flat, views = (None, None) if name is None else next(sections)
            self.flat_states.append(flat)
            self.states.append(views)
        self.names = names
        self.move(parameters, states)
        self.parameters = list(parameters)
        return True

    cdef move(self, list parameters, dict states):
        """Copy everything to its place, and hand the views over."""
        cdef TensorBase parameter
        cdef Py_ssize_t i
        for i, parameter in enumerate(parameters):
            self.values[i][...] = parameter.array
            parameter.array = self.values[i]
            parameter.home = self.homes[i]
            if parameter.gradient is not None and holders(<PyObject *>parameter.gradient) == 1:
                self.homes[i][...] = parameter.gradient
                parameter.gradient = self.homes[i]
            state = states[parameter]
            for name, views in zip(self.names, self.states):
                if name is not None:
                    views[i][...] = state[name]
                    state[name] = views[i]
        self.homes = None       # so that a home is known to be free when nobody but its parameter holds it

    cdef bint is_whole(self, list parameters, dict states):
        """Whether every parameter of the group is in the piece, with its gradient, after equally many steps."""
        cdef TensorBase parameter
        cdef Py_ssize_t i, k
        cdef object count = None
        if self.parameters is None or len(parameters) != len(self.parameters):
            return False
        for i in range(len(parameters)):
            parameter = parameters[i]
            if (parameter is not self.parameters[i] or parameter.array is not self.values[i]
                    or parameter.gradient is None or parameter.gradient is not parameter.home):
                return False
            state = states.get(parameter)
            if state is None or (count is not None and state["step"] != count):
                return False
            count = state["step"]
            for k in range(len(self.names)):
                if self.names[k] is not None and state[self.names[k]] is not self.states[k][i]:
                    return False
        return True

    cdef step(self, Plan *plan, dict states):
        """Step the whole group in one call."""
        cdef void *data[STATES]
        cdef TensorBase parameter
        cdef fa_step *kernel = kernel_of(plan, self.flat_values)
        cdef size_t n = cnp.PyArray_SIZE(self.flat_values)
        memset(data, 0, sizeof(data))
        for k in range(len(self.names)):
            if self.names[k] is not None:
                data[k] = cnp.PyArray_DATA(<cnp.ndarray>self.flat_states[k])
        count = states[self.parameters[0]]["step"] + 1
        tune(plan, count)
        with nogil:
            run(kernel, n, plan, cnp.PyArray_DATA(self.flat_values), cnp.PyArray_DATA(self.flat_gradient), data)
        for parameter in self.parameters:
            states[parameter]["step"] = count
            touch(parameter)


cdef bint movable(TensorBase parameter):
    """Whether the values may move: an array in order that nobody else holds, over memory that nobody else sees."""
    base = (<object>parameter.array).base
    return (trainer_kernels(parameter.array) != NULL and cnp.PyArray_ISCARRAY(parameter.array)
            and (base is None or isinstance(base, Memory)) and holders(<PyObject *>parameter.array) == 1)


cdef class Memory:
    """Memory of an array as a base that is no array, so that a slice of a view of it holds that view."""
    cdef cnp.ndarray array

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, cnp.PyArray_DATA(self.array), cnp.PyArray_NBYTES(self.array), 0, flags)


cdef list spread(Py_ssize_t count, Py_ssize_t size, list parameters, list places):
    """`count` sections of `size` bytes of zeros in one piece, each with a view of it for every parameter.

    One piece, so that NumPy asks for large pages where it is large; the sections are a few lines more apart than they are
    long, so that equal places of them do not fall into one set of a cache.
    """
    cdef Memory memory = Memory.__new__(Memory)
    dtype = parameters[0].dtype
    apart = size + 5 * ALIGNED
    whole = np.empty((count * apart + ALIGNED) // dtype.itemsize, dtype)
    whole.fill(0)
    start = -whole.ctypes.data % ALIGNED
    memory.array = whole
    return [
        (np.ndarray(size // dtype.itemsize, dtype, memory, begin),
         [np.ndarray(parameter.shape, dtype, memory, begin + place) for parameter, place in zip(parameters, places)])
        for begin in range(start, start + count * apart, apart)
    ]


cdef walk(Plan *plan, list parameters, dict states, tuple names, Piece piece):
    """Step every parameter that has a gradient; the first time bring the group together afterwards."""
    cdef TensorBase parameter
    cdef bint all_stepped = True
    if piece.names == names and piece.is_whole(parameters, states):
        piece.step(plan, states)
        return
    for parameter in parameters:
        if parameter.gradient is None:
            all_stepped = False
        else:
            step_one(plan, parameter, state_of(plan, states, parameter, names), names)
    parameter = None
    if piece.names != names and all_stepped:
        piece.names = names         # tried once
        piece.collect(parameters, states, names)


def sgd(list parameters, dict states, Piece piece not None, double rate, double momentum, double dampening, double decay,
        bint nesterov, bint maximize):
    """Step every parameter of a group that has a gradient, by stochastic gradient descent."""
    cdef Plan plan
    cdef tuple names = ("momentum_buffer",) if momentum != 0 else (None,)
    plan.algorithm, plan.rate, plan.dampening = SGD, rate, dampening
    plan.settings.sgd = fa_sgd(rate, momentum, 1, decay, nesterov, maximize)
    walk(&plan, parameters, states, names, piece)


def adam(list parameters, dict states, Piece piece not None, double rate, double beta1, double beta2, double eps, double decay,
         bint decoupled, bint amsgrad, bint maximize):
    """Step every parameter of a group that has a gradient, by Adam or AdamW."""
    cdef Plan plan
    cdef tuple names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if amsgrad else None)
    plan.algorithm, plan.rate = ADAM, rate
    plan.settings.adam = fa_adam(rate, beta1, beta2, 1, eps, 0 if decoupled else decay, 1 - rate * decay if decoupled else 1,
                                 amsgrad, maximize)
    walk(&plan, parameters, states, names, piece)


def rmsprop(list parameters, dict states, Piece piece not None, double rate, double alpha, double eps, double decay,
            double momentum, bint centered, bint maximize):
    """Step every parameter of a group that has a gradient, by RMSprop."""
    cdef Plan plan
    cdef tuple names = ("square_avg", "momentum_buffer" if momentum > 0 else None, "grad_avg" if centered else None)
    plan.algorithm, plan.rate = RMSPROP, rate
    plan.settings.rmsprop = fa_rmsprop(rate, alpha, eps, decay, momentum, centered, maximize)
    walk(&plan, parameters, states, names, piece)


def adagrad(list parameters, dict states, Piece piece not None, double rate, double fading, double eps, double decay,
            bint maximize):
    """Step every parameter of a group that has a gradient, by Adagrad."""
    cdef Plan plan
    plan.algorithm, plan.rate, plan.fading = ADAGRAD, rate, fading
    plan.settings.adagrad = fa_adagrad(rate, eps, decay, maximize)
    walk(&plan, parameters, states, ("sum",), piece)
