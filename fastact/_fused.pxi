# Operations that are one node of the tape because they are one fused computation: the linear layer and the losses.
#
# What is merely composed of ufuncs belongs in Python; what the tape itself needs belongs in _tape.pyx.

from fastact import _core, activations, vjp

from fastact._core cimport FA_F32, FA_F64, row_entries
from fastact._row_types cimport fa_row_entries

cdef const fa_row_entries *rows = <const fa_row_entries *>row_entries()
cdef object np_matmul = np.matmul
cdef object relu = activations.relu, vjp_relu = vjp.relu
cdef object row_loss = _core.row_loss, bad_index = _core.bad_index
cdef object weight_of = _core.weight_of
cdef int CROSS_ENTROPY = _core.CROSS_ENTROPY


cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_MatrixProduct2(object, object, cnp.ndarray)

cdef enum:
    LARGE = 1 << 14         # elements from which a product is worth the dearer call that does not fill with zeros first
    NARROW = 32             # columns of a gradient below which turning the product costs less than turning its factors
    TURNED = 1 << 19        # multiplications from which a product with the turned input is worth the turning


cdef cnp.ndarray product(cnp.ndarray a, cnp.ndarray b, cnp.ndarray out):
    """The matrix product, into `out` unless that is None."""
    if a.ndim == 2 and a.shape[0] * b.shape[1] >= LARGE:
        return np_matmul(a, b) if out is None else np_matmul(a, b, out)
    return cnp.PyArray_MatrixProduct(a, b) if out is None else PyArray_MatrixProduct2(a, b, out)


cdef cnp.ndarray weight_gradient(cnp.ndarray g, cnp.ndarray x, cnp.ndarray out):
    """gᵀ x, into `out` unless that is None."""
    if lies_turned(x) and g.shape[1] < NARROW:
        x = cnp.PyArray_MatrixProduct(cnp.PyArray_Transpose(x, NULL), g)
        if out is None:
            return np.ascontiguousarray(x.T)
        cnp.PyArray_CopyInto(out, cnp.PyArray_Transpose(x, NULL))
        return out
    return product(cnp.PyArray_Transpose(g, NULL), x, out)


cdef cnp.ndarray matrix(cnp.ndarray a):
    """`a` with all its axes but the last made one; -1 would not do, which nothing follows from where rows are empty."""
    cdef Py_ssize_t count = 1
    for i in range(a.ndim - 1):
        count *= a.shape[i]
    return a.reshape(count, a.shape[a.ndim - 1])


cdef cnp.ndarray new_sum(cnp.ndarray rows, cnp.ndarray out):
    """`out`, or if that is None an array for the sum of the rows."""
    if out is None:
        return cnp.PyArray_EMPTY(1, &rows.shape[rows.ndim - 1], cnp.PyArray_TYPE(rows), 0)
    return out


cdef cnp.ndarray sum_rows(cnp.ndarray rows, cnp.ndarray out):
    """The sum of the rows of a matrix, into `out` unless that is None."""
    cdef const fa_trainer_kernels *kernels = trainer_kernels(rows)
    cdef size_t count = rows.shape[0], n = rows.shape[1]
    cdef cnp.ndarray total = new_sum(rows, out)
    cdef fa_fp_state saved
    if kernels == NULL or not cnp.PyArray_ISCARRAY_RO(rows):
        return np_add.reduce(rows, 0, None, total)
    with nogil:
        saved = fa_fp_enter()
        kernels.sum_rows(count, n, NULL, cnp.PyArray_DATA(rows), NULL, cnp.PyArray_DATA(total))
        fa_fp_leave(saved)
    return total


cdef add_bias(cnp.ndarray y, cnp.ndarray bias, bint rectify):
    """Add `bias` (None: nothing) to every row of `y`, then take relu of it if `rectify`; in place."""
    cdef const fa_trainer_kernels *kernels = trainer_kernels(y)
    cdef size_t n = y.shape[y.ndim - 1], count
    cdef void *bias_data = NULL
    cdef fa_fp_state saved
    if kernels == NULL or not cnp.PyArray_ISCARRAY(y) or bias is not None and (
            bias.ndim != 1 or bias.shape[0] != y.shape[y.ndim - 1] or cnp.PyArray_TYPE(bias) != cnp.PyArray_TYPE(y)
            or not cnp.PyArray_ISCARRAY_RO(bias)):
        if bias is not None:
            np_add(y, bias, y)
        if rectify:
            relu(y, y)
        return
    if bias is not None:
        bias_data = cnp.PyArray_DATA(bias)
    elif not rectify:
        return
    count = <size_t>cnp.PyArray_SIZE(y) // n if n else 0
    with nogil:
        saved = fa_fp_enter()
        kernels.add_bias(count, n, cnp.PyArray_DATA(y), bias_data, rectify)
        fa_fp_leave(saved)


