"""Threads and runtime information: limits, environment, threadpoolctl, fork, many Python threads, interpreter exit."""

import multiprocessing
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import fastact as fa
from fastact import _core, runtime

LARGE = 1 << 22  # elements: enough for every thread count below to get tasks


@pytest.fixture(autouse=True)
def restored_limit():
    before = fa.get_num_threads()
    yield
    fa.set_num_threads(before)


def run_python(code, **environment):
    """Run `code` in a fresh interpreter; return the finished process.  Variables given as None are unset."""
    env = {k: v for k, v in os.environ.items() if k not in ("FASTACT_NUM_THREADS", "OMP_NUM_THREADS", "FASTACT_ISA")}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    env.update(environment)
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False
    )


def printed(code, **environment):
    done = run_python(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SHOW_LIMIT = "import fastact as fa; print(fa.get_num_threads())"


def test_set_and_get():
    for n in (1, 2, 7, 1024, np.int64(3), np.uint8(5)):
        fa.set_num_threads(n)
        assert fa.get_num_threads() == n
        assert type(fa.get_num_threads()) is int


@pytest.mark.parametrize("n", [0, -1, 1025, 10**30])
def test_count_out_of_range(n):
    before = fa.get_num_threads()
    with pytest.raises(ValueError, match=f"{n} is not within 1 to 1024"):
        fa.set_num_threads(n)
    with pytest.raises(ValueError, match="not within"):
        fa.num_threads(n)
    assert fa.get_num_threads() == before


@pytest.mark.parametrize("n", [1.0, "2", None, True, np.True_, np.float64(2), [1]])
def test_count_of_wrong_type(n):
    with pytest.raises(TypeError, match=rf"of type {type(n).__name__}; an integer from 1 to 1024"):
        fa.set_num_threads(n)


def test_context_manager_restores_also_after_an_error():
    fa.set_num_threads(5)
    limit = fa.num_threads(2)
    with limit:
        assert fa.get_num_threads() == 2
        with fa.num_threads(3), limit:
            assert fa.get_num_threads() == 2
        assert fa.get_num_threads() == 2
    with pytest.raises(KeyError), limit:
        raise KeyError
    assert fa.get_num_threads() == 5


def test_decorator():
    @fa.num_threads(4)
    def limit():
        return fa.get_num_threads()

    fa.set_num_threads(2)
    assert (limit(), fa.get_num_threads()) == (4, 2)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"FASTACT_NUM_THREADS": "3"}, "3"),
        ({"FASTACT_NUM_THREADS": " 3 ", "OMP_NUM_THREADS": "5"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "4,2"}, "4"),
        ({"FASTACT_NUM_THREADS": "", "OMP_NUM_THREADS": "6"}, "6"),
    ],
)
def test_environment(environment, expected):
    assert printed(SHOW_LIMIT, PYTHONWARNINGS="error", **environment) == expected


@pytest.mark.parametrize("text", ["0", "-2", "two", "2.0", "4,2", "1025", "٣", "9" * 400])
def test_invalid_environment_warns_and_the_next_source_decides(text):
    done = run_python(SHOW_LIMIT, FASTACT_NUM_THREADS=text, OMP_NUM_THREADS="7", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "7"
    assert "RuntimeWarning: FASTACT_NUM_THREADS=" in done.stderr
    assert "an integer from 1 to 1024 is expected" in done.stderr


def test_invalid_openmp_variable_falls_to_the_default():
    done = run_python(SHOW_LIMIT, OMP_NUM_THREADS="many,2")
    assert "RuntimeWarning: OMP_NUM_THREADS='many,2' is ignored" in done.stderr
    assert int(done.stdout) == _core.default_num_threads()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity masks")
def test_default_follows_affinity():
    first = min(os.sched_getaffinity(0))
    assert printed(f"import os; os.sched_setaffinity(0, {{{first}}}); {SHOW_LIMIT}") == "1"


def test_show_runtime(capsys):
    with fa.num_threads(3):
        assert fa.show_runtime() is None
    text = capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in text.replace("ISA ", "ISA_").replace("ISAs ", "ISAs_").splitlines())
    assert lines["fastact"] == fa.__version__
    assert lines["NumPy"] == np.__version__
    assert lines["compiler"] == _core.compiler()
    assert lines["ISAs_compiled"].split() == list(_core.compiled_isas())
    assert lines["ISAs_found"].split() == list(_core.available_isas())
    assert lines["ISA_selected"].split()[0] == _core.selected_isa()
    assert lines["threads"].startswith(f"3 ({_core.default_num_threads()} by affinity and cgroup")
    assert set(_core.available_isas()) <= set(_core.compiled_isas())
    assert _core.selected_isa() in _core.available_isas()


