"""The rows part of accuracy.py: softmax, log_softmax, logsumexp, cross_entropy and its gradient, on hard rows too.

float32 is measured against long double, float64 against MPFR.  Here: the rows, and how their errors are judged; the
mathematics is in tests/reference.py.
"""

import dataclasses
import functools
import time

import numpy as np
import reference
import ulp

FUNCTIONS = ("softmax", "log_softmax", "logsumexp", "cross_entropy", "cross_entropy'")
# dtype -> (largest error in ULPs, absolute error allowed per max(1, |x_max|) where the result cancels).
ROW_BOUNDS = {"float32": (1.0, 2.0**-34), "float64": (2.0, 2.0**-63)}
CANCELS_BELOW = 2.0**-10
SIGMAS = (0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0)


def lengths(dtype, sample, peer):
    """Row lengths: around lanes and blocks, and for float32 up to 4 million."""
    short = [1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 257, 1000, 1023, 1024, 1025]
    if dtype == "float64" or sample:
        return short
    return [*short, 2049, 4097, 32_000, 128_256, *([] if peer else [1 << 20, 1 << 22])]


def _filled(n, rest, **placed):
    row = np.full(n, rest)
    for position, value in placed.items():
        row[int(position[1:]) % n] = value
    return row


# Each makes a row of n numbers that some way of computing gets wrong.
HARD = {
    "equal": lambda n, random: np.full(n, random.normal()),
    "one certain class": lambda n, random: _filled(n, -20.0, i7=0.0) - random.random(n) * 5,
    "one certain class near 1e6": lambda n, random: 1e6 + _filled(n, -20.0, i7=0.0) - random.random(n) * 5,
    "one certain class near 1e13": lambda n, random: 1e13 + _filled(n, -20.0, i7=0.0) - random.random(n) * 5,
    "two near the top": lambda n, random: _filled(n, -30.0, i0=1.0, i3=1 + 2.0**-20),
    "one large among small equals": lambda n, random: _filled(n, random.uniform(-18, -7), i5=random.uniform(-1, 1)),
    "two large among small equals": lambda n, random: _filled(n, random.uniform(-18, -7), i5=0.3, i7=0.3 + 2.0**-12),
    "offset 1e4": lambda n, random: 1e4 + random.normal(0, 5, n),
    "offset -1e5": lambda n, random: -1e5 + random.normal(0, 5, n),
    "offset 3e5": lambda n, random: 3e5 + random.normal(0, 5, n),
    "offset 1e9": lambda n, random: 1e9 + random.normal(0, 500, n),
    "ramp": lambda n, random: np.linspace(-103, 3, n),
    "subnormal results": lambda n, random: _filled(n, 0.0, i1=95.0) - random.uniform(0, 9, n),
    "far apart": lambda n, random: random.choice([-1e30, -1e4, 0, 1.0], n),
    "sum near 1": lambda n, random: random.normal(0, 1e-3, n) - np.log(n),
    "sum a hair from 1": lambda n, random: _filled(n, -17.0, i2=-(n - 1) * np.exp(-17.0)),
    "small steps": lambda n, random: np.repeat([0.0, 2.0**-12], [n - n // 2, n // 2]),
}


def rows(dtype, sample, peer=False, seed=0):
    """Pairs (family, row); the rows are 1-d arrays of this dtype."""
    random = np.random.default_rng(seed)
    for n in lengths(dtype, sample, peer):
        repeat = 1 if n > 5000 else 2 if sample or peer else 8
        for sigma in SIGMAS:
            for _ in range(repeat):
                yield f"N(0, {sigma})", random.normal(0, sigma, n).astype(dtype)
        for family, make in HARD.items():
            for _ in range(min(repeat, 2)):
                yield family, make(n, random).astype(dtype)


def results(library, name, x, target):
    """A library's result on one row, as a 1-d array, or None where it has no such function."""
    call = LIBRARIES[library](x, target).get(name)
    return None if call is None else np.ravel(np.asarray(call()))


def _fastact(x, target):
    import fastact as fa

    target = np.array([target])
    return {
        "softmax": lambda: fa.softmax(x),
        "log_softmax": lambda: fa.log_softmax(x),
        "logsumexp": lambda: fa.logsumexp(x),
        "cross_entropy": lambda: fa.cross_entropy(x[None], target, reduction="none"),
        "cross_entropy'": lambda: fa.value_and_grad.cross_entropy(x[None], target, reduction="none")[1],
    }


def _torch(x, target):
    import torch

    row, target = torch.from_numpy(x), torch.tensor([target])

    def gradient():
        logits = row[None].clone().requires_grad_()
        torch.nn.functional.cross_entropy(logits, target).backward()
        return logits.grad

    return {
        "softmax": lambda: torch.softmax(row, 0),
        "log_softmax": lambda: torch.log_softmax(row, 0),
        "logsumexp": lambda: torch.logsumexp(row, 0),
        "cross_entropy": lambda: torch.nn.functional.cross_entropy(row[None], target),
        "cross_entropy'": gradient,
    }


def _scipy(x, target):
    import scipy.special

    return {
        "softmax": lambda: scipy.special.softmax(x),
        "log_softmax": lambda: scipy.special.log_softmax(x),
        "logsumexp": lambda: scipy.special.logsumexp(x),
    }


def _jax(x, target):
    import jax

    jax.config.update("jax_enable_x64", True)
    return {
        "softmax": lambda: jax.nn.softmax(x),
        "log_softmax": lambda: jax.nn.log_softmax(x),
        "logsumexp": lambda: jax.nn.logsumexp(x),
        "cross_entropy": lambda: -jax.nn.log_softmax(x)[target],
        "cross_entropy'": lambda: jax.grad(lambda row: -jax.nn.log_softmax(row)[target])(x),
    }


# Operator, attributes, rank of x, whether a target is taken.
OPERATORS = {
    "softmax": ("Softmax", {"axis": -1}, 1, False),
    "log_softmax": ("LogSoftmax", {"axis": -1}, 1, False),
    "logsumexp": ("ReduceLogSumExp", {"keepdims": 0}, 1, False),
    "cross_entropy": ("SoftmaxCrossEntropyLoss", {"reduction": "none"}, 2, True),
}


@functools.cache
def _onnx_session(name, dtype):
    """onnxruntime's session on a model of one node."""
    import onnxruntime
    from onnx import TensorProto, helper

    operator, attributes, rank, has_target = OPERATORS[name]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    given = [helper.make_tensor_value_info("x", kind, ["m", "n"][-rank:])]
    given += [helper.make_tensor_value_info("target", TensorProto.INT64, ["m"])] * has_target
    node = helper.make_node(operator, [value.name for value in given], ["y"], **attributes)
    graph = helper.make_graph([node], name, given, [helper.make_tensor_value_info("y", kind, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _onnxruntime(x, target):
    def run(name):
        has_target = OPERATORS[name][3]
        feed = {"x": x[None], "target": np.array([target])} if has_target else {"x": x}
        return _onnx_session(name, x.dtype.name).run(None, feed)[0]

    return {name: functools.partial(run, name) for name in OPERATORS}


LIBRARIES = {"fastact": _fastact, "torch": _torch, "scipy": _scipy, "jax": _jax, "onnxruntime": _onnxruntime}


def expected(name, x, target, m):
    """The reference on one row, as a 1-d array of the numbers of m."""
    call = {
        "softmax": lambda: reference.softmax_row(m, x),
        "log_softmax": lambda: reference.log_softmax_row(m, x),
        "logsumexp": lambda: reference.logsumexp_row(m, x),
        "cross_entropy": lambda: reference.cross_entropy_row(m, x, target),
        "cross_entropy'": lambda: reference.cross_entropy_row_gradient(m, x, target),
    }[name]
    with m.context():
        return np.atleast_1d(np.asarray(call()))


@dataclasses.dataclass
class WorstRow:
    """The largest error of one function over rows, in ULPs, and where results cancel as a share of what is allowed."""

    count: int = 0
    ulp: float = 0.0
    family: str = ""
    length: int = 0
    cancelling: float = 0.0
    by_length: dict = dataclasses.field(default_factory=dict)
    by_family: dict = dataclasses.field(default_factory=dict)

    def add(self, family, x, got, want, m, may_cancel=False):
        """Count one row's results against the reference; may_cancel: of logsumexp, whose result may be near 0."""
        if got.shape != want.shape or got.dtype != x.dtype:
            raise ValueError(f"results {got.shape} {got.dtype}, reference {want.shape}, row {x.dtype}: must agree")
        self.count += 1
        head, tail = reference.split(want, m) if x.dtype == np.float64 else (want.astype(np.float64), 0.0)
        errors = ulp.errors(got, head, tail)
        scale = max(1.0, float(np.abs(x.max())))
        cancels = may_cancel & (np.abs(head) < CANCELS_BELOW * scale)
        if cancels.any() and errors[0] > ROW_BOUNDS[x.dtype.name][0]:
            with m.context():
                absolute = float(abs(m.array(got.astype(np.float64))[0] - want[0]))
            self.cancelling = max(self.cancelling, absolute / scale / ROW_BOUNDS[x.dtype.name][1])
            errors[:] = 0
        worst = float(errors.max(initial=0))
        for table, key in ((self.by_length, str(x.size)), (self.by_family, family)):
            table[key] = max(table.get(key, 0.0), worst)
        if worst > self.ulp:
            self.ulp, self.family, self.length = worst, family, x.size

    def within(self, dtype):
        """Whether rows were counted and all keep the bounds."""
        return self.count > 0 and self.ulp <= ROW_BOUNDS[dtype][0] and self.cancelling <= 1


def sweep(library, dtype, sample=False, functions=FUNCTIONS):
    """Measure the row functions of a library and print a line each.

    Returns
    -------
    list of dict
    """
    m = reference.LONG_DOUBLE if dtype == "float32" else reference.MPFR
    lines = []
    for name in functions:
        if name not in LIBRARIES[library](np.zeros(1, dtype), 0):
            continue
        begin, worst, random = time.perf_counter(), WorstRow(), np.random.default_rng(1)
        for family, x in rows(dtype, sample, library != "fastact"):
            target = int(np.argmax(x)) if random.random() < 0.5 else int(random.integers(x.size))
            with np.errstate(all="ignore"):
                worst.add(
                    family, x, results(library, name, x, target), expected(name, x, target, m), m, name == "logsumexp"
                )
        line = {
            "library": library,
            "name": name,
            "dtype": dtype,
            "ok": worst.within(dtype),
            "bound": ROW_BOUNDS[dtype][0],
        }
        lines.append({**line, **dataclasses.asdict(worst), "seconds": time.perf_counter() - begin})
        print(describe(lines[-1]), flush=True)
    return lines


def describe(line):
    """One line of the report."""
    text = f"{line['library']:<12}{line['name']:<16}{line['dtype']:<9}{line['ulp']:>10.4g} ULP (bound {line['bound']}) "
    text += f"{'ok' if line['ok'] else 'MISSED':<7} {line['family']!r}, {line['length']} long"
    if line["cancelling"]:
        text += f"; where it cancels {line['cancelling']:.2g} of the absolute bound"
    text += f"  [{line['count']} rows, {line['seconds']:.0f} s]"
    for what, table in (("length", line["by_length"]), ("family", line["by_family"])):
        text += f"\n    by {what}: " + ", ".join(f"{key} {worst:.3g}" for key, worst in table.items())
    return text
