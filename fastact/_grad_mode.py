"""Switching the tape off and on: context managers that are decorators too."""

import contextlib
import functools
import inspect

from fastact import _tape


class set_grad_enabled:
    """Switch recording on or off: at once, and back at the end where used with ``with``.

    Parameters
    ----------
    mode : bool
        Whether operations are recorded.
    """

    def __init__(self, mode):
        self._mode, self._before = bool(mode), [_tape.set_recording(bool(mode))]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _tape.set_recording(self._before.pop())


class _Mode:
    """Recording set to one value inside ``with`` or inside a decorated function."""

    on = True

    def __new__(cls, function=None):
        self = super().__new__(cls)
        self._before = []
        return self(function) if callable(function) else self

    def __enter__(self):
        self._before.append(_tape.set_recording(self.on))
        return self

    def __exit__(self, *error):
        _tape.set_recording(self._before.pop())

    def __call__(self, function):
        mode = type(self)

        @functools.wraps(function)
        def decorated(*args, **kwargs):
            with mode():
                return function(*args, **kwargs)

        @functools.wraps(function)
        def decorated_generator(*args, **kwargs):
            with contextlib.closing(function(*args, **kwargs)) as generator:
                sent = None
                while True:
                    with mode():
                        try:
                            value = generator.send(sent)
                        except StopIteration as end:
                            return end.value
                    sent = yield value

        return decorated_generator if inspect.isgeneratorfunction(function) else decorated


class no_grad(_Mode):
    """Record nothing: ``with no_grad():``, or ``@no_grad()`` over a function.

    Examples
    --------
    >>> import fastact.torch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> with torch.no_grad():
    ...     print((x * 2).requires_grad)
    False
    """

    on = False


class enable_grad(_Mode):
    """Record again inside a `no_grad`."""


def is_grad_enabled():
    """Whether operations of this thread are recorded."""
    return _tape.is_recording()