def test_info_command_prints_the_same():
    text = printed("import sys; sys.argv = ['fastact', 'info']; import runpy; runpy.run_module('fastact')")
    assert text == printed("import fastact; fastact.show_runtime()")


def test_threadpoolctl_sees_and_limits():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    runtime.register_threadpoolctl()
    runtime.register_threadpoolctl()
    fa.set_num_threads(6)
    (info,) = (i for i in threadpoolctl.threadpool_info() if i["user_api"] == "fastact")
    assert info["num_threads"] == 6
    assert info["version"] == fa.__version__
    assert info["isa"] == _core.selected_isa()
    assert os.path.samefile(info["filepath"], _core.__file__)
    with threadpoolctl.threadpool_limits(2):
        assert fa.get_num_threads() == 2
    with threadpoolctl.threadpool_limits(1, user_api="fastact"):
        assert fa.get_num_threads() == 1
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert fa.get_num_threads() == 6
    assert fa.get_num_threads() == 6


@pytest.mark.parametrize("order", ["threadpoolctl, fastact", "fastact, threadpoolctl"])
def test_threadpoolctl_registration_at_import(order):
    pytest.importorskip("threadpoolctl")
    seen = printed(f"import {order}; print([i['user_api'] for i in threadpoolctl.threadpool_info()].count('fastact'))")
    assert seen == ("1" if order.startswith("threadpoolctl") else "0")


def test_import_loads_what_it_needs():
    """The trainer, derivatives and losses with gradients come when first asked for; so do the functions themselves."""
    code = "import sys, fastact; print(*(m for m in sys.modules if m.startswith('fastact.')), *vars(fastact))"
    loaded = set(printed(code).split())
    assert {"fastact._core", "softmax"} <= loaded
    late = {"cli", "nn", "optim", "train", "_tape", "_tensor", "torch", "value_and_grad", "vjp"}
    assert not loaded & {f"fastact.{name}" for name in late}
    assert not loaded & {"gelu", "relu", "vjp"}


def test_modules_load_when_first_asked_for():
    code = "import fastact as fa; print(fa.data.load_digits.__name__, fa.nn.__name__, {'data', 'nn'} <= set(dir(fa)))"
    assert printed(code) == "load_digits fastact.nn True"


def test_a_star_gives_the_functions_and_leaves_torch_alone():
    code = "from fastact import *; import sys; print(gelu, softmax, vjp.gelu, *globals(), *sys.modules)"
    found = printed(code).split()
    assert {"gelu", "softmax", "cross_entropy", "vjp", "value_and_grad", "fastact.vjp"} <= set(found)
    assert not {"torch", "cli", "data", "nn", "optim", "train", "fastact.nn", "fastact.torch"} & set(found)


def test_a_function_is_made_once():
    code = """
import threading, fastact as fa
found, start = [], threading.Barrier(8)
def ask():
    start.wait()
    found.append(fa.mish)
    found.append(fa.activations.mish)
threads = [threading.Thread(target=ask) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(len(set(map(id, found))), fa.mish is found[0], "gelu" in dir(fa), "vjp" in dir(fa))
"""
    assert printed(code) == "1 True True True"


def test_threadpoolctl_ignores_a_foreign_core(tmp_path):
    pytest.importorskip("threadpoolctl")
    code = f"""
import ctypes, os, shutil, threadpoolctl, fastact
from fastact import _core
copy = os.path.join({str(tmp_path)!r}, os.path.basename(_core.__file__))
shutil.copy(_core.__file__, copy)
ctypes.CDLL(copy)
found = [i["filepath"] for i in threadpoolctl.threadpool_info() if i["user_api"] == "fastact"]
print(found == [os.path.realpath(_core.__file__)])
"""
    assert printed(code) == "True"


