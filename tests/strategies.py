"""Hypothesis strategies for the arrays a user may hand over; test_strategies.py proves that each corner is reached.

What belongs here makes inputs: dtypes, shapes, axes, memory layouts, values, lengths.  What is expected of the results
belongs to the tests.  Values come from a drawn seed, so that large arrays cost no more entropy than small ones.
"""

import hypothesis.strategies as st
import numpy as np
import ulp

FLOATS = (np.float32, np.float64)
SMALL_INTEGERS = (np.bool_, np.int8, np.uint8, np.int16, np.uint16)
WIDE_INTEGERS = (np.int32, np.uint32, np.int64, np.uint64)
NOT_REAL = (
    np.complex64,
    np.complex128,
    np.longdouble,
    np.object_,
    np.str_,
    np.bytes_,
    "datetime64[s]",
    "timedelta64[s]",
)

# Around every vector length (2 to 16 lanes), block length (128, 512), row block (1024) and staged block (1024, 2048) that
# kernels use.
LENGTHS = (*range(71), 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4097)
SPECIALS = (0.0, -0.0, np.inf, -np.inf, np.nan)

dtypes = st.sampled_from(FLOATS)
lengths = st.sampled_from(LENGTHS)


@st.composite
def shapes(draw, min_dims=0, max_dims=4, min_side=0, max_side=9):
    """Shapes of 0 to 4 axes, axes of length 0 and 1 among them."""
    return tuple(draw(st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims)))


@st.composite
def axes(draw, ndim):
    """An axis of an array of ndim axes, counted from either end."""
    return draw(st.integers(-ndim, ndim - 1)) if ndim else draw(st.sampled_from([0, -1]))


def special_values(dtype):
    """Zeros, infinities, nan, the extremes of normal and subnormal numbers, and the neighbours of 1."""
    info = np.finfo(dtype)
    positive = [info.max, info.tiny, info.smallest_subnormal, np.nextafter(info.tiny, dtype(0)), dtype(1), 1 + info.eps]
    return np.array([*SPECIALS, *positive, *(-p for p in positive)], dtype)


def values(size, dtype, kind, seed):
    """size numbers of one kind.

    Parameters
    ----------
    kind : {"plain", "wide", "tiny", "any", "special", "sprinkled"}
        N(0, 3); N(0, 40); around and below the smallest normal number; any bits that are finite; zeros, infinities,
        nan, extremes; plain with one in ten special.
    """
    random = np.random.default_rng(seed)
    special = special_values(dtype)
    if kind == "special":
        return random.choice(special, size)
    if kind == "any":
        bits = ulp.BITS[np.dtype(dtype).name]
        x = random.integers(0, np.iinfo(bits).max, size, bits, endpoint=True).view(dtype)
        return np.where(np.isfinite(x), x, dtype(0))
    if kind == "tiny":
        return (random.uniform(-4, 4, size) * np.finfo(dtype).tiny).astype(dtype)
    x = random.normal(0, 40 if kind == "wide" else 3, size).astype(dtype)
    if kind == "sprinkled":
        at = random.random(size) < 0.1
        x[at] = random.choice(special, int(at.sum()))
    return x


VALUE_KINDS = ("plain", "wide", "tiny", "any", "special", "sprinkled")
seeds = st.integers(0, 2**32 - 1)


def reversed_layout(x):
    """Negative strides on every axis."""
    flip = (slice(None, None, -1),) * x.ndim
    return x[flip].copy()[flip]


def strided_layout(x):
    """Every second element of a larger array on every axis."""
    step = (slice(None, None, 2),) * x.ndim
    larger = np.full([2 * n for n in x.shape], np.nan, x.dtype)
    larger[step] = x
    return larger[step]


def fortran_layout(x):
    """First axis fastest."""
    return x.copy(order="F")


def transposed_layout(x):
    """Axes rotated in memory, so that three and more axes are in neither C nor Fortran order."""
    order = [*range(1, x.ndim), 0] if x.ndim else []
    return x.transpose(order).copy().transpose(np.argsort(order)) if x.ndim else x.copy()


def misaligned_layout(x):
    """Data that starts one byte off the item's alignment."""
    memory = np.zeros(x.nbytes + 1, np.uint8)
    moved = memory[1:].view(x.dtype).reshape(x.shape) if x.size else x.copy()
    if x.size:
        moved[...] = x
    return moved


def swapped_layout(x):
    """The other byte order."""
    return x.astype(x.dtype.newbyteorder())


def read_only_layout(x):
    """Not writeable."""
    x = x.copy()
    x.flags.writeable = False
    return x


def odd_stride_layout(x):
    """A field of packed records: strides that are no multiple of the item size."""
    records = np.zeros(x.shape, np.dtype([("mark", np.uint8), ("x", x.dtype)]))
    records["x"] = x
    return records["x"]


def contiguous_layout(x):
    """C order."""
    return x.copy()


# Each gives an array equal to x in other memory.
LAYOUTS = {
    "contiguous": contiguous_layout,
    "reversed": reversed_layout,
    "strided": strided_layout,
    "fortran": fortran_layout,
    "transposed": transposed_layout,
    "misaligned": misaligned_layout,
    "odd_stride": odd_stride_layout,
    "swapped": swapped_layout,
    "read_only": read_only_layout,
}
layouts = st.sampled_from(sorted(LAYOUTS))


def broadcast_layout(x):
    """x with its first axis repeated by a stride of 0 (a view of the first entry; axes of length 0 stay)."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and x.shape[0] else x


@st.composite
def arrays(draw, dtype=None, shape=None, layout=None, kind=None):
    """An array of any dtype, shape, layout and kind of values, but for those given (as a value or a strategy)."""

    def choose(given, strategy):
        if given is None:
            return draw(strategy)
        return draw(given) if isinstance(given, st.SearchStrategy) else given

    dtype = choose(dtype, dtypes)
    shape = choose(shape, st.one_of(shapes(), lengths.map(lambda n: (n,))))
    kind = choose(kind, st.sampled_from(VALUE_KINDS))
    x = values(int(np.prod(shape)), dtype, kind, draw(seeds)).reshape(shape)
    name = choose(layout, st.sampled_from([*sorted(LAYOUTS), "broadcast"]))
    return np.asarray(broadcast_layout(x) if name == "broadcast" else LAYOUTS[name](x))


@st.composite
def overlapping(draw, dtype=None):
    """A pair (x, out) of views of one buffer that overlap: shifted either way, the same, or reversed."""
    dtype = draw(dtypes) if dtype is None else dtype
    n = draw(lengths)
    shift = draw(st.sampled_from([0, 1, -1, 3, -7, 16]))
    buffer = values(n + abs(shift), dtype, "plain", draw(seeds))
    low = max(shift, 0)
    x, out = buffer[abs(shift) - low : abs(shift) - low + n], buffer[low : low + n]
    return (x, out[::-1]) if draw(st.booleans()) else (x, out)


@st.composite
def masks(draw, shape):
    """A boolean mask of this shape, from all false to all true."""
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    return np.random.default_rng(draw(seeds)).random(shape) < share
