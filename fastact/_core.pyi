"""Types of the C layer's Python face; what the functions do stands in _core.pyx."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

Axes = int | tuple[int, ...] | None

class _Map(Protocol):
    gufunc: np.ufunc
    __name__: str
    def __call__(
        self,
        x: ArrayLike,
        axis: Axes = -1,
        *,
        where: ArrayLike | None = None,
        out: Any = None,
        dtype: DTypeLike | None = None,
    ) -> Any: ...

class _Sum(Protocol):
    gufunc: np.ufunc
    __name__: str
    def __call__(
        self,
        x: ArrayLike,
        axis: Axes = -1,
        *,
        keepdims: bool = False,
        where: ArrayLike | None = None,
        out: Any = None,
        dtype: DTypeLike | None = None,
    ) -> Any: ...

softmax: _Map
log_softmax: _Map
softmin: _Map
logsumexp: _Sum

def vjp_softmax(*, y: ArrayLike, g: ArrayLike, axis: Axes = -1) -> Any: ...
def vjp_log_softmax(*, y: ArrayLike, g: ArrayLike, axis: Axes = -1) -> Any: ...
def activation_table() -> list[dict[str, Any]]: ...
def compiled_isas() -> list[str]: ...
def available_isas() -> list[str]: ...
def selected_isa() -> str: ...
def select_isa(name: str) -> str: ...
def isa_message(name: str) -> str: ...
def compiler() -> str: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def default_num_threads() -> int: ...
def __getattr__(name: str) -> Any: ...  # what _core.pyx includes
