"""What stands between a user's y and a loss: labels to class indices and back, shapes, dtypes, and the inputs' dtype."""

import numpy as np

import fastact as fa
from fastact import nn
from fastact._tape import raw
from fastact.nn import functional
from fastact.train import _loop

KINDS = {
    "CrossEntropyLoss": "classes",
    "cross_entropy": "classes",
    "NLLLoss": "log classes",
    "nll_loss": "log classes",
    "BCEWithLogitsLoss": "binary logits",
    "binary_cross_entropy_with_logits": "binary logits",
    "BCELoss": "binary",
    "binary_cross_entropy": "binary",
}


def dtype_of(model):
    """The floating dtype in which a model computes."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), np.dtype(np.float32))


def as_inputs(values, model, name="X"):
    """`values` as an array that `model` takes: floats in its dtype, integers as they are where it looks up embeddings."""
    array = np.asarray(raw(values))
    if array.ndim == 0:
        raise ValueError(f"{name} is a single value; expected an array with one row for each sample")
    looks_up = any(type(module).__name__ == "Embedding" for module in model.modules())
    if array.dtype.kind in "iu" and looks_up:
        return array
    try:
        return np.ascontiguousarray(array, dtype_of(model))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} of dtype {array.dtype} does not convert to numbers ({error}); encode its texts first"
        ) from error


def choose_loss(y, targets):
    """The loss for a y without one: that of the first fit's `targets`, at first cross-entropy for all but floats."""
    values = y.dtype.kind == "f" if targets is None else targets.kind == "values"
    return nn.MSELoss() if values else nn.CrossEntropyLoss()


class Targets:
    """How y becomes what the loss takes, and outputs become labels or values again.

    Parameters
    ----------
    kind : str
        "classes" (logits of classes), "log classes", "binary logits", "binary" (probabilities), or "values".
    classes : ndarray, optional
        The labels in the order of the outputs; None where y holds indices already.
    flat : bool
        Whether predictions lose their axis of length 1, because y had none.
    """

    def __init__(self, kind, classes=None, flat=False):
        self.kind, self.classes, self.flat = kind, classes, flat

    @classmethod
    def learn(cls, loss, y, shape, given):
        """The way for a first `y`; `shape` is that of the model's outputs for one sample, with its batch axis.

        Where the loss was `given`, integers are class indices, as in torch; else they may be any labels.
        """
        kinds = [base.__name__ for base in type(loss).__mro__] + [getattr(loss, "__name__", "")]
        kind = next((KINDS[name] for name in kinds if name in KINDS), None)
        width = shape[1] if len(shape) > 1 else 1
        if kind is None:
            kind = "values" if y.dtype.kind == "f" or (y.dtype.kind in "iu" and width == 1) else "classes"
        if kind.startswith("binary"):
            labels = np.unique(y)
            plain = y.dtype.kind in "iuf" and (labels.min(initial=0) >= 0 and labels.max(initial=1) <= 1)
            if not plain and len(labels) != 2:
                raise ValueError(f"{_loop.name_of(loss)} tells two classes apart, y has {len(labels)}: {_few(labels)}")
            return cls(kind, None if plain else labels, y.ndim == 1)
        if kind == "values" or y.dtype.kind == "f":
            return cls(kind, None, y.ndim == 1)
        if y.dtype.kind in "iu":
            inside = y.size == 0 or (y.min() >= 0 and y.max() < width)
            if (inside and width > 1) or given:
                return cls(kind)
        return cls(kind, _checked_classes(np.unique(y), width))

    def encode(self, y, shape, dtype, loss, name):
        """`y` as `loss` takes it beside outputs of `shape`; `name` goes before it in errors."""
        texts = self.classes is not None and self.classes.dtype.kind in "US"
        if texts != (y.dtype.kind in "US"):
            known = "texts" if texts else "numbers"
            raise ValueError(f"{name}y has dtype {y.dtype}, the first fit had {known}: give such, or a new Trainer")
        if self.classes is not None:
            index = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
            unknown = self.classes[index] != y
            if np.any(unknown):
                raise ValueError(
                    f"{name}y has labels that the first fit did not see: {_few(np.unique(y[unknown]))}; known are "
                    f"{_few(self.classes)}"
                )
            y = index
        if self.kind in ("classes", "log classes") and y.dtype.kind != "f":
            width = (*shape, 1)[1]
            wrong = y[((y < 0) | (y >= width)) & (y != getattr(loss, "ignore_index", -100))]
            if wrong.size and _loop.name_of(loss) in KINDS:
                raise ValueError(f"{name}y has the class {wrong[0]}, the model has {width} outputs: make them agree")
            return np.ascontiguousarray(y, np.int64)
        return np.ascontiguousarray(_shaped(y, shape, self.kind, name), dtype)

    def decode(self, outputs):
        """Labels or values of outputs."""
        if self.kind == "values":
            return outputs.reshape(len(outputs)) if self.flat and outputs.size == len(outputs) else outputs
        if self.kind in ("classes", "log classes"):
            index = outputs.argmax(axis=1)
        else:
            index = (outputs > (0 if self.kind == "binary logits" else 0.5)).astype(np.int64)
            index = index.reshape(len(index)) if self.flat and index.size == len(index) else index
        return index if self.classes is None else self.classes[index]

    def probabilities(self, outputs):
        """Probabilities of the classes; for a single binary output both columns."""
        if self.kind == "values":
            raise TypeError("predict_proba needs a classifier; this trainer fits values: use predict")
        if self.kind == "classes":
            return functional.softmax(outputs, dim=1)
        if self.kind == "log classes":
            return np.exp(outputs)
        one = fa.sigmoid(outputs) if self.kind == "binary logits" else outputs
        if one.size != len(one):
            return one
        one = one.reshape(-1, 1)
        return np.concatenate([1 - one, one], axis=1)

    def state_dict(self):
        """Everything in it, for `from_state`."""
        classes = None if self.classes is None else self.classes.tolist()
        return {"kind": self.kind, "classes": classes, "flat": self.flat}

    @classmethod
    def from_state(cls, state):
        """What `state_dict` described."""
        classes = None if state["classes"] is None else np.array(state["classes"])
        return cls(state["kind"], classes, state["flat"])


def _checked_classes(labels, width):
    if width == 1:
        raise ValueError(
            f"the model has one output and y the classes {_few(labels)}: give it one output for each class, or pass "
            "loss=nn.BCEWithLogitsLoss() for two classes"
        )
    if len(labels) != width:
        raise ValueError(f"the model has {width} outputs, y has {len(labels)} classes: {_few(labels)}; make them agree")
    return labels


def _shaped(y, shape, kind, name):
    """`y` in the shape of the outputs, where only axes of length 1 differ."""
    wanted = (len(y), *shape[1:])
    if y.shape != wanted and [n for n in y.shape[1:] if n != 1] != [n for n in wanted[1:] if n != 1]:
        hint = "; for class labels pass integers: y.astype(int)" if kind != "values" or y.ndim == 1 else ""
        raise ValueError(f"the model has outputs of shape {wanted}, {name}y has shape {y.shape}: make them agree{hint}")
    return y.reshape(wanted)


def _few(labels):
    shown = ", ".join(repr(label) for label in labels[:8].tolist())
    return shown + (", ..." if len(labels) > 8 else "")
