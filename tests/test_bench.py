"""The benchmark's harness: statistics, interleaving, formula rewriting, verdicts.  No real timing decides anything."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

import bench.__main__ as command
from bench import elementwise, report, targets
from bench.cells import Cell, cell_from_dict, default_cells, select
from bench.expressions import InPlaceNumPy, Unwritable, names_in, plain, with_named_constants
from bench.lineup import Lineup, aligned, examine
from bench.peers import FUNCTIONS
from bench.subject import Absent, Activation, peers_row
from bench.timing import Contestant, calibrate, geometric_mean, interleave, ratio
from bench.worker import measure


class FakeTimer:
    """Claims the given seconds an evaluation, one after the other, and records who was timed."""

    def __init__(self, name, seconds, log):
        self.name, self.seconds, self.log = name, itertools.cycle(seconds), log

    def timeit(self, number):
        self.log.append(self.name)
        return next(self.seconds) * number


def fake(name, seconds, log, role="peer", value=1.0):
    contestant = Contestant(name, "value", {"value": np.full(3, value)}, role=role)
    contestant.timer = FakeTimer(name, seconds, log)
    return contestant


GELU = Cell("elementwise", "gelu", (1024,))


def result(times, cell=GELU, limit_scale=1.0):
    roles = {name: {"fastact": "fastact", "limit": "limit"}.get(name, "peer") for name in times}
    return {
        "cell": cell.as_dict(),
        "times": times,
        "roles": roles,
        "limit_scale": limit_scale,
        "disagree": {},
        "notes": {},
    }


def test_ratio_is_the_median_of_ratios_round_by_round():
    found = ratio([2.0, 30.0, 8.0, 3.0, 50.0], [1.0, 10.0, 2.0, 3.0, 10.0])  # 2, 3, 4, 1, 5
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


def test_a_drift_common_to_all_leaves_the_ratio_alone():
    ours = [1.0, 2.0, 4.0, 8.0]
    found = ratio([3 * seconds for seconds in ours], ours)
    assert found.low == found.median == found.high == 3.0


def test_ratio_of_unequal_rounds_is_refused():
    with pytest.raises(ValueError, match="2 rounds were given over 1"):
        ratio([1.0, 1.0], [1.0])


def test_geometric_mean():
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert math.isnan(geometric_mean([]))


@pytest.mark.parametrize("seconds", [1e-7, 3e-6, 1e-3, 0.5])
def test_calibrated_rounds_are_long_enough_and_not_much_longer(seconds):
    number = calibrate(fake("a", [seconds], []), round_seconds=0.02)
    assert number * seconds >= 0.02
    assert number == 1 or number * seconds <= 0.03


def test_rounds_interleave_everybody_and_start_with_another_each_time():
    log = []
    contestants = [fake(name, [0.5], log) for name in "abc"]
    times = interleave(contestants, rounds=4, round_seconds=0.1)
    timed = "".join(log[-12:])
    assert [timed[i : i + 3] for i in range(0, 12, 3)] == ["abc", "bca", "cab", "abc"]
    assert {name: len(rounds) for name, rounds in times.items()} == {"a": 4, "b": 4, "c": 4}
    assert set(times["a"]) == {0.5}


def test_prepare_runs_before_every_round_outside_the_expression():
    calls = []
    contestant = Contestant("a", "f()", {"f": lambda: calls.append("run")}, prepare=lambda: calls.append("prepare"))
    contestant.seconds(2)
    assert calls == ["prepare", "run", "run"]


def test_quick_run_of_one_cell_with_fake_peers():
    log = []

    def make(cell):
        peers = [fake("fastact", [0.01], log, "fastact"), fake("slow", [0.04], log), fake("fast", [0.015], log)]
        return Lineup([*peers, fake("limit", [0.005], log, "limit")], {"absentee": "missing: not installed"})

    measured = json.loads(json.dumps(measure(Cell("elementwise", "gelu", (1024,)), 3, 0.002, make=make)))
    name, best = targets.best_peer(measured)
    assert (name, best.median) == ("fast", pytest.approx(1.5))
    assert targets.times_limit(measured).median == pytest.approx(2.0)
    assert "≥ 1 × best: MET" in report.line(measured)
    assert report.note_lines([measured]) == ["absentee: missing: not installed (gelu)"]
    assert report.summary([measured])[-1] == "targets met: 1 of 1"


def test_a_process_that_dies_costs_one_cell_only(monkeypatch):
    script = """
