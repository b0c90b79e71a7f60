"""What is measured: the list of cells, and which of them a command line asks for.

A cell is a function, a shape, a dtype and a way of returning results; how it is measured stands in the suites' modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

Mi = 1 << 20

ELEMENTWISE_SIZES = (16, 1024, 65536, 16 * Mi)
ALLOCATED_SIZES = (1024, 65536)
VJP_SIZES = (65536,)
FLOAT64_SIZES = (65536, 4 * Mi)
HALF_SIZE = 4 * Mi
HALVES = ("float16", "bfloat16")
THREADED_SIZES = (Mi, 16 * Mi)
ROW_FUNCTIONS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "value_and_grad.cross_entropy")
ROW_SHAPES = ((1, 10), (32, 10), (128, 1000), (64, 32000), (8, 128256), (1, 4 * Mi))
OTHER_AXES = (((4096, 1000), 0), ((64, 1000, 64), 1))
THREADED_ROWS = (("softmax", (64, 32000)), ("value_and_grad.cross_entropy", (64, 32000)))
TRAINING = (((5, 3), 4), ((64, 128, 10), 64), ((784, 512, 256, 10), 128), ((784, 2048, 2048, 10), 256))
LINEAR = ("value_and_grad.linear_cross_entropy", (2048, 512, 32000))
SUITES = ("elementwise", "vjp", "float64", "halves", "rows", "linear", "training", "import", "threads")


@dataclass(frozen=True)
class Cell:
    """One row of the results.

    Attributes
    ----------
    suite : str
        One of ``SUITES``.
    function : str
        Name under ``fastact`` ("gelu", "value_and_grad.cross_entropy"), or the optimiser of a training step.
    shape : tuple of int
        Shape of the array, or the widths of the network's layers.
    dtype : str
        "float32", "float64", "float16" or "bfloat16".
    output : str
        "given": results go into a buffer where the library can; "allocated": everybody allocates.
    axis : int
        The axis of a row function.
    batch : int
        Samples in a training step.
    threads : int
        Threads of everybody.
    """

    suite: str
    function: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    output: str = "given"
    axis: int = -1
    batch: int = 0
    threads: int = 1

    @property
    def size(self) -> int:
        """Number of elements."""
        product = 1
        for extent in self.shape:
            product *= extent
        return product

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)


def cell_from_dict(values: dict) -> Cell:
    """The inverse of ``Cell.as_dict``, after a trip through JSON."""
    return Cell(**{**values, "shape": tuple(values["shape"])})


def _elementwise(functions: Iterable[str]) -> list[Cell]:
    functions = list(functions)
    cells = [Cell("elementwise", name, (size,)) for size in ELEMENTWISE_SIZES for name in functions]
    cells += [Cell("elementwise", name, (size,), output="allocated") for size in ALLOCATED_SIZES for name in functions]
    cells += [Cell("vjp", name, (size,)) for size in VJP_SIZES for name in functions]
    cells += [Cell("float64", name, (size,), dtype="float64") for size in FLOAT64_SIZES for name in functions]
    return cells + [Cell("halves", name, (HALF_SIZE,), dtype=dtype) for dtype in HALVES for name in functions]


def _rows() -> list[Cell]:
    cells = []
    for function in ROW_FUNCTIONS:
        cells += [Cell("rows", function, shape) for shape in ROW_SHAPES]
        if function == "softmax":
            cells += [Cell("rows", function, shape, axis=axis) for shape, axis in OTHER_AXES]
    # The losses return a scalar and a fresh gradient in any case, so that they stand in one table only.
    arrays = [cell for cell in cells if "cross_entropy" not in cell.function]
    return cells + [replace(cell, output="allocated") for cell in arrays]


def default_cells(functions: Iterable[str]) -> list[Cell]:
    """All cells of a full run.

    Parameters
    ----------
    functions : iterable of str
        Names of the activations.
    """
    functions = list(functions)
    cells = [*_elementwise(functions), *_rows(), Cell("linear", *LINEAR)]
    cells += [Cell("training", "adam", widths, batch=batch) for widths, batch in TRAINING]
    cells += [Cell("import", "fastact", ())]
    cells += [Cell("threads", name, (size,), threads=2) for size in THREADED_SIZES for name in functions]
    cells += [Cell("threads", name, shape, threads=2) for name, shape in THREADED_ROWS]
    return cells


def select(
    cells: Iterable[Cell],
    suites: Iterable[str] = (),
    functions: Iterable[str] = (),
    sizes: Iterable[int] = (),
    output: str | None = None,
) -> list[Cell]:
    """The cells that fit every given criterion; an empty criterion fits all."""
    suites, functions, sizes = set(suites), set(functions), set(sizes)
    return [
        cell
        for cell in cells
        if (not suites or cell.suite in suites)
        and (not functions or cell.function in functions)
        and (not sizes or cell.size in sizes)
        and (output is None or cell.output == output)
    ]
