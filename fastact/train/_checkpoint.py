"""A Trainer as one safetensors file: weights under their own names, everything else under ``fastact.`` and as JSON."""

import contextlib
import json
import warnings

import numpy as np

from fastact import _safetensors, _tape, nn, optim
from fastact.nn import functional
from fastact.nn._architecture import NotDescribable, build, describe
from fastact.nn._weights import RESERVED, load_safetensors
from fastact.train._targets import Targets
from fastact.train.metrics import METRICS

KEY, FORMAT = "fastact.trainer", 1


def save(trainer, path):
    """Write `trainer`; see `Trainer.save`."""
    arrays = {name: value.numpy() for name, value in trainer.model.state_dict().items()}
    taken = [name for name in arrays if name.startswith(RESERVED)]
    if taken:
        raise ValueError(f"the model has weights called {taken}; names beginning with {RESERVED!r} are reserved")
    state = {
        "format": FORMAT,
        "model": _described(trainer.model),
        "loss": _describe_loss(trainer.loss),
        "optimizer": _describe_optimizer(trainer.optimizer, trainer.model),
        "metrics": [name if METRICS.get(name) is metric else {"own": name} for name, metric in trainer.metrics.items()],
        "targets": None if trainer._targets is None else trainer._targets.state_dict(),
        "history": trainer.history.state_dict(),
        "random": trainer._generator.bit_generator.state,
        "split_seed": trainer._split_seed,
        "optimizer_state": pack(trainer.optimizer.state_dict(), f"{RESERVED}optimizer", arrays),
        "callbacks": [
            [type(callback).__name__, pack(callback.state_dict(), f"{RESERVED}callbacks.{number}", arrays)]
            for number, callback in enumerate(trainer.callbacks)
        ],
        "extra": trainer.extra,
    }
    _safetensors.write(path, arrays, {"format": "pt", KEY: json.dumps(state)})


def load(cls, path, model, loss, optimizer, metrics, callbacks):
    """The trainer in a file; see `Trainer.load`."""
    arrays, metadata = _safetensors.read(path)
    if KEY not in metadata:
        raise ValueError(
            f"{path} holds no trainer, only weights ({len(arrays)} arrays): load them into a model by nn.load_safetensors"
        )
    with _damage_named(path):
        state = json.loads(metadata[KEY])
        if state["format"] > FORMAT:
            raise ValueError(
                f"{path} was written by a newer fastact (format {state['format']}); this one reads {FORMAT}"
            )
        model = _built(state["model"], arrays, path) if model is None else model
    try:
        load_safetensors(model, path)
    except RuntimeError as error:
        raise RuntimeError(f"{path} was saved of another model: {error}") from None
    with _damage_named(path):
        loss = _built_loss(state["loss"]) if loss is None else loss
        optimizer = _built_optimizer(state["optimizer"], model) if optimizer is None else optimizer
        metrics = _built_metrics(state["metrics"]) if metrics is None else metrics
    trainer = cls(model, loss, optimizer, metrics=metrics, callbacks=callbacks, seed=0)
    with _damage_named(path):
        _restore(trainer, state, arrays)
        states = [(name, unpack(packed, arrays)) for name, packed in state["callbacks"]]
    _load_callbacks(trainer.callbacks, states)
    return trainer


