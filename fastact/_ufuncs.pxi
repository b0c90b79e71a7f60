# Makes every elementwise function from the C table: a NumPy ufunc each, with loops for every dtype, and the callable
# over it where there are parameters.  No arithmetic, no name of a particular activation but gelu's and those of integers.

from libc.stdlib cimport malloc

import os
from threading import RLock

# What NumPy's integers and bool are in memory, by kind and size; bool is 0 or 1 of one byte.
MEMORY = {
    "i1": FA_I8, "i2": FA_I16, "i4": FA_I32, "i8": FA_I64, "u1": FA_U8, "u2": FA_U16, "u4": FA_U32, "u8": FA_U64,
    "b1": FA_U8,
}
KEEP_INTEGERS = {"relu": -1, "relu6": 6}  # functions that give integers for integers, and their tops; -1: none


cdef void float_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef fa_call call = call_of(<const Loop *>data)
    fa_elementwise(&call, <size_t>dimensions[0], args, <const ptrdiff_t *>steps)


cdef void integer_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps, void *data) noexcept nogil:
    fa_clip_integers(<const fa_clip *>data, <size_t>dimensions[0], args[0], steps[0], args[1], steps[1])


cdef class LoopTable:
    """The loops of one ufunc while they are collected; the arrays handed to NumPy live for ever, as it demands."""
    cdef cnp.PyUFuncGenericFunction *functions
    cdef void **data
    cdef char *types
    cdef int count, capacity, n_operands

    def __cinit__(self, int n_operands):
        self.capacity = 24
        self.functions = <cnp.PyUFuncGenericFunction *>malloc(self.capacity * sizeof(cnp.PyUFuncGenericFunction))
        self.data = <void **>malloc(self.capacity * sizeof(void *))
        self.types = <char *>malloc(self.capacity * n_operands)
        self.count = 0
        self.n_operands = n_operands

    cdef int add(self, cnp.PyUFuncGenericFunction function, void *data, list type_numbers) except -1:
        if self.count == self.capacity:
            raise MemoryError("LoopTable.capacity is too small")
        self.functions[self.count] = function
        self.data[self.count] = data
        for i, number in enumerate(type_numbers):
            self.types[self.count * self.n_operands + <int>i] = <char><int>number
        self.count += 1
        return 0


cdef class Row:
    """One row of the table, value or derivative, with its operands counted."""
    cdef readonly int index
    cdef readonly dict text
    cdef bint is_vjp
    cdef int n_input, n_array, n_parameter, n_in, n_out

    def __init__(self, int index, dict text, bint is_vjp):
        self.index, self.text, self.is_vjp = index, text, is_vjp
        self.n_input, self.n_parameter = text["n_input"], text["n_parameter"]
        self.n_array = self.n_input + (1 if is_vjp else 0)
        self.n_in = self.n_array + self.n_parameter
        self.n_out = text["n_gradient"] if is_vjp else 1

    cdef Loop *loop(self, fa_dtype dtype, fa_dtype input, fa_dtype gradient, fa_dtype parameter, fa_dtype result):
        """A loop that computes in dtype, over inputs, g, parameters and results as they stand in memory."""
        cdef Loop *loop = <Loop *>malloc(sizeof(Loop))
        loop[0] = loop_of(self.index, self.is_vjp, dtype, self.n_array, self.n_in, self.n_out)
        for i in range(self.n_in + self.n_out):
            loop.call.type[i] = (
                input if i < self.n_input else gradient if i < self.n_array else parameter if i < self.n_in else result)
        return loop

    cdef list numbers(self, int input, int gradient, int parameter, int result):
        """The same as NumPy's type numbers, an operand each."""
        return ([input] * self.n_input + [gradient] * (self.n_array - self.n_input) + [parameter] * self.n_parameter
                + [result] * self.n_out)


cdef list integers(str characters):
    """(NumPy's number, what it is in memory) of integer dtypes."""
    found = [np.dtype(character) for character in characters]
    return [(integer.num, MEMORY[f"{integer.kind}{integer.itemsize}"]) for integer in found]


cdef list SMALL = integers("?bBhH"), WIDE = integers("iIlLqQ")


cdef int add_integers(LoopTable loops, Row row, list kinds, fa_dtype dtype, int number) except -1:
    """Integer inputs, computed in dtype, which NumPy calls number; relu and relu6 keep them."""
    cdef fa_clip *clip
    top = None if row.is_vjp else KEEP_INTEGERS.get(row.text["name"])
    for integer, memory in kinds:
        if top is not None:
            clip = <fa_clip *>malloc(sizeof(fa_clip))
            clip.type, clip.top = memory, top
            loops.add(integer_loop, clip, [integer, integer])
        else:
            loops.add(float_loop, row.loop(dtype, memory, dtype, dtype, dtype), row.numbers(integer, number, number, number))
    return 0