cdef inline bint lies_turned(cnp.ndarray x) noexcept:
    """Whether x is a matrix whose columns are contiguous, and its rows are not."""
    return x.ndim == 2 and cnp.PyArray_ISFARRAY_RO(x) and not cnp.PyArray_ISCARRAY_RO(x)


cdef cnp.ndarray turned(cnp.ndarray g, cnp.ndarray y, cnp.ndarray out, cnp.ndarray total):
    """The matrix `g`, which lies in rows, as one that lies turned: in `out`, or if that is None in new memory.

    Times relu's derivative at `y` unless that is None; its rows are added up into `total` unless that is None.
    """
    cdef const fa_trainer_kernels *kernels = trainer_kernels(g)
    cdef cnp.npy_intp shape[2]
    cdef size_t count = g.shape[0], n = g.shape[1]
    cdef void *mask = NULL if y is None else cnp.PyArray_DATA(y)
    cdef void *sum = NULL if total is None else cnp.PyArray_DATA(total)
    cdef fa_fp_state saved
    if out is None:
        shape[0], shape[1] = g.shape[1], g.shape[0]
        out = cnp.PyArray_Transpose(cnp.PyArray_EMPTY(2, shape, cnp.PyArray_TYPE(g), 0), NULL)
    with nogil:
        saved = fa_fp_enter_flushing()
        kernels.turn(count, n, cnp.PyArray_DATA(g), mask, cnp.PyArray_DATA(out), sum)
        fa_fp_leave(saved)
    return out


cdef cnp.ndarray turned_layer(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, bint rectify):
    """x Wᵀ + b lying turned, W xᵀ: the form of the product that BLAS is fastest in. None where it is not worth it."""
    cdef const fa_trainer_kernels *kernels = trainer_kernels(x)
    cdef cnp.ndarray y
    cdef size_t count, n
    cdef fa_fp_state saved
    if (kernels == NULL or x.ndim != 2 or weight.shape[0] < 2 or x.shape[0] < 2
            or <double>cnp.PyArray_SIZE(x) * weight.shape[0] < TURNED or bias is not None and (
            bias.ndim != 1 or bias.shape[0] != weight.shape[0] or cnp.PyArray_TYPE(bias) != cnp.PyArray_TYPE(x)
            or not cnp.PyArray_ISCARRAY_RO(bias))):
        return None
    if not lies_turned(x):
        if not cnp.PyArray_ISCARRAY_RO(x):
            return None
        x = turned(x, None, None, None)
    y = product(weight, cnp.PyArray_Transpose(x, NULL), None)
    count, n = y.shape[1], y.shape[0]
    if bias is not None or rectify:
        with nogil:
            saved = fa_fp_enter()
            kernels.add_bias_turned(count, n, cnp.PyArray_DATA(y), NULL if bias is None else cnp.PyArray_DATA(bias), rectify)
            fa_fp_leave(saved)
    return cnp.PyArray_Transpose(y, NULL)


cdef inline bint is_one(object g):
    """Whether `g` is a single 1: the gradient that a backward pass begins with."""
    if not isinstance(g, cnp.ndarray) or cnp.PyArray_NDIM(<cnp.ndarray>g) != 0:
        return False
    if cnp.PyArray_TYPE(<cnp.ndarray>g) == cnp.NPY_FLOAT:
        return (<float *>cnp.PyArray_DATA(<cnp.ndarray>g))[0] == 1
    return cnp.PyArray_TYPE(<cnp.ndarray>g) == cnp.NPY_DOUBLE and (<double *>cnp.PyArray_DATA(<cnp.ndarray>g))[0] == 1


