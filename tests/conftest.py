"""What all tests share: the `isa` fixture and the hypothesis profiles.

FASTACT_ISA is read once in a process, so tests switch instruction sets by `fastact._core.select_isa`.  A test that
takes `isa` runs once for each instruction set this machine has.
"""

import os

import hypothesis
import pytest

_COMMON = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("ci", max_examples=30, derandomize=True, database=None, **_COMMON)
hypothesis.settings.register_profile("dev", max_examples=300, **_COMMON)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_generate_tests(metafunc):
    """One run of a test for each instruction set available, best first."""
    if "isa" in metafunc.fixturenames:
        from fastact import _core

        metafunc.parametrize("isa", _core.available_isas(), indirect=True)


@pytest.fixture
def isa(request):
    """The name of the instruction set that is selected while the test runs."""
    from fastact import _core

    previous = _core.select_isa(request.param)
    yield request.param
    _core.select_isa(previous)
