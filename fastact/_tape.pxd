"""What the tape is made of: the fields of its nodes and of the tensor."""
cimport numpy as cnp


cdef class Version:
    cdef unsigned long long count


cdef class Node:
    cdef readonly str name
    cdef tuple edges                    # for each operand the Node that made it, the leaf itself, or None
    cdef tuple watched                  # operands whose values are kept and must not change before the pass
    cdef unsigned long long versions    # sum of their versions when recorded
    cdef TensorBase kept                # a result that wants its own gradient (retain_grad)
    cdef dict hooks                     # functions that are shown the gradient of the result
    cdef object gradient
    cdef Py_ssize_t pending
    cdef unsigned long long sweep
    cdef bint spent
    cdef bint retained                  # whether this pass leaves the graph as it is
    cdef bint keeps                     # whether the pass reads the values of the result
    cdef bint overwritten               # whether they were changed in place since
    cdef Version views                  # the count of those that share the result's memory, and what it was
    cdef unsigned long long seen

    cdef tuple backward(self, object g)
    cdef release(self)


cdef class TensorBase:
    cdef cnp.ndarray array
    cdef cnp.ndarray gradient
    cdef cnp.ndarray home               # where the gradient of a leaf may be written (None: anywhere new)
    cdef dict hooks                     # of a leaf, as of a node
    cdef Node node
    cdef bint wants
    cdef unsigned long long version     # changes in place, unless shared has them
    cdef Version shared                 # the count of all tensors that are views of the same memory
    cdef object __weakref__
