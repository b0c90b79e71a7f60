# The softmax family over any axis of any strided arrays, and its gufuncs.  Plain arrays take the direct lane of _rows.pxi; no
# arithmetic on elements here.

cdef extern from "Python.h":
    PyObject *PyErr_NoMemory()  # without Cython's check, which would raise on the spot: a loop can only leave the error set

# What a call does: a map, logsumexp, or one of the vector-Jacobian products.
cdef enum Kind:
    MAP, LOGSUMEXP, VJP, VJP_LOGSUMEXP

cdef enum:
    MAX_OPERANDS = 3

cdef struct Job:
    Kind kind
    int which
    int n_operands


cdef int run(const Job *job, const fa_row_shape *shape, const fa_row_array *operand) noexcept nogil:
    if job.kind == MAP:
        return rows.map(job.which, shape, operand[0], operand[1])
    if job.kind == LOGSUMEXP:
        return rows.logsumexp(shape, operand[0], operand[1])
    if job.kind == VJP:
        return rows.vjp(job.which, shape, operand[0], operand[1], operand[2])
    return rows.vjp_logsumexp(shape, operand[0], operand[1], operand[2])


cdef struct RowLoop:
    Job job
    fa_dtype dtype


cdef void gufunc_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef const RowLoop *loop = <const RowLoop *>data
    cdef fa_row_shape shape
    cdef fa_row_array operand[MAX_OPERANDS]
    cdef int i, core = loop.job.n_operands
    shape.dtype, shape.outer, shape.inner, shape.n = loop.dtype, 1, <size_t>dimensions[0], <size_t>dimensions[1]
    for i in range(loop.job.n_operands):
        operand[i].data, operand[i].step[0], operand[i].step[1] = args[i], 0, steps[i]
        operand[i].step[2] = 0
        if not (i == 1 and (loop.job.kind == LOGSUMEXP or loop.job.kind == VJP_LOGSUMEXP)):
            operand[i].step[2] = steps[core]
            core += 1
    if run(&loop.job, &shape, operand) != 0:
        with gil:
            PyErr_NoMemory()


cdef enum:
    MAX_LOOPS = 16

cdef list made_gufuncs = []  # every gufunc, with the place of its first loop and its number of operands
cdef RowLoop loops[MAX_LOOPS]
cdef void *loop_data[MAX_LOOPS]
cdef char loop_types[MAX_LOOPS * MAX_OPERANDS]
cdef cnp.PyUFuncGenericFunction loop_functions[MAX_LOOPS]
cdef RowLoop bfloat16_loops[MAX_LOOPS]
cdef int n_loops = 0


def make_gufunc(name, signature, doc, int kind, int which, int n_operands):
    """The gufunc over the last axis; kind is MAPS or LOGSUMEXPS."""
    global n_loops
    cdef int first = n_loops, i
    cdef char *types = loop_types + MAX_OPERANDS * first
    numbers = ((FA_F32, cnp.NPY_FLOAT), (FA_F64, cnp.NPY_DOUBLE), (FA_F16, NPY_HALF))
    for position, (dtype, number) in enumerate(numbers):  # in this order int8 goes to float32
        loops[n_loops] = RowLoop(Job(<Kind>kind, which, n_operands), dtype)
        loop_data[n_loops] = &loops[n_loops]
        loop_functions[n_loops] = gufunc_loop
        for i in range(n_operands):
            types[position * n_operands + i] = <char><int>number
        n_loops += 1
    texts = [text.encode() for text in (name, doc, signature)]
    kept.append(texts)
    gufunc = cnp.PyUFunc_FromFuncAndDataAndSignature(
        loop_functions + first, loop_data + first, types, len(numbers), n_operands - 1, 1, cnp.PyUFunc_None,
        texts[0], texts[1], 0, texts[2])
    made_gufuncs.append((gufunc, first, n_operands))
    return gufunc


cdef int give_gufuncs_bfloat16(int number) except -1:
    """Their bfloat16 loops; number is what NumPy calls that dtype."""
    cdef int operands[MAX_OPERANDS]
    cdef int i, first
    for i in range(MAX_OPERANDS):
        operands[i] = number
    for gufunc, first, _ in made_gufuncs:
        bfloat16_loops[first].job, bfloat16_loops[first].dtype = loops[first].job, FA_BF16
        if cnp.PyUFunc_RegisterLoopForType(gufunc, number, gufunc_loop, operands, &bfloat16_loops[first]) != 0:
            raise RuntimeError(f"NumPy did not take the bfloat16 loop of {gufunc.__name__}")
    return 0