@cython.final
cdef class LinearNode(Node):
    """y = x Wᵀ + b, or relu or another activation of that, in one node.

    Its products run with subnormal numbers flushed: gradients die out in them, and each costs a hundredfold.
    """
    cdef cnp.ndarray x, weight
    cdef cnp.ndarray activated          # what the activation's derivative is taken of (relu: its own result); None: none
    cdef object derivative              # (activated, g) -> gradient, None for relu

    cdef tuple backward(self, object g):
        cdef fa_fp_state saved = fa_fp_enter_flushing()
        try:
            return self.products(g)
        finally:
            fa_fp_leave(saved)

    cdef tuple products(self, cnp.ndarray rows):
        cdef cnp.ndarray x = self.x
        cdef cnp.ndarray dbias = None
        dx = dweight = None
        if cnp.PyArray_TYPE(rows) != cnp.PyArray_TYPE(self.weight):     # bfloat16 times a number
            rows = cnp.PyArray_Cast(rows, cnp.PyArray_TYPE(self.weight))
        if self.derivative is not None:
            if trainer_kernels(rows) != NULL and lies_turned(self.activated) and cnp.PyArray_ISCARRAY_RO(rows):
                rows = turned(rows, None, None, None)
            rows = self.derivative(self.activated, rows)
        elif self.activated is not None:
            if self.edges[2] is not None:
                dbias = new_sum(rows, free_home(self.edges[2]))
            rows = self.rectified(rows, dbias)
        if self.edges[0] is not None:
            dx = product(rows, self.weight, None)
        if rows.ndim != 2:
            rows, x = matrix(rows), matrix(x)
        if self.edges[1] is not None:
            dweight = weight_gradient(rows, x, free_home(self.edges[1]))
        if self.edges[2] is not None and dbias is None:
            dbias = sum_rows(rows, free_home(self.edges[2]))
        return dx, dweight, dbias

    cdef cnp.ndarray rectified(self, cnp.ndarray g, cnp.ndarray total):
        """`g` where the result is above 0, its rows added up into `total`; in the place of the result if that is free."""
        cdef cnp.ndarray y = self.activated, out
        cdef const fa_trainer_kernels *kernels = trainer_kernels(y)
        cdef size_t n = y.shape[y.ndim - 1], count
        cdef void *sum = NULL if total is None else cnp.PyArray_DATA(total)
        cdef fa_fp_state saved
        cdef bint free = not self.retained and holders(<PyObject *>y) <= 2      # the node, and the name here
        cdef bint fused = (kernels != NULL and cnp.PyArray_TYPE(g) == cnp.PyArray_TYPE(y)
                           and cnp.PyArray_ISCARRAY_RO(g))
        if fused and lies_turned(y):
            return turned(g, y, y if free else None, total)
        if not fused or not cnp.PyArray_ISCARRAY_RO(y):
            out = np.ascontiguousarray(vjp_relu(y, g))
            if total is not None:
                sum_rows(out.reshape(-1, n), total)
            return out
        out = y if free else cnp.PyArray_EMPTY(y.ndim, y.shape, cnp.PyArray_TYPE(y), 0)
        count = <size_t>cnp.PyArray_SIZE(y) // n if n else 0
        with nogil:
            saved = fa_fp_enter_flushing()
            kernels.sum_rows(count, n, cnp.PyArray_DATA(y), cnp.PyArray_DATA(g), cnp.PyArray_DATA(out), sum)
            fa_fp_leave(saved)
        return out

    cdef release(self):
        Node.release(self)
        self.x = self.weight = self.activated = None
        self.derivative = None


@cython.final
cdef class LossNode(Node):
    """A loss whose gradient came with its value in one fused call."""
    cdef object derivative
    cdef object expand                  # how the gradient of an unreduced loss meets the derivative

    cdef tuple backward(self, object g):
        if self.expand is not None:
            return (self.derivative * self.expand(g),)
        return (self.derivative if is_one(g) else self.derivative * g,)

    cdef release(self):
        Node.release(self)
        self.derivative = self.expand = None


def record_loss(value, derivative, TensorBase operand, str name, expand=None):
    """A Tensor around a loss whose `derivative` with respect to `operand` is already known."""
    cdef LossNode node = LossNode.__new__(LossNode)
    node.derivative = derivative
    node.expand = expand
    return wrap(value, prepare(node, name, (operand,), False))


