"""docs/differences.md is true and complete: both sides of each row are evaluated, and special values need their row."""

import decimal
import pathlib
import types

import numpy as np
import pytest
import scipy.special
import strategies as fs
import subjects
import torch

import fastact as fa

CAPABILITY = torch.backends.cpu.get_cpu_capability()  # "AVX512", "AVX2", …
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "differences.md"


def rows():
    """The rows of every table of the page, as dicts by column."""
    found, head = [], None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            head = None
            continue
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if head is None:
            head = cells
        elif set("".join(cells)) - set("-: "):
            found.append(dict(zip(head, cells, strict=True)))
    return found


ROWS = rows()


class Namespace(types.SimpleNamespace):
    """Functions by name, with `vjp` among them."""


def functions(dtype, value, derivative):
    """The names a call of the page may use: each turns a number or list into an array, and its result into NumPy's."""
    names = {"inf": np.inf, "nan": np.nan, "vjp": Namespace()}
    for name in subjects.table():
        names[name] = lambda x, name=name, **keywords: value(name, np.asarray(x, dtype), keywords)
        setattr(names["vjp"], name, lambda x, name=name, **keywords: derivative(name, np.asarray(x, dtype), keywords))
    return names


def of_fastact(dtype):
    names = functions(
        dtype,
        lambda name, x, keywords: subjects.fastact_function(name)(x, **keywords),
        lambda name, x, keywords: subjects.fastact_function(name, "derivative")(x, np.ones_like(x), **keywords),
    )
    return {**names, "log_softmax": lambda x: fa.log_softmax(np.asarray(x, dtype))}


def of_torch(dtype):
    def derivative(name, x, keywords):
        tensor = torch.tensor(x, requires_grad=True)
        subjects.torch_function(name)(tensor, **{**subjects.required(name), **keywords}).backward()
        return tensor.grad.numpy()

    def value(name, x, keywords):
        return subjects.torch_function(name)(torch.tensor(x), **{**subjects.required(name), **keywords}).numpy()

    names = functions(dtype, value, derivative)
    return {**names, "log_softmax": lambda x: torch.log_softmax(torch.tensor(np.asarray(x, dtype)), -1).numpy()}


def of_scipy(dtype):
    def value(name, x, keywords):
        with np.errstate(all="ignore"):
            return subjects.PEERS["scipy"](name, "value", keywords)(x)

    names = functions(dtype, value, None)
    return {**names, "log_softmax": lambda x: scipy.special.log_softmax(np.asarray(x, dtype))}


LIBRARIES = {"fastact": of_fastact, "torch": of_torch, "scipy": of_scipy}


def evaluate(call, names):
    """The call's result, or the name of what it raises (NotImplementedError is a RuntimeError)."""
    try:
        return eval(call, {"__builtins__": {}}, names)
    except ValueError:
        return "ValueError"
    except RuntimeError:
        return "RuntimeError"


def agrees(found, stated):
    """Whether a result is the one stated, to the digits the page gives."""
    if isinstance(found, str) or stated.endswith("Error"):
        return found == stated
    if stated in ("True", "False"):
        return found.dtype == bool and str(bool(found)) == stated
    want = float(stated)
    if np.isnan(want) or np.isinf(want) or want == 0:
        return np.array_equal(found, want, equal_nan=True) and (
            np.isnan(want) or np.signbit(found) == np.signbit(want) or want == 0 == found
        )
    half_a_digit = 0.5 * 10.0 ** decimal.Decimal(stated).as_tuple().exponent
    return abs(float(found) - want) <= half_a_digit or np.float32(want) == found


def test_the_page_has_rows():
    assert len(ROWS) > 20
    assert {row["library"] for row in ROWS} == {"torch", "scipy"}
    assert all(row["why"] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['library']}: {row['call']}")
def test_row_is_true(row):
    theirs = evaluate(row["call"], LIBRARIES[row["library"]](row["dtype"]))
    ours = evaluate(row["call"], LIBRARIES["fastact"](row["dtype"]))
    assert agrees(ours, row["fastact gives"]), f"fastact gives {ours!r}"
    if row.get("on", CAPABILITY) != CAPABILITY:
        assert agrees(theirs, row["fastact gives"]), f"{row['library']} gives {theirs!r} here"
        return
    assert agrees(theirs, row["it gives"]), f"{row['library']} gives {theirs!r}"
    if not isinstance(theirs, str):
        equal = np.array_equal(theirs, ours, equal_nan=True)
        assert not equal or np.signbit(theirs) != np.signbit(ours), "no difference"


@pytest.mark.parametrize("name", subjects.table())
@pytest.mark.parametrize("kind", ["value", "derivative"])
@pytest.mark.parametrize("x", fs.SPECIALS)
def test_special_value_agrees_with_torch_or_has_a_row(name, kind, x):
    if subjects.torch_function(name) is None:
        pytest.skip(f"torch has no {name}")
    call = f"{name}({x})" if kind == "value" else f"vjp.{name}({x})"
    theirs, ours = (evaluate(call, LIBRARIES[library](np.float64)) for library in ("torch", "fastact"))
    if any(row["call"] == call and row["library"] == "torch" for row in ROWS):
        assert not np.array_equal(theirs, ours, equal_nan=True)
    else:
        assert np.allclose(theirs, ours, rtol=1e-15, atol=0, equal_nan=True), f"{call}: torch {theirs}, fastact {ours}"


def test_a_wrong_row_would_fail():
    assert not agrees(np.float64(1.0), "nan")
    assert not agrees(np.float64(np.nan), "-0.0")
    assert not agrees(np.float32(1.5), "1.4")
    assert not agrees("RuntimeError", "1.0")
    assert agrees(np.float32(-7.619853e-23), "-7.619853e-23")