cdef struct Layout:
    int n_dims
    Py_ssize_t dim[MAX_DIMS]
    ptrdiff_t step[MAX_OPERANDS][MAX_DIMS]


cdef bint merges(const Layout *layout, list arrays, int d) noexcept:
    """Whether dimension d continues the layout's last one in every operand."""
    cdef int i, last = layout.n_dims - 1
    for i in range(len(arrays)):
        if layout.step[i][last] != cnp.PyArray_STRIDE(arrays[i], d) * cnp.PyArray_DIM(arrays[0], d):
            return False
    return True


cdef void lay_out(Layout *layout, list arrays, int axis) noexcept:
    """The dimensions but axis, those that can be walked as one merged."""
    cdef int d, i
    layout.n_dims = 0
    for d in range(cnp.PyArray_NDIM(arrays[0])):
        if d == axis or cnp.PyArray_DIM(arrays[0], d) == 1:
            continue
        if layout.n_dims and merges(layout, arrays, d):
            layout.dim[layout.n_dims - 1] *= cnp.PyArray_DIM(arrays[0], d)
        else:
            layout.dim[layout.n_dims] = cnp.PyArray_DIM(arrays[0], d)
            layout.n_dims += 1
        for i in range(len(arrays)):
            layout.step[i][layout.n_dims - 1] = cnp.PyArray_STRIDE(arrays[i], d)


cdef int walk(const Job *job, fa_row_shape *shape, fa_row_array *operand, const Layout *layout, int d) noexcept nogil:
    """Runs the job over the dimensions from d on; the last two are the C entry's own loops."""
    cdef int i, left = layout.n_dims - d
    cdef Py_ssize_t k
    cdef fa_row_array moved[MAX_OPERANDS]
    if left > 2:
        for i in range(job.n_operands):
            moved[i] = operand[i]
        for k in range(layout.dim[d]):
            if walk(job, shape, moved, layout, d + 1) != 0:
                return -1
            for i in range(job.n_operands):
                moved[i].data += layout.step[i][d]
        return 0
    shape.outer = <size_t>layout.dim[d] if left == 2 else 1
    shape.inner = <size_t>layout.dim[layout.n_dims - 1] if left else 1
    for i in range(job.n_operands):
        operand[i].step[0] = layout.step[i][d] if left == 2 else 0
        operand[i].step[1] = layout.step[i][layout.n_dims - 1] if left else 0
    return run(job, shape, operand)


cdef object over_axis(Job job, list arrays, int axis):
    """Runs the job on aligned native arrays of one dtype and dimension; an operand without rows has length 1 on axis."""
    cdef Layout layout
    cdef fa_row_shape shape
    cdef fa_row_array operand[MAX_OPERANDS]
    cdef cnp.ndarray x = arrays[0]
    cdef int i, status
    lay_out(&layout, arrays, axis)
    for d in range(layout.n_dims):
        if layout.dim[d] == 0:
            return
    shape.dtype, shape.n = dtype_of(x), <size_t>cnp.PyArray_DIM(x, axis)
    for i in range(job.n_operands):
        operand[i].data = cnp.PyArray_BYTES(arrays[i])
        operand[i].step[2] = cnp.PyArray_STRIDE(arrays[i], axis)
    with nogil:
        status = walk(&job, &shape, operand, &layout, 0)
    if status != 0:
        raise MemoryError


def map_axis(int which, x, y, int axis):
    """A map (FA_SOFTMAX, FA_LOG_SOFTMAX, FA_SOFTMIN) of x into y."""
    over_axis(Job(MAP, which, 2), [x, y], axis)


def logsumexp_axis(x, y, int axis):
    """logsumexp of x into y, which has length 1 on axis."""
    over_axis(Job(LOGSUMEXP, 0, 2), [x, y], axis)


def vjp_axis(int which, y, g, dx, int axis):
    """vjp of softmax (FA_VJP_SOFTMAX) or log_softmax (FA_VJP_LOG_SOFTMAX) into dx."""
    over_axis(Job(VJP, which, 3), [y, g, dx], axis)


def vjp_logsumexp_axis(x, g, dx, int axis):
    """vjp of logsumexp into dx; g has length 1 on axis."""
    over_axis(Job(VJP_LOGSUMEXP, 0, 3), [x, g, dx], axis)


MAPS, LOGSUMEXPS = MAP, LOGSUMEXP
SOFTMAX, LOG_SOFTMAX, SOFTMIN = FA_SOFTMAX, FA_LOG_SOFTMAX, FA_SOFTMIN
VJP_SOFTMAX, VJP_LOG_SOFTMAX = FA_VJP_SOFTMAX, FA_VJP_LOG_SOFTMAX
