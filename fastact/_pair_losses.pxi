# The entry to the losses of pairs.  Arguments beyond plain arrays are handled in _pair_losses.py and its helpers; no arithmetic
# on elements here.

cpdef double pair_loss(
    int which, cnp.ndarray x, cnp.ndarray target, weight, positive, double parameter, double factor, each, gradient,
) except? -1:
    """The sum of a loss of pairs over C-contiguous arrays of one size.  weight and positive, contiguous or None, repeat
    after their lengths; each and gradient take the losses and the gradient of factor times their sum, unless None."""
    cdef fa_pair_call call
    cdef double total = 0
    cdef int status
    cdef PyThreadState *others
    call.target_dtype = dtype_of(target)
    call.dtype, call.which, call.n = dtype_of(x), which, <size_t>cnp.PyArray_SIZE(x)
    call.x, call.target = cnp.PyArray_DATA(x), cnp.PyArray_DATA(target)
    call.weight = call.positive = NULL
    call.weight_length = call.positive_length = 0
    if weight is not None:
        call.weight, call.weight_length = cnp.PyArray_DATA(weight), <size_t>cnp.PyArray_SIZE(weight)
    if positive is not None:
        call.positive, call.positive_length = cnp.PyArray_DATA(positive), <size_t>cnp.PyArray_SIZE(positive)
    call.parameter, call.factor, call.sum = parameter, factor, &total
    call.each = NULL if each is None else cnp.PyArray_DATA(each)
    call.gradient = NULL if gradient is None else cnp.PyArray_DATA(gradient)
    others = others_may_run(call.n)
    status = rows.pairs(&call)
    others_wait(others)
    if status != 0:
        raise MemoryError
    return total


cdef object pairs_general = None  # what sees to all other arguments; set when that module loads


def set_pairs_general(function):
    """_loss_pairs.py hands over its argument handling."""
    global pairs_general
    pairs_general = function


cdef bint plain_weight(object weight, cnp.ndarray x):
    """Whether weight is None or a plain array of x's shape in the dtype that is computed in."""
    if weight is None:
        return True
    return (cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT or cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE) and is_like(x, weight)


cdef double plain_parameter(cnp.ndarray x, dict options):
    """beta or delta, 0 if there is neither, -1 if it takes more thought."""
    cdef double least = 0
    if "beta" in options:
        value = options["beta"]
    elif "delta" in options:
        value, least = options["delta"], 1e-30
    else:
        return 0
    if type(value) is not float or not least <= <double>value < 1e30:
        return -1
    return <double>value if dtype_of(x) == FA_F64 else <double><float><double>value


cdef object direct_pairs(int which, object x, object target, dict options, bint with_gradient):
    """The loss, or (loss, gradient), of plain arrays of one shape and dtype, or None when _loss_pairs.py has to look."""
    cdef double parameter, count = 1
    cdef object each = None, gradient = None, reduction = options["reduction"]
    cdef object weight = options.get("weight"), positive = options.get("pos_weight")
    if not is_plain(x) or not is_like(x, target) or not plain_weight(weight, x) or not plain_weight(positive, x):
        return None
    parameter = plain_parameter(x, options)
    if parameter < 0 or (<cnp.ndarray>x).size == 0:
        return None
    if type(reduction) is not str:
        return None
    if reduction == "mean":
        count = <double>(<cnp.ndarray>x).size
    elif reduction == "batchmean" and which in (FA_PAIR_kl_div, FA_PAIR_kl_div_log_target):
        count = <double>cnp.PyArray_DIM(x, 0)
    elif reduction == "none":
        each = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
    elif reduction != "sum":
        return None
    if with_gradient:
        gradient = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), 0)
    factor = quotient(1, count) if with_gradient else 1
    total = pair_loss(which, x, target, weight, positive, parameter, factor, each, gradient)
    loss = mean_of(x, total, count) if each is None else each
    return (loss, gradient) if with_gradient else loss


def loss_of_pairs(function, int which, x, target, dict options, bint with_gradient):
    """The loss, or (loss, gradient), of a public function with its options."""
    result = direct_pairs(which, x, target, options, with_gradient)
    return pairs_general(function, which, x, target, options, with_gradient) if result is None else result


MSE, L1, SMOOTH_L1, HUBER = FA_PAIR_mse, FA_PAIR_l1, FA_PAIR_smooth_l1, FA_PAIR_huber
BINARY_CROSS_ENTROPY = FA_PAIR_binary_cross_entropy
BINARY_CROSS_ENTROPY_WITH_LOGITS = FA_PAIR_binary_cross_entropy_with_logits
KL_DIV, KL_DIV_LOG_TARGET = FA_PAIR_kl_div, FA_PAIR_kl_div_log_target