cdef bint are_plain(cnp.ndarray x, cnp.ndarray index):
    """Whether x is a matrix of floats, and index an int64 for each of its rows, both as kernels take them."""
    return (
        x.ndim == 2 and index.ndim == 1 and x.shape[0] == index.shape[0] and x.shape[0] > 0 and x.shape[1] > 0
        and (cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT or cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE)
        and cnp.PyArray_TYPE(index) == cnp.NPY_INT64
        and cnp.PyArray_ISCARRAY_RO(x) and cnp.PyArray_ISCARRAY_RO(index)
    )


cdef cnp.ndarray mean_of(cnp.ndarray x, double total, double count):
    """total / count, a 0-d array of x's dtype."""
    cdef cnp.ndarray array = cnp.PyArray_EMPTY(0, NULL, cnp.PyArray_TYPE(x), 0)
    rows.deliver(FA_F32 if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else FA_F64, cnp.PyArray_DATA(array), total, count)
    return array


def batch_cross_entropy(TensorBase logits not None, target, long long ignore_index, reduction, double smoothing):
    """The direct lane of cross_entropy: a matrix of logits, a class index for each row, no weights.

    None where the arguments want a closer look, or an error wants its words: `fastact.cross_entropy` has both.
    """
    cdef cnp.ndarray x = logits.array, index, gradient = None
    cdef double count = 1, factor
    if isinstance(target, TensorBase):
        target = (<TensorBase>target).array
    if not isinstance(target, cnp.ndarray) or not are_plain(x, target) or not 0 <= smoothing <= 1:
        return None
    index = target
    if bad_index(index, x.shape[1], ignore_index) >= 0 or (reduction != "mean" and reduction != "sum"):
        return None
    if reduction == "mean":
        count = weight_of(index, ignore_index, None)
        if count == 0:
            return None
    wanted = any_wants((logits,))
    if wanted:
        gradient = cnp.PyArray_EMPTY(2, x.shape, cnp.PyArray_TYPE(x), 0)
    rows.deliver(FA_F64, &factor, 1, count)
    loss = row_loss(CROSS_ENTROPY, x, 1, index, None, None, x.shape[1], smoothing, ignore_index, factor, None, gradient)
    value = mean_of(x, loss, count)
    return record_loss(value, gradient, logits, "CrossEntropy") if wanted else wrap(value)


def linear(x, TensorBase weight not None, TensorBase bias=None, activation=None, derivative=None, bint turn=False):
    """x Wᵀ + b, or an activation of it, as one node; x may be anything that becomes an array, and takes the weight's dtype.

    Parameters
    ----------
    activation, derivative : callable, optional
        A function of one array, and its vjp ``(array, g)``.
    turn : bool
        Whether the result may lie turned in memory: it goes into another linear layer and nowhere else.
    """
    cdef LinearNode node
    cdef cnp.ndarray array = linear_input(x, weight), z = None
    cdef bint rectify = activation is relu
    if turn:
        z = turned_layer(array, weight.array, None if bias is None else bias.array, rectify)
    if z is None:
        z = product(array, cnp.PyArray_Transpose(weight.array, NULL), None)
        add_bias(z, None if bias is None else bias.array, rectify)
    y = z if rectify or activation is None else activation(z)
    operands = (x, weight, bias)
    if not any_wants(operands):
        return wrap(y)
    node = LinearNode.__new__(LinearNode)
    node.x, node.weight = array, weight.array
    if activation is not None:
        node.activated = z
        node.derivative = None if rectify else derivative
        node.keeps = rectify
    return wrap(y, prepare(node, "Linear", operands, True))


cdef cnp.ndarray linear_input(object x, TensorBase weight):
    cdef cnp.ndarray array
    array = (<TensorBase>x).array if isinstance(x, TensorBase) else np.asarray(x)
    if cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(weight.array):
        if isinstance(x, TensorBase) and is_floating(array):
            raise TypeError(f"a {array.dtype} tensor meets a layer of {weight.array.dtype} weights; convert one with .to()")
        array = array.astype(weight.array.dtype)
    if array.ndim == 0 or weight.array.ndim != 2 or array.shape[array.ndim - 1] != weight.array.shape[1]:
        raise ValueError(f"an input of shape {(<object>array).shape} does not fit a weight of shape "
                         f"{(<object>weight.array).shape}: its last axis must have length {(<object>weight.array).shape[-1]}")
    return array
