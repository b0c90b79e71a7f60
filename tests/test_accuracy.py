"""tools/accuracy.py must not pass what is wrong: each test hands it a broken function and sees it miss.

The sweeps themselves are run by `make accuracy`; here only stratified samples of small functions.
"""

import accuracy
import accuracy_digest
import accuracy_page
import accuracy_rows
import numpy as np
import pytest
import reference
import subjects
import ulp


class OneProcess:
    """Stands for a pool, in this process, so that functions can be replaced."""

    imap_unordered = staticmethod(map)


def sweep(monkeypatch, function, name="silu", kind="value", arguments=("--sample", "--points", "20000")):
    """The line of a sweep in which fastact's function is replaced."""
    if function is not None:
        monkeypatch.setattr(subjects, "bind", lambda *_: function)
    return accuracy.sweep(OneProcess, "fastact", name, kind, accuracy.parse([name, *arguments]))


def true_silu(x):
    return reference.evaluate(reference.NUMPY, "silu", "value", x).astype(x.dtype)


def test_a_right_function_passes(monkeypatch, capsys):
    line = sweep(monkeypatch, true_silu)
    assert line["ok"]
    assert line["ulp"] <= 0.5
    assert line["count"] > 20_000
    assert "ok" in capsys.readouterr().out


def test_every_row_of_fastact_can_be_swept():
    for name in ("relu", "leaky_relu"):
        for kind in ("value", "derivative"):
            assert sweep(None, None, name, kind)["ok"]


BROKEN = {
    "one input in all": lambda x, y: np.where(x == np.float32(1.5), np.nextafter(np.nextafter(y, y + 1), y + 1), y),
    "flushed subnormals": lambda x, y: np.where(np.abs(y) < 2.0**-126, y * 0, y),
    "no nan": lambda x, y: np.where(np.isnan(x), x.dtype.type(0), y),
    "nan at inf": lambda x, y: np.where(x == -np.inf, x.dtype.type(np.nan), y),
    "wrong sign of zero": lambda x, y: np.where(x == -np.inf, x.dtype.type(0), y),
    "nan": lambda x, y: np.full_like(y, np.nan),
    "inf for large": lambda x, y: np.where(x > 1e38, x.dtype.type(np.inf), y),
    "one part in 2**22": lambda x, y: y * x.dtype.type(1 + 2.0**-22),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_function_misses(monkeypatch, capsys, fault):
    monkeypatch.setattr(ulp, "stratified", lambda *_, **__: np.append(POINTS, np.float32(1.5)))
    with np.errstate(all="ignore"):
        line = sweep(monkeypatch, lambda x: BROKEN[fault](x, true_silu(x)).astype(x.dtype))
    assert not line["ok"]
    assert "MISSED" in capsys.readouterr().out


POINTS = ulp.stratified("float32", 20_000)


def test_a_result_of_another_size_or_dtype_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="shapes must agree"):
        sweep(monkeypatch, lambda x: true_silu(x)[:3])
    with pytest.raises(TypeError, match="float64"):
        sweep(monkeypatch, lambda x: true_silu(x.astype(np.float64)))


def test_a_part_that_is_not_counted_misses(monkeypatch):
    class Forgetful:
        @staticmethod
        def imap_unordered(run, jobs):
            return map(run, jobs[1:])

    monkeypatch.setattr(subjects, "bind", lambda *_: true_silu)
    options = accuracy.parse(["silu", "--sample", "--points", "500000"])
    assert not accuracy.sweep(Forgetful, "fastact", "silu", "value", options)["ok"]


def test_the_jobs_of_a_sweep_cover_every_float32_once():
    jobs = accuracy.jobs_of("fastact", "silu", "value", accuracy.parse(["silu"]))
    assert accuracy.expected_count(jobs) == 2**32
    assert [job.start for job in jobs] == list(range(0, 2**32, accuracy.SPAN))
    every = accuracy.parse(["silu", "--stride", "100"])
    assert accuracy.expected_count(accuracy.jobs_of("fastact", "silu", "value", every)) >= 2**32 // 100


def test_gelu_is_searched_where_its_derivative_is_least_exact(monkeypatch):
    options = accuracy.parse(["gelu", "--dtype", "float64"])
    jobs = [job for job in accuracy.jobs_of("fastact", "gelu", "derivative", options) if job.between]
    assert len({job.start for job in jobs}) == accuracy.SEARCHES
    assert accuracy.expected_count(jobs) == accuracy.SEARCHES * accuracy.ROUNDS * accuracy.PER_ROUND
    sampled = accuracy.parse(["gelu", "--dtype", "float64", "--sample"])
    others = [("fastact", "gelu", "value", options), ("scipy", "gelu", "derivative", options)]
    for arguments in (*others, ("fastact", "gelu", "derivative", sampled)):
        assert not any(job.between for job in accuracy.jobs_of(*arguments))
    true = subjects.bind("fastact", "gelu", "derivative")
    spike = -6.4973

    def broken(x, g):
        return true(x, g) * (1 + 2.0**-50 * np.clip(1 - abs(x - spike) * 100, 0, 1))

    monkeypatch.setattr(subjects, "bind", lambda *_: broken)
    job = accuracy.Job("fastact", "gelu", "derivative", "float64", start=1, points=6_000, between=(-8.0, -5.0))
    worst = accuracy.run(job)
    assert worst.count == 6_000
    assert worst.ulp > 4 and abs(worst.x - spike) < 1e-3