@contextlib.contextmanager
def _damage_named(path):
    """Whatever a state that is not one makes fail, as an error that names the file."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is damaged: what it says of the trainer cannot be read ({error!r}); its weights may be whole, "
            "nn.load_safetensors reads them alone"
        ) from error


def _restore(trainer, state, arrays):
    if not isinstance(trainer.optimizer, _Missing):
        trainer.optimizer.load_state_dict(unpack(state["optimizer_state"], arrays))
    trainer.history.load_state_dict(state["history"])
    trainer._targets = None if state["targets"] is None else Targets.from_state(state["targets"])
    trainer._generator.bit_generator.state = state["random"]
    trainer._split_seed, trainer.extra = state["split_seed"], state["extra"]


def _load_callbacks(callbacks, states):
    names = [name for name, _ in states]
    if callbacks and [type(callback).__name__ for callback in callbacks] != names:
        warnings.warn(
            f"the trainer was saved with callbacks {names}, and is loaded with others: these begin afresh",
            RuntimeWarning,
            stacklevel=4,
        )
        return
    for callback, (_, state) in zip(callbacks, states, strict=False):
        callback.load_state_dict(state)


def _described(model):
    dtypes = {name: value.dtype.name for name, value in model._named_state()}
    try:
        return {"description": describe(model), "dtypes": dtypes}
    except NotDescribable as error:
        return {"reason": str(error), "class": type(model).__name__}


def _built(described, arrays, path):
    if "reason" in described:
        raise ValueError(
            f"{path} holds a {described['class']} that cannot be built from it ({described['reason']}): make the model and "
            f"give it, Trainer.load(path, model={described['class']}(...))"
        )
    model = build(described["description"])
    for name, value in model._named_state():
        dtype = np.dtype(described["dtypes"][name])
        if dtype.kind != value.dtype.kind and dtype.name != "bfloat16":
            raise ValueError(f"{path} is damaged: it gives {name!r} the dtype {dtype}")
        value.data = np.empty(value.shape, dtype)
    return model


def _describe_loss(loss):
    if loss is None:
        return None
    if isinstance(loss, nn.Module):
        try:
            return {"module": describe(loss)}
        except NotDescribable:
            return {"own": type(loss).__name__}
    name = getattr(loss, "__name__", type(loss).__name__)
    return {"function": name} if getattr(functional, name, None) is loss else {"own": name}


def _built_loss(described):
    if described is None:
        return None
    if "own" in described:
        return _Missing("loss", described["own"])
    if "function" in described:
        return getattr(functional, described["function"])
    loss = build(described["module"])
    for name in ("weight", "pos_weight"):
        if getattr(loss, name, None) is not None:
            setattr(loss, name, _tape.constant(np.asarray(getattr(loss, name), np.float64)))
    return loss


def _describe_optimizer(optimizer, model):
    """Its class, and the names of the parameters in each of its groups; None for those of the user's own."""
    name = type(optimizer).__name__
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    groups = [[names.get(id(param)) for param in group["params"]] for group in optimizer.param_groups]
    own = getattr(optim, name, None) is not type(optimizer) or any(None in group for group in groups)
    return {"class": name, "groups": None if own else groups}


def _built_optimizer(described, model):
    if described["groups"] is None:
        return _Missing("optimizer", described["class"])
    cls = getattr(optim, described["class"], None)
    if not (isinstance(cls, type) and issubclass(cls, optim.Optimizer)):
        raise ValueError(f"the file names an optimizer {described['class']!r}, which fastact.optim does not have")
    parameters = dict(model.named_parameters())
    return cls([{"params": [parameters[name] for name in group]} for group in described["groups"]])


def _built_metrics(described):
    return [name if isinstance(name, str) else _Missing("metrics", name["own"]) for name in described]


class _Missing:
    """Stands for what a file could not hold; complains when it is used."""

    def __init__(self, argument, name):
        self.argument, self.__name__ = argument, name
        self.param_groups = [{"lr": float("nan")}]

    def __call__(self, *args, **kwargs):
        raise ValueError(
            f"the {self.argument} of this trainer was {self.__name__}, of your own, which a file does not hold: give it, "
            f"Trainer.load(path, {self.argument}=...)"
        )

    step = zero_grad = __call__


def pack(value, name, arrays):
    """`value` as JSON holds it; the arrays in it go into `arrays` under names that begin with `name`."""
    value = _tape.raw(value)
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"$array": name}
    if isinstance(value, dict):
        return {"$pairs": [[key, pack(part, f"{name}.{key}", arrays)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        parts = [pack(part, f"{name}.{number}", arrays) for number, part in enumerate(value)]
        return {"$tuple": parts} if isinstance(value, tuple) else parts
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold {name}={value!r}: only numbers, texts, arrays, lists and dicts of them")


def unpack(value, arrays):
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$tuple" in value:
        return tuple(unpack(part, arrays) for part in value["$tuple"])
    return {key: unpack(part, arrays) for key, part in value["$pairs"]}
