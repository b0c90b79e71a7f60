"""The one extension module that links csrc; _tape reaches it through _core.pxd.  Dispatch, the table and the threads as
Python sees them; what makes functions of that is included from files of its own.  One module, for each costs 50 KB and time
to load."""

cimport numpy as cnp
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t
from ._loop cimport Loop, call_of, loop_of
from ._row_types cimport *
from ._vectorcall cimport *

import numpy as np

cnp.import_array()
cnp.import_ufunc()

cdef extern from "fastact.h" nogil:
    ctypedef struct fa_activation:
        const char *name
        const char *parameters
        const char *formula
        const char *derivative
        const char *summary
        const char *source
        int n_input
        int n_parameter
        int n_gradient

    const fa_activation fa_activations[]
    const fa_kernels *fa_kernels_for(fa_dtype dtype)
    const char *fa_selected_isa()
    int fa_select_isa(const char *name)
    const char *fa_compiled_isa(size_t position)
    int fa_isa_available(size_t position)
    const char *fa_refused_isa()
    const char *fa_compiler()
    void fa_elementwise(const fa_call *call, size_t n, char *const *data, const ptrdiff_t *step)
    void fa_narrow_parameters(int n, const double *wide, float *narrow)
    void fa_clip_integers(const fa_clip *clip, size_t n, const char *x, ptrdiff_t x_step, char *y, ptrdiff_t y_step)

cdef extern from "rows_api.h" nogil:
    const fa_row_entries fa_row_entry_points

cdef extern from "pool.h" nogil:
    int fa_get_num_threads()
    void fa_set_num_threads(int n_threads)
    int fa_default_num_threads()


cdef const fa_kernels *kernels_for(fa_dtype dtype) noexcept nogil:
    return fa_kernels_for(dtype)


cdef const void *row_entries() noexcept nogil:
    return &fa_row_entry_points


def activation_table():
    """The rows of csrc/activations.def as dicts, in order; an activation's position is its index in the kernels."""
    cdef const fa_activation *row
    table = []
    for i in range(FA_N_ACTIVATIONS):
        row = &fa_activations[i]
        table.append({
            "name": row.name.decode(), "parameters": row.parameters.decode().replace("=required", ""), "formula": row.formula.decode(),
            "derivative": row.derivative.decode(), "summary": row.summary.decode(), "source": row.source.decode(),
            "n_input": row.n_input, "n_parameter": row.n_parameter, "n_gradient": row.n_gradient,
        })
    return table


def compiled_isas():
    """Names of the instruction sets this build holds, best first."""
    names = []
    while fa_compiled_isa(len(names)) != NULL:
        names.append(fa_compiled_isa(len(names)).decode())
    return names


def available_isas():
    """Those of compiled_isas() that this machine can run."""
    return [name for position, name in enumerate(compiled_isas()) if fa_isa_available(position)]


def selected_isa():
    """The instruction set in use."""
    return fa_selected_isa().decode()


def select_isa(name):
    """Switch to another available instruction set, for tests; returns the previous one."""
    previous = selected_isa()
    if fa_select_isa(name.encode()) != 0:
        raise ValueError(isa_message(name))
    return previous


def isa_message(name):
    available = ", ".join(available_isas())
    return f"instruction set {name!r} is not available: expected one of {available}"


def compiler():
    """The C compiler that built this module, with its version."""
    return fa_compiler().decode()


def get_num_threads():
    return fa_get_num_threads()


def set_num_threads(int n):
    fa_set_num_threads(n)


def default_num_threads():
    return fa_default_num_threads()


fa_selected_isa()
if fa_refused_isa() != NULL:
    raise ImportError("FASTACT_ISA: " + isa_message(fa_refused_isa().decode()) + "; unset it to let fastact choose")

cdef const fa_row_entries *rows = &fa_row_entry_points
cdef list kept = []  # what NumPy holds bare pointers to

include "_callables.pxi"
include "_ufuncs.pxi"
include "_row_axes.pxi"
include "_rows.pxi"
include "_row_losses.pxi"
include "_pair_losses.pxi"


def register_bfloat16(int number):
    """bfloat16 has this number from now on, and loops."""
    global fa_bfloat16_number
    fa_bfloat16_number = number
    give_ufuncs_bfloat16(number)
    give_gufuncs_bfloat16(number)