def test_an_exhaustive_job_visits_its_whole_span(monkeypatch):
    monkeypatch.setattr(accuracy, "SPAN", 100_000)
    seen = []
    monkeypatch.setattr(subjects, "bind", lambda *_: lambda x: seen.append(x.view(np.uint32).copy()) or true_silu(x))
    job = accuracy.Job("fastact", "silu", "value", start=1_000_000_000)
    assert accuracy.run(job).count == 100_000
    assert np.array_equal(np.concatenate(seen), np.arange(1_000_000_000, 1_000_100_000, dtype=np.uint32))


def test_an_unknown_function_is_named():
    with pytest.raises(SystemExit, match="nonsense.*expected one of relu"):
        accuracy.main(["nonsense"])


def softmax_in_float64(x, target):
    exact = np.exp(x.astype(np.float64) - x.max())
    return {"softmax": lambda: (exact / exact.sum()).astype(x.dtype)}


@pytest.mark.parametrize(("share", "held"), [(1.0, True), (1 + 2.0**-21, False), (np.nan, False)])
def test_rows_miss_when_they_are_wrong(monkeypatch, capsys, share, held):
    def library(x, target):
        right = softmax_in_float64(x, target)["softmax"]
        return {"softmax": lambda: right() * x.dtype.type(share)}

    monkeypatch.setitem(accuracy_rows.LIBRARIES, "fastact", library)
    (line,) = accuracy_rows.sweep("fastact", "float32", True, ["softmax"])
    assert line["ok"] == held


def test_rows_of_another_size_are_refused():
    x = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="must agree"):
        accuracy_rows.WorstRow().add("ones", x, x[:2], x.astype(np.longdouble), reference.LONG_DOUBLE)


def test_the_page_names_what_was_missed(monkeypatch, tmp_path):
    monkeypatch.setattr(accuracy_page, "DOCS", tmp_path)
    line = {"library": "fastact", "name": "silu", "kind": "value", "dtype": "float32", "ok": False, "bound": 1.0}
    line |= {"root_bound": 1.0, "count": 2**32, "ulp": 7.25, "x": -1.5, "at_root": 0.0, "root_x": None, "isa": None}
    accuracy_page.record([line, {**line, "library": "torch", "ulp": float("inf")}], None)
    text = (tmp_path / "accuracy.md").read_text()
    assert "| `silu` | 7.25 **missed** | 1.0 | `-0x1.8000000000000p+0` | 4,294,967,296 | no number |" in text
    accuracy_page.record([{**line, "ok": True, "ulp": 0.5}], None)
    text = (tmp_path / "accuracy.md").read_text()
    assert "missed" not in text
    assert "no number" in text


@pytest.mark.parametrize("name", ["silu", "quick_gelu"])
def test_the_first_look_in_long_double_loses_no_error(monkeypatch, name):
    function = subjects.bind("fastact", name, "value")
    options = ("--dtype", "float64", "--points", "60000")
    assert sweep(monkeypatch, function, name, arguments=options)["ok"]
    points = ulp.stratified("float64", 60_000, seed=0)
    wrong = points[1::4][points[1::4] > 0.1][7]  # of the second chunk

    def broken(x):
        y = function(x)
        return np.where(x == wrong, y * (1 + 2.0**-51), y)

    line = sweep(monkeypatch, broken, name, arguments=options)
    assert line["x"] == wrong
    assert line["ulp"] > 1.5
    assert not line["ok"]
    assert line["count"] == points.size


@pytest.mark.parametrize("kind", ["value", "derivative"])
def test_a_digest_tells_one_other_bit(monkeypatch, kind):
    monkeypatch.setattr(accuracy_digest, "SPAN", 1 << 14)
    monkeypatch.setattr(accuracy_digest, "CHUNK", 1 << 12)
    part = ("silu", kind, 0x3F800000)
    digest = accuracy_digest.of_span(part)
    assert accuracy_digest.of_span(part) == digest
    assert accuracy_digest.of_span((*part[:2], 0x3F810000)) != digest
    right = subjects.bind("fastact", "silu", kind)

    def wrong(x, *g):
        y = right(x, *g)
        y[x == 1.0009765625] = np.nextafter(y[x == 1.0009765625], np.float32(9))
        return y

    monkeypatch.setattr(subjects, "bind", lambda *_: wrong)
    assert accuracy_digest.of_span(part) != digest


@pytest.mark.parametrize("changed", [False, True])
def test_a_sweep_is_spared_only_where_the_digest_is_that_of_the_last(monkeypatch, capsys, changed):
    record = {"digest": "as then", "count": 1 << 32, "ulp": 0.75, "x": 1.0, "got": 2.0, "want": 2.0}
    record |= {"at_root": 0.0, "root_x": None, "partner": None}
    monkeypatch.setattr(accuracy_digest, "kept", lambda *_: record)
    monkeypatch.setattr(accuracy_digest, "of", lambda *_: "now" if changed else "as then")
    monkeypatch.setattr(accuracy, "run", lambda job: ulp.Worst(accuracy.SPAN, 0.5))
    line = accuracy.sweep(OneProcess, "fastact", "silu", "value", accuracy.parse(["silu", "--unchanged"]))
    assert (line["ok"], line["ulp"], line["digest"]) == (True, *((0.5, "now") if changed else (0.75, "as then")))
    assert ("as in the last full sweep" in capsys.readouterr().out) != changed
    record["ulp"] = 1.5
    line = accuracy.sweep(OneProcess, "fastact", "silu", "value", accuracy.parse(["silu", "--unchanged"]))
    assert line["ok"] == changed


def test_digests_are_taken_of_full_sweeps_alone():
    assert accuracy.is_full(accuracy.parse([]))
    for part in ("--sample", "--points 9", "--stride 2", "--vary-g", "--parameters 2", "--dtype float64"):
        assert not accuracy.is_full(accuracy.parse(part.split()))