def test_missing_threadpoolctl_says_what_to_install():
    code = "import sys; sys.modules['threadpoolctl'] = None; import fastact; fastact.runtime.register_threadpoolctl()"
    done = run_python(code)
    assert "ImportError: threadpoolctl 3.2 or newer is needed" in done.stderr
    assert "pip install 'threadpoolctl>=3.2'" in done.stderr


def values():
    return np.random.default_rng(5).standard_normal(LARGE, dtype=np.float32)


def test_bits_do_not_depend_on_the_number_of_threads():
    x = values()
    with fa.num_threads(1):
        expected = fa.sigmoid(x)
    for n in (2, 3, 5, 16):
        with fa.num_threads(n):
            assert np.array_equal(fa.sigmoid(x).view(np.int32), expected.view(np.int32)), n


def test_many_python_threads_at_once_while_the_limit_changes():
    x = values()[: LARGE // 8]
    expected = fa.tanh(x)
    wrong, stop = [], threading.Event()

    def call():
        for _ in range(20):
            if not np.array_equal(fa.tanh(x), expected):
                wrong.append(threading.current_thread().name)

    def change():
        n = 0
        while not stop.is_set():
            n += 1
            fa.set_num_threads(1 + n % 5)

    callers = [threading.Thread(target=call) for _ in range(6)]
    changer = threading.Thread(target=change)
    for thread in (*callers, changer):
        thread.start()
    for thread in callers:
        thread.join()
    stop.set()
    changer.join()
    assert wrong == []


def _checksum_in_child(queue):
    fa.set_num_threads(3)
    queue.put(fa.sigmoid(values()).tobytes()[-64:])


@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
def test_multiprocessing(method):
    with fa.num_threads(3):
        expected = fa.sigmoid(values()).tobytes()[-64:]
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork in a process with threads; that this one is safe is what the test shows.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = context.Process(target=_checksum_in_child, args=(queue,))
        child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_other_threads_compute():
    code = f"""
import os, threading, warnings
import numpy as np, fastact as fa
warnings.simplefilter("ignore", DeprecationWarning)
fa.set_num_threads(3)
x = np.linspace(-5, 5, {LARGE // 4}, dtype=np.float32)
expected = fa.sigmoid(x)
stop = threading.Event()
def call():
    while not stop.is_set():
        fa.sigmoid(x)
thread = threading.Thread(target=call)
thread.start()
bad = 0
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(fa.sigmoid(x), expected) else 1)
    bad += os.waitpid(child, 0)[1] != 0
stop.set()
thread.join()
print(bad)
"""
    assert printed(code) == "0"


def test_interpreter_exits_while_a_daemon_thread_computes():
    code = f"""
import threading, time
import numpy as np, fastact as fa
fa.set_num_threads(4)
x = np.ones({LARGE}, dtype=np.float32)
def call():
    while True:
        fa.sigmoid(x)
threading.Thread(target=call, daemon=True).start()
time.sleep(0.2)
print("done")
"""
    assert printed(code) == "done"


FORK_WHILE_A_FUNCTION_IS_MADE = """
import gc, os, threading, time
import fastact

thread = None

def hold(phase, info):  # collections begin in the midst of making a function
    if threading.current_thread() is thread and phase == "start":
        time.sleep(0.02)

gc.callbacks.append(hold)
thread = threading.Thread(target=lambda: (gc.set_threshold(1), fastact.mish, gc.set_threshold(700)))
thread.start()
children = []
while thread.is_alive() and len(children) < 100:
    if not (child := os.fork()):
        gc.callbacks.clear()
        fastact.silu
        os._exit(0)
    children.append(child)
    time.sleep(0.01)
thread.join()
deadline, stuck = time.monotonic() + 20, set(children)
while stuck and time.monotonic() < deadline:
    stuck -= {child for child in stuck if os.waitpid(child, os.WNOHANG)[0]}
    time.sleep(0.01)
for child in stuck:
    os.kill(child, 9)
print(len(children) > 0, len(stuck))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_another_thread_makes_a_function():
    assert printed(FORK_WHILE_A_FUNCTION_IS_MADE, PYTHONWARNINGS="ignore") == "True 0"
