"""What a node may ask of the pass that it takes part in."""
cimport numpy as cnp


cdef cnp.ndarray free_home(object edge)
