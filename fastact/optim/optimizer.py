"""Optimizer: parameter groups, gradients, and the state that an algorithm keeps for each parameter.

The algorithms are in ``sgd.py``, ``adam.py`` and ``rmsprop.py``.
"""

import numpy as np

from fastact import _tape
from fastact._tape import TensorBase, raw


class Optimizer:
    """Base class of the optimizers.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to train; a dict is a group ``{"params": [...], "lr": ...}`` with settings of its own.
    defaults : dict
        Settings of groups that do not say.
    """

    def __init__(self, params, defaults):
        self.defaults, self.state, self.param_groups, self._pieces = defaults, {}, [], []
        if isinstance(params, TensorBase):
            raise TypeError("an optimizer takes an iterable of parameters, got one tensor; put it in a list")
        groups = list(params)
        if not groups:
            raise ValueError("an optimizer got no parameters; pass model.parameters() of a model that has some")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group):
        """Train further parameters.

        Parameters
        ----------
        param_group : dict
            ``params`` (a Parameter or several), and the settings in which the group differs.
        """
        given = param_group["params"]
        params = [given] if isinstance(given, TensorBase) else list(given)
        for param in params:
            if not isinstance(param, TensorBase):
                raise TypeError(f"an optimizer trains tensors, got {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError("an optimizer trains leaves; this tensor was computed from others: detach() it")
        known = {id(param) for group in self.param_groups for param in group["params"]}
        if len({id(param) for param in params} | known) != len(params) + len(known):
            raise ValueError("a parameter is given to the optimizer twice; list each one once")
        group = {**self.defaults, **param_group, "params": params}
        self._check(group)
        self.param_groups.append(group)
        self._pieces.append(_tape.Piece())

    def _check(self, group):
        """Refuse settings out of range."""
        for name in ("lr", "weight_decay", "momentum", "eps"):
            if name in group and not group[name] >= 0.0:
                raise ValueError(f"{name}={group[name]!r} is invalid: it must be 0 or more")

    def zero_grad(self, set_to_none=True):
        """Forget the gradients, or set them to 0."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad.zero_()

    def step(self, closure=None):
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss anew, with its gradients; its result is returned.
        """
        loss = None if closure is None else closure()
        for group, piece in zip(self.param_groups, self._pieces, strict=True):
            self._step(group, piece)
        return loss

    def _step(self, group, piece):
        """Step the parameters of one group that have gradients."""
        raise NotImplementedError

    def _saved(self, state):
        """What torch saves of the state of one parameter."""
        return state

    def _loaded(self, state):
        """The state of one parameter from what torch saves of it."""
        return state

    def state_dict(self):
        """State and settings by the number of each parameter, as torch lays them out."""
        numbers = {}
        for group in self.param_groups:
            for param in group["params"]:
                numbers[param] = len(numbers)
        state = {
            numbers[param]: {
                name: _tape.constant(value) if isinstance(value, np.ndarray) else value
                for name, value in self._saved(values).items()
            }
            for param, values in self.state.items()
        }
        groups = [{**group, "params": [numbers[param] for param in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave, from an optimizer of the same algorithm and groups."""
        groups = state_dict["param_groups"]
        lengths = [len(group["params"]) for group in groups], [len(group["params"]) for group in self.param_groups]
        if lengths[0] != lengths[1]:
            raise ValueError(f"the state has groups of {lengths[0]} parameters, this optimizer has {lengths[1]}")
        by_number = {}
        for group, saved in zip(self.param_groups, groups, strict=True):
            by_number.update(zip(saved["params"], group["params"], strict=True))
            group.update({name: value for name, value in saved.items() if name != "params"})
        self._pieces = [_tape.Piece() for _ in groups]
        self.state = {
            by_number[number]: self._loaded(
                {name: _own(name, value, by_number[number]) for name, value in values.items()}
            )
            for number, values in state_dict["state"].items()
        }

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {number}"]
            lines += [f"    {name}: {value}" for name, value in sorted(group.items()) if name != "params"]
        return "\n".join([*lines, ")"])


def _own(name, value, param):
    """A copy of one value of a state, arrays in the dtype of their parameter."""
    if name == "step":
        return int(value)
    return None if value is None else np.asarray(raw(value)).astype(param.dtype, order="C")
