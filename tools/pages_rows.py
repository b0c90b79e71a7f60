"""What a page shows of a row of the table, computed by fastact itself: how it is called, its curves, its dtypes.

No text of pages (pages.py) and no drawing (pages_figures.py) here.  Nothing here names a row, so that new rows need no
line: example values of required parameters are those of tests/reference.py.
"""

import dataclasses
import functools
import hashlib
import importlib

import ml_dtypes
import numpy as np
import subjects

SPAN = 5.0
POINTS = 801
EXAMPLE = (-2.0, -0.5, 0.0, 0.5, 2.0)
DTYPES = ("float16", "bfloat16", "float32", "float64", "bool", "int8", "uint8", "int16", "uint16", "int32", "int64")


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table and how users reach it."""

    name: str
    row: dict

    @property
    def is_gated(self):
        return self.row["n_input"] > 1

    @property
    def takes_halves(self):
        """Whether users reach it as a function of one array whose halves are x and gate: the name in the table starts with _."""
        return self.name.startswith("_")

    @property
    def title(self):
        """The name that a page goes by."""
        return self.name.lstrip("_")

    @property
    def public(self):
        """The public name, and the keywords that choose this row under it."""
        return subjects.VARIANTS.get(self.name, (self.name, {}))

    @property
    def parameters(self):
        """Default values by name, None where one must be given."""
        return subjects.parse_parameters(self.row["parameters"])

    @functools.cached_property
    def given(self):
        """The parameters that examples and pictures give."""
        return subjects.required(self.name)

    @property
    def aliases(self):
        aliases = importlib.import_module("fastact._aliases").ALIASES
        return sorted(alias for alias, name in aliases.items() if name == self.name)

    def signature(self, is_vjp=False):
        """How the function, or its vjp, is called."""
        public, keywords = self.public
        if self.takes_halves:
            return f"fa.{'vjp.' if is_vjp else ''}{self.title}(x, {'g, ' if is_vjp else ''}axis=-1)"
        words = ["x", *(["gate"] if self.is_gated else []), *(["g"] if is_vjp else [])]
        words += [name if value is None else f"{name}={value:g}" for name, value in self.parameters.items()]
        words += [f'{name}="{value}"' for name, value in keywords.items()]
        return f"fa.{'vjp.' if is_vjp else ''}{public}({', '.join([*words, '**ufunc_keywords'])})"

    def example(self, is_vjp=False):
        """A call on an array x, with g = 1, that doctest can run."""
        public, keywords = self.public
        if self.takes_halves:
            g = ", np.ones_like(x)" if is_vjp else ""
            return f"fa.{'vjp.' if is_vjp else ''}{self.title}(np.concatenate([x, np.ones_like(x)]){g})"
        words = ["x", *(["np.ones_like(x)"] if self.is_gated else []), *(["np.ones_like(x)"] if is_vjp else [])]
        words += [f"{name}={value!r}" for name, value in {**self.given, **keywords}.items()]
        return f"fa.{'vjp.' if is_vjp else ''}{public}({', '.join(words)})"

    def call(self, x, is_vjp=False):
        """The value at x, or a tuple of the derivatives; a gate stands at x, and what it gates at 1."""
        fastact = importlib.import_module("fastact")
        public, keywords = self.public
        arrays = [np.ones_like(x), x] if self.is_gated else [x]
        function = getattr(fastact.vjp if is_vjp else fastact, public)
        result = function(*arrays, *([np.ones_like(x)] if is_vjp else []), **self.given, **keywords)
        return result if isinstance(result, tuple) or not is_vjp else (result,)

    @functools.cached_property
    def curves(self):
        """x, the value and the derivative (by the gate where there is one), over the part in which they are finite."""
        span = max([SPAN, *(2 * abs(value) for value in self.given.values())])
        return self._finite_curves(*self._domain(np.linspace(-span, span, POINTS)))

    def _domain(self, x):
        known = x[np.isfinite(self.call(x))]
        return (x[0], x[-1]) if known.size == x.size else (known.min(), known.max())

    def _finite_curves(self, low, high):
        x = np.linspace(low, high, POINTS)
        return x, self.call(x), self.call(x, is_vjp=True)[1 if self.is_gated else 0]

    @property
    def points(self):
        """The inputs of the example: EXAMPLE, or where the function has no value there, points of its domain."""
        x = self.curves[0]
        inside = x[0] <= EXAMPLE[0] and x[-1] >= EXAMPLE[-1]
        return list(EXAMPLE) if inside else np.linspace(x[0], x[-1], 7)[1:-1].round(1).tolist()

    def result_dtype(self, dtype):
        """The dtype that comes out for this one, by trying."""
        half = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
        with np.errstate(all="ignore"):
            return self.call(np.ones(1, half)).dtype.name


def all_rows():
    """Every row of the table, in its order."""
    return [Row(name, row) for name, row in subjects.every_row().items()]


def digest(rows):
    """A short name for the curves of these rows as pictures show them: equal as long as pictures need no redrawing."""
    text = "".join(f"{row.title} " + " ".join(f"{v:.3g}" for a in row.curves for v in a[::8] + 0.0) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
