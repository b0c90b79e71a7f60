# Ufuncs on Tensors: which dtype the operands meet in, the call, and the node that remembers how to differentiate it.
#
# The derivatives themselves are in _tensor_rules.py.

cdef dict rules = {}
cdef object float32 = np.dtype("float32")


cdef class Rule:
    cdef str name
    cdef tuple derivatives
    cdef object joint
    cdef bint saves, broadcasts
    cdef tuple keeps                    # for each operand whether its derivative reads the result; None: none does


def set_rule(ufunc, name, derivatives, bint saves=True, joint=None, keeps=None):
    """Record how `ufunc` is differentiated.

    `derivatives` holds one function ``(g, y, *operands, **options)`` for each operand (None: no gradient there), or is
    None when the result is constant almost everywhere. `saves` says whether they look at the operands' values. `joint`
    is one such function in place of all of them, which gives a tuple with None where there is no gradient. `keeps` says
    of each operand whether its derivative reads `y`.
    """
    cdef Rule rule = Rule.__new__(Rule)
    rule.name, rule.derivatives, rule.saves, rule.joint, rule.keeps = name, derivatives, saves, joint, keeps
    rule.broadcasts = ufunc.signature is None      # a gufunc's rule shapes its gradients itself
    rules[ufunc] = rule


@cython.final
cdef class UfuncNode(Node):
    """A ufunc, differentiated by its rule; gradients are summed over the axes that were broadcast."""
    cdef Rule rule
    cdef tuple values, shapes
    cdef object result
    cdef dict options

    cdef tuple backward(self, object g):
        cdef Py_ssize_t i
        cdef list gradients = [None] * len(self.edges)
        cdef tuple parts = None
        if self.rule.joint is not None:
            parts = self.rule.joint(g, self.result, *self.values)
        for i in range(len(self.edges)):
            if self.edges[i] is None:
                continue
            derivative = self.rule.derivatives[i] if parts is None else parts[i]
            if derivative is None:
                raise TypeError(f"{self.rule.name} has no derivative with respect to its operand {i}; detach() that tensor")
            if parts is not None:
                d = derivative
            elif not self.rule.saves:
                d = derivative(g)
            elif self.options:
                d = derivative(g, self.result, *self.values, **self.options)
            else:
                d = derivative(g, self.result, *self.values)
            gradients[i] = d if self.shapes is None else unbroadcast(d, self.shapes[i])
        return tuple(gradients)

    cdef release(self):
        Node.release(self)
        self.values = None
        self.result = None


cpdef object unbroadcast(object gradient, tuple shape):
    """Sum `gradient` over the axes along which an operand of `shape` was broadcast."""
    cdef tuple given = gradient.shape
    if given == shape:
        return gradient
    extra = len(given) - len(shape)
    axes = tuple([i for i in range(len(given)) if i < extra or (shape[i - extra] == 1 and given[i] != 1)])
    return np_add.reduce(gradient, axis=axes, keepdims=True).reshape(shape)


cdef object floating_type(tuple operands, bint with_weak):
    """The one floating dtype of the Tensors in `operands`; float32 for integer ones beside weak floats, if these count; or None."""
    cdef object found = None
    cdef bint some = False, weak = False
    cdef cnp.ndarray array
    for operand in operands:
        if isinstance(operand, TensorBase):
            some = True
            array = (<TensorBase>operand).array
            if is_floating(array):
                if found is None:
                    found = array.dtype
                elif found is not array.dtype and found != array.dtype:
                    raise TypeError(f"tensors of dtype {found} and {array.dtype} meet; convert one of them with .to()")
        elif with_weak and not is_number(operand):
            weak = weak or cnp.PyArray_ISFLOAT(cnp.PyArray_FROM_O(operand))
    return float32 if found is None and some and weak else found


cdef inline bint is_number(object operand) noexcept:
    return type(operand) is float or type(operand) is int or type(operand) is bool


cdef object as_value(object operand, object floating):
    """The array or scalar of an operand; all but Python scalars take the floating dtype of the tensors met."""
    cdef cnp.ndarray array
    if isinstance(operand, TensorBase):
        array = (<TensorBase>operand).array
    elif is_number(operand):
        return operand
    else:
        array = cnp.PyArray_FROM_OF(operand, cnp.NPY_ARRAY_ENSUREARRAY)
    if floating is not None and array.dtype is not floating and array.dtype.kind in "fiub":
        return array.astype(floating, copy=False)
    return array


def values_of(tuple operands):
    """The arrays of `operands`, weak ones in the floating dtype of the Tensors among them: float32, if those are integers."""
    floating = floating_type(operands, True)
    return [as_value(operand, floating) for operand in operands]


cdef object shapes_message(ufunc, tuple values, error):
    """`error`, or if shapes do not meet an error that says which, and what to do."""
    shapes = " and ".join(str(np.shape(value)) for value in values)
    if ufunc is np.matmul:
        return ValueError(f"shapes {shapes} do not meet in a matrix product: the last axis of the first must be as long as "
                          "the one before the last of the second; transpose one of them (.T)")
    try:
        np.broadcast_shapes(*map(np.shape, values))
    except ValueError:
        return ValueError(f"shapes {shapes} do not meet in {ufunc.__name__}: counted from the right, axes must be equally "
                          "long or 1; reshape one of them, or unsqueeze an axis")
    return error


def apply_ufunc(ufunc, tuple operands, dict options=None):
    """Call `ufunc` on Tensors and others; the result is a Tensor, recorded if an operand wants its gradient."""
    cdef object floating = floating_type(operands, False)
    cdef tuple values = tuple([as_value(operand, floating) for operand in operands])
    cdef Rule rule = None
    if any_wants(operands):
        rule = rules.get(ufunc)
        if rule is None:
            raise TypeError(f"no derivative is known for {ufunc!r}; detach() the tensors that require grad, or use no_grad()")
    try:
        result = ufunc(*values, **options) if options else ufunc(*values)
    except ValueError as error:
        raise shapes_message(ufunc, values, error) from None
    if type(result) is tuple:
        return tuple([wrap(part) for part in result])
    if floating is None and (<object>result).dtype.char in "de":
        if (<object>result).dtype.char == "e":      # NumPy computes small integers in half precision
            values = tuple([np.asarray(value, np.float32) for value in values])
            result = ufunc(*values, **options) if options else ufunc(*values)
        result = result.astype(np.float32)
    elif (floating is not None and cnp.PyTypeNum_ISUSERDEF((<cnp.dtype>floating).type_num)
          and (<object>result).dtype is float32):       # numbers of Python's do not yield to bfloat16, matmul has none
        result = result.astype(floating)
    if rule is None or rule.derivatives is None:
        return wrap(result)
    return wrap(result, ufunc_node(rule, operands, values, result, options))


cdef Node ufunc_node(Rule rule, tuple operands, tuple values, object result, dict options):
    cdef UfuncNode node = UfuncNode.__new__(UfuncNode)
    node.rule = rule
    shape = result.shape
    if rule.broadcasts:
        for operand in operands:
            if isinstance(operand, TensorBase) and (<TensorBase>operand).shape != shape:
                node.shapes = tuple([np.shape(value) for value in values])
                break
    if rule.saves:
        node.values, node.result, node.options = values, result, options
    prepare(node, rule.name, operands, rule.saves)
    if rule.keeps is not None:
        for edge, kept in zip(node.edges, rule.keeps):
            if kept and edge is not None:
                node.keeps = True
    return node