import json, sys
for cell in json.load(sys.stdin)["cells"]:
    if cell["function"] == "deadly":
        sys.exit(3)
    print(json.dumps({"cell": cell, "absent": "here"}), flush=True)
"""

    def start(threads, isa, core):
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True)

    monkeypatch.setattr(command, "start_worker", start)
    cells = [Cell("elementwise", name, (16,)) for name in ("a", "deadly", "b")]
    results = list(command.run(cells, command.arguments(["--quick"])))
    assert [result["cell"]["function"] for result in results] == ["a", "deadly", "b"]
    assert [result.get("error") for result in results] == [None, "the measuring process ended with status 3", None]


def test_real_timers_measure_a_cell():
    contestants = [Contestant(name, "sum(x)", {"x": range(n)}) for name, n in (("fastact", 100), ("peer", 10000))]
    times = interleave(contestants, rounds=2, round_seconds=0.0005)
    assert min(times["peer"]) > min(times["fastact"]) > 0


def test_an_absent_function_is_said_to_be_absent():
    def make(cell):
        raise Absent("nothing of that name")

    measured = measure(Cell("elementwise", "gelu", (16,)), 1, 0.001, make=make)
    assert "absent: nothing of that name" in report.line(measured)
    assert report.absent_lines([measured]) == ["absent (elementwise): gelu: nothing of that name"]


def test_a_peer_that_computes_something_else_or_fails_is_found():
    broken = Contestant("broken", "1 / 0", {})
    lineup = Lineup(
        [fake("fastact", [1], [], "fastact"), fake("same", [1], []), fake("other", [1], [], value=2.0), broken]
    )
    assert examine(lineup) == {"other": pytest.approx(0.5)}
    assert lineup.notes == {"broken": "failed: ZeroDivisionError: division by zero"}
    assert broken not in lineup.contestants


def test_all_results_are_compared_however_they_are_nested():
    def results(name, role="peer", scale=1.0):
        gradients = (np.full(3, 1e-6) * scale, np.full(2, 1e-7))
        value = (4.0, (*gradients, None)) if role == "fastact" else (4.0, gradients)
        return Contestant(name, "value", {"value": value}, role=role)

    lineup = Lineup([results("fastact", "fastact"), results("same"), results("other", scale=1.1)], position=None)
    assert examine(lineup) == {"other": pytest.approx(0.05)}


def test_a_failing_fastact_is_not_swept_aside():
    with pytest.raises(ZeroDivisionError):
        examine(Lineup([Contestant("fastact", "1 / 0", {}, role="fastact")]))


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ({"fastact": [1.0, 1.0], "peer": [1.5, 1.5]}, "MET"),
        ({"fastact": [2.0, 2.0], "peer": [1.5, 1.5]}, "MISSED (0.75)"),
        ({"fastact": [2.0, 2.0]}, "not measured"),
    ],
)
def test_verdicts(times, verdict):
    assert f"≥ 1 × best: {verdict}" in report.line(result(times))


def test_two_threads_owe_a_gain_only_where_torch_gains():
    cell = Cell("threads", "gelu", (1 << 20,), threads=2)
    target = targets.targets(cell)[0]
    ours = {"fastact": [1.0, 1.0], "fastact@1": [1.1, 1.1], "torch": [1.0, 1.0]}
    assert targets.reached(target, result(ours | {"torch@1": [1.0, 1.0]}, cell))[1]
    assert not targets.reached(target, result(ours | {"torch@1": [1.9, 1.9]}, cell))[1]


WITH_DERIVATIVE = [name for name, row in FUNCTIONS.items() if row.derivative]


@pytest.mark.parametrize(
    ("name", "which"), [(name, "formula") for name in FUNCTIONS] + [(name, "derivative") for name in WITH_DERIVATIVE]
)
def test_in_place_expressions_equal_their_formulas(name, which):
    row = FUNCTIONS[name]
    formula = getattr(row, which)
    special = pytest.importorskip("scipy.special")
    x, gate, g = np.random.default_rng(0).uniform(0.1, 0.9, (3, 50))
    x = x if row.positive else 8 * (x - 0.5)
    names = {"np": np, "erf": special.erf, "x": x, "gate": gate, "g": g, **row.parameters}
    program = InPlaceNumPy(formula)
    buffers = {f"scratch{i}": np.empty(50) for i in range(program.n_scratch)} | {"y": np.empty(50)}
    functions = {n: getattr(np, n) for n in ("exp", "expm1", "log", "log1p", "tanh", "maximum", "minimum", "where")}
    expected = eval(formula, names | functions)
    np.testing.assert_array_equal(eval(program.text, names | buffers), expected)


@pytest.mark.parametrize("name", WITH_DERIVATIVE)
def test_derivatives_in_the_table_are_the_formulas_derivatives(name):
    row = FUNCTIONS[name]
    special = pytest.importorskip("scipy.special")
    functions = {n: getattr(np, n) for n in ("exp", "expm1", "log", "log1p", "tanh", "maximum", "minimum", "where")}
    x = np.array([0.11, 0.23, 0.61, 0.83]) if row.positive else np.array([-4.1, -1.3, -0.23, 0.23, 0.7, 1.9, 5.7])
    names = functions | {"erf": special.erf, "g": 2.0, **row.parameters}
    step = 1e-6
    ahead, behind = (eval(row.formula, names | {"x": x + shift}) for shift in (step, -step))
    derivative = eval(row.derivative, names | {"x": x}) / 2
    np.testing.assert_allclose(derivative, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-8)


def test_formula_rewriting():
    assert InPlaceNumPy("1/(1 + exp(-x))").text == (
        "np.divide(1, np.add(1, np.exp(np.negative(x, out=y), out=y), out=y), out=y)"
    )
    assert InPlaceNumPy("exp(x)*tanh(x)").text == ("np.multiply(np.exp(x, out=y), np.tanh(x, out=scratch0), out=y)")
    assert names_in("where(x > limit, x, 0.0)") == ["limit", "x"]
    text, values = with_named_constants("0.5*x + 2", np.float32)
    assert text == "constant0 * x + constant1"
    assert [(value, value.dtype) for value in values.values()] == [(0.5, np.float32), (2.0, np.float32)]
    with pytest.raises(Unwritable, match="unknown"):
        InPlaceNumPy("unknown(x)")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("x if x > 0 else alpha * expm1(x)", "where(x > 0, x, alpha * expm1(x))"),
        ("x * sigmoid(x)", "x * (1 / (1 + exp(-x)))"),
        ("max(x, 0)**2", "maximum(x, 0) * maximum(x, 0)"),
        ("x * (1 + erf(x / sqrt(2))) / 2", "x * (1 + erf(x / 1.4142135623730951)) / 2"),
    ],
)
def test_formulas_of_the_table_in_plain_terms(written, expected):
    assert plain(written) == expected


@pytest.mark.parametrize("written", ["x, or 1 where x > 2", "sigmoid(2u)", "x**7", "riemann(x)"])
def test_what_cannot_be_translated_is_said_to_be_so(written):
    with pytest.raises(Unwritable):
        plain(written)


def test_a_function_that_only_fastact_knows_gets_its_peers_from_its_formula():
    row = peers_row(
        Activation(
            "made_up", parameters="alpha=2.0", formula="alpha * x**2", derivative="2 * x if x > 0 else 2 * alpha"
        )
    )
    assert (row.formula, row.parameters) == ("alpha * (x * x)", {"alpha": 2.0})
    assert row.derivative == "where(x > 0, g * (2 * x), g * (2 * alpha))"
    assert peers_row(Activation("prose", formula="u, u = x")).formula == ""


def test_selection_of_cells():
    cells = default_cells(["gelu", "relu"])
    chosen = select(cells, ["elementwise"], ["gelu"], [1024], "given")
    assert chosen == [Cell("elementwise", "gelu", (1024,))]
    assert all(cell_from_dict(json.loads(json.dumps(cell.as_dict()))) == cell for cell in cells)
    assert len(set(cells)) == len(cells)


def test_buffers_start_at_cache_lines():
    assert all(aligned((n,), np.float32).ctypes.data % 64 == 0 for n in (1, 16, 1000))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_are_compared_with_torch_and_bounded_by_the_memory(dtype):
    pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    cell = Cell("halves", "silu", (1000,), dtype=dtype)
    assert [str(target) for target in targets.targets(cell)] == ["≤ 1.3 × limit"]
    made = elementwise.lineup(cell)
    assert examine(made) == {}
    assert [contestant.name for contestant in made.contestants] == ["fastact", "torch", "limit"]
    assert dtype in report.shape_text(cell)
