"""tools/accuracy.py in float16 and bfloat16, and of two operands: what is right passes, what is wrong misses or is listed."""

import fractions

import accuracy
import accuracy_halves
import accuracy_page
import accuracy_pairs
import numpy as np
import pytest
import reference
import subjects

HALF = pytest.mark.parametrize("dtype", accuracy_halves.DTYPES)


class OneProcess:
    """Stands for a pool, in this process, so that functions can be replaced."""

    imap = imap_unordered = staticmethod(map)


def all_numbers(dtype):
    """The finite numbers from 0 up of a half type."""
    numbers = np.arange(1 << 15, dtype=np.uint16).view(accuracy_halves.DTYPES[dtype]).astype(np.float32)
    return numbers[np.isfinite(numbers)].astype(float)


def nearest(value, numbers):
    """The number of a half type that is nearest to a fraction, by trying those around it."""
    i = int(np.searchsorted(numbers, float(abs(value))))
    beside = range(max(i - 2, 0), min(i + 3, numbers.size))
    best = min(beside, key=lambda j: (abs(fractions.Fraction(numbers[j]) - abs(value)), j % 2))
    return numbers[best] * (-1 if value < 0 else 1)


@HALF
def test_rounding_once_agrees_with_the_nearest_of_all_numbers(dtype):
    random = np.random.default_rng(0)
    numbers = all_numbers(dtype)
    middle = random.choice(numbers, 300)
    middle += accuracy_halves.half_ulp(middle, dtype) / 2
    head = np.concatenate([middle, -middle, random.choice([-1, 1], 300) * np.exp2(random.uniform(-30, 15, 300))])
    for tail in (-0.25, 0.0, 0.25):

        def exact(i, tail=tail):
            return head[i], np.full(i.size, tail)

        got = accuracy_halves.rounded_once(head, dtype, exact).astype(float)
        moved = [fractions.Fraction(h) + fractions.Fraction(tail * np.spacing(abs(h))) for h in head]
        want = np.array([nearest(value, numbers) for value in moved])
        inside = np.abs(head) < 60_000
        assert np.array_equal(got[inside], want[inside])


def half_line(monkeypatch, dtype, change):
    """The line of silu where its results are changed."""
    true = subjects.bind("fastact", "silu", "value")
    monkeypatch.setattr(subjects, "bind", lambda *_: lambda x: change(x, true(x)))
    (line,) = accuracy_halves.run(accuracy_halves.Job("fastact", "silu", "value", dtype))
    return line


@HALF
def test_a_right_half_function_passes_and_lists_what_float32_decides(monkeypatch, dtype):
    line = half_line(monkeypatch, dtype, lambda x, y: y)
    assert line["ok"]
    assert line["count"] == 1 << 16
    assert 0.4 < line["ulp"] <= line["bound"] < 0.51
    assert 0 < len(line["differing"]) < 200


BROKEN = {
    "the next number at one input": lambda x, y: np.where(x == 1.5, np.nextafter(y, 2 * y), y).astype(y.dtype),
    "flushed": lambda x, y: np.where(np.abs(y.astype(float)) < 2.0**-14, 0 * y, y).astype(y.dtype),
    "no nan": lambda x, y: np.where(np.isnan(x), np.ones_like(x), y),
}


@HALF
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_half_function_misses_and_is_listed(monkeypatch, dtype, fault):
    line = half_line(monkeypatch, dtype, BROKEN[fault])
    assert not line["ok"]
    assert line["differing"]
    assert "MISSED" in accuracy.describe(line)


def test_the_page_lists_the_inputs(monkeypatch):
    line = half_line(monkeypatch, "float16", BROKEN["the next number at one input"]) | {"isa": None}
    text = accuracy_page.page({"fastact/silu/value/float16": line})
    assert "Not the correctly rounded float16" in text
    assert "1.5: " in text
    assert "**missed**" in text


@HALF
def test_what_a_half_type_is_off_beside_a_root_is_a_share_of_its_bound(monkeypatch, dtype):
    job = accuracy_halves.Job("fastact", "geglu", "pairs", dtype)
    line = accuracy_halves.run(job)[2]
    assert line["ok"] and line["ulp"] <= line["bound"]
    assert 0 < line["at_root"] <= line["root_bound"] and abs(line["root_x"] + 0.752) < 0.1
    assert " / 0." in accuracy_page.figure(line)
    assert "beside the root 0." in accuracy.describe(line)
    true = accuracy_pairs.compute

    def broken(name, x, other, g):
        *rest, by_gate = true(name, x, other, g)
        near = np.abs(other.astype(np.float32) + 0.752) < 0.01
        return *rest, np.where(near, np.nextafter(by_gate, x), by_gate)

    monkeypatch.setattr(accuracy_pairs, "compute", broken)
    line = accuracy_halves.run(job)[2]
    assert not line["ok"] and line["at_root"] > line["root_bound"]


def pair_lines(name="reglu", arguments=("--sample", "--points", "40000")):
    return accuracy_pairs.sweep(OneProcess, name, accuracy.parse([name, *arguments]))


def test_pairs_of_every_row_that_has_them_can_be_swept():
    names = [name for name in subjects.every_row() if accuracy_pairs.has_pairs(name)]
    assert {*subjects.gated(), "prelu"} <= set(names)
    for name in names:
        lines = pair_lines(name)
        assert [line["kind"] for line in lines] == list(accuracy_pairs.kinds(name))
        assert all(line["ok"] for line in lines), lines


@pytest.mark.parametrize("position", range(3))
def test_a_broken_function_of_two_misses(monkeypatch, position):
    true = accuracy_pairs.compute

    def broken(name, x, other, g):
        results = list(true(name, x, other, g))
        results[position] = results[position] * np.float32(1 + 2.0**-21)
        return results

    monkeypatch.setattr(accuracy_pairs, "compute", broken)
    lines = pair_lines("prelu" if position == 1 else "reglu")
    assert [line["ok"] for line in lines] == [i != position for i in range(3)]


def test_a_part_of_the_pairs_that_is_not_counted_misses():
    class Forgetful:
        imap_unordered = staticmethod(lambda run, jobs: map(run, jobs[1:]))

    options = accuracy.parse(["reglu", "--points", "300000"])
    assert not any(line["ok"] for line in accuracy_pairs.sweep(Forgetful, "reglu", options))


def test_the_root_of_a_derivative_by_the_gate_is_found(monkeypatch):
    silu, slope = (getattr(reference.ORACLES["silu"], kind) for kind in ("value", "derivative"))
    made = reference.Oracle(
        lambda m, x, gate: x * silu(m, gate), lambda m, x, gate: (silu(m, gate), m.fading(x, slope(m, gate)))
    )
    monkeypatch.setitem(reference.GATED, "reglu", made)
    reference.gate_roots.cache_clear()
    try:
        assert reference.gate_roots("reglu") == pytest.approx([-1.2784645427610738])
    finally:
        reference.gate_roots.cache_clear()