cdef object make_ufunc(Row row):
    """Loops stand so that the first to which all operands cast safely is the one NumPy's promotion means."""
    cdef LoopTable loops = LoopTable(row.n_in + row.n_out)
    cdef int half = np.dtype("e").num, single = cnp.NPY_FLOAT, double_ = cnp.NPY_DOUBLE
    add_integers(loops, row, SMALL, FA_F32, single)
    if row.n_parameter:
        loops.add(float_loop, row.loop(FA_F32, FA_F16, FA_F16, FA_F16, FA_F16), row.numbers(half, half, half, half))
    loops.add(float_loop, row.loop(FA_F32, FA_F16, FA_F16, FA_F32, FA_F16), row.numbers(half, half, single, half))
    loops.add(float_loop, row.loop(FA_F32, FA_F32, FA_F32, FA_F32, FA_F32), row.numbers(single, single, single, single))
    add_integers(loops, row, WIDE, FA_F64, double_)
    loops.add(float_loop, row.loop(FA_F64, FA_F64, FA_F64, FA_F64, FA_F64), row.numbers(double_, double_, double_, double_))
    text = dict(row.text, keeps_integers=not row.is_vjp and row.text["name"] in KEEP_INTEGERS)
    name, doc = text["name"].encode(), _docs.ufunc(text, row.is_vjp).encode()
    kept.extend((name, doc, loops))
    return cnp.PyUFunc_FromFuncAndData(
        loops.functions, loops.data, loops.types, loops.count, row.n_in, row.n_out, cnp.PyUFunc_None, name, doc, 0)


cdef list made = []  # (Row, ufunc) of every ufunc so far
cdef int bfloat16_number = -1  # what NumPy calls that dtype, once it is known


cdef int give_bfloat16(Row row, ufunc) except -1:
    """The bfloat16 loops of a ufunc."""
    cdef int operands[16]
    cdef int number = bfloat16_number
    parameters = {FA_BF16: number, FA_F32: cnp.NPY_FLOAT} if row.n_parameter else {FA_F32: cnp.NPY_FLOAT}
    for parameter, parameter_number in parameters.items():
        for i, operand in enumerate(row.numbers(number, number, parameter_number, number)):
            operands[<int>i] = operand
        if cnp.PyUFunc_RegisterLoopForType(
                ufunc, number, float_loop, operands, row.loop(FA_F32, FA_BF16, FA_BF16, parameter, FA_BF16)) != 0:
            raise RuntimeError(f"NumPy did not take the bfloat16 loop of {ufunc.__name__}")
    return 0


cdef int give_ufuncs_bfloat16(int number) except -1:
    """Their bfloat16 loops to all ufuncs, those to come included."""
    global bfloat16_number
    with making:
        bfloat16_number = number
        for row, ufunc in made:
            give_bfloat16(row, ufunc)
    return 0


cdef dict FORMS = {"none": "gelu", "tanh": "gelu_tanh"}  # of gelu, which chooses among ufuncs
cdef dict table = {text["name"]: (index, text) for index, text in enumerate(activation_table())}
FUNCTIONS = tuple([name for name in table if name not in FORMS.values() or name == "gelu"])
cdef tuple ufuncs = ({}, {}), functions = ({}, {})  # of values and of derivatives, by name
cdef object making = RLock()  # so that no other thread makes the same
if hasattr(os, "register_at_fork"):  # or a child would wait for a thread that it does not have
    os.register_at_fork(before=making.acquire, after_in_parent=making.release, after_in_child=making.release)


def ufunc(str name, bint is_vjp):
    """A bare ufunc of the table, made when first asked for."""
    cdef Row row
    with making:
        if name not in ufuncs[is_vjp]:
            index, text = table[name]
            row = Row(index, text, is_vjp)
            new = make_ufunc(row)
            if not text["n_parameter"] and row.n_out == 1:
                put_before(Lane(index, text, is_vjp), new)
            if bfloat16_number != -1:
                give_bfloat16(row, new)
            made.append((row, new))
            ufuncs[is_vjp][name] = new
        return ufuncs[is_vjp][name]


def function(str name, bint is_vjp):
    """A function of the table, made when first asked for: a ufunc, or the callable over it."""
    with making:
        if name not in functions[is_vjp]:
            index, text = table[name]
            if name == "gelu":
                functions[is_vjp][name] = Choice("approximate", FORMS, is_vjp)
            elif text["n_parameter"]:
                functions[is_vjp][name] = Parametric(index, text, is_vjp, ufunc(name, is_vjp))
            else:
                functions[is_vjp][name] = ufunc(name, is_vjp)
        return functions[is_vjp][name]
