"""The one device: the CPU, under the names that torch scripts use for it."""

_NAMES = ("cpu", "cuda", "mps", "meta", "xpu")


class device:
    """A device by name: "cpu", the only one there is.

    Parameters
    ----------
    type : str
        "cpu".
    index : int, optional
        Accepted and kept.
    """

    __slots__ = ("index", "type")

    def __init__(self, type, index=None):
        check_device(type)
        self.type, self.index = "cpu", index

    def __repr__(self):
        return "device(type='cpu')"

    def __str__(self):
        return "cpu"

    def __eq__(self, other):
        return str(other).split(":")[0] == "cpu"

    def __hash__(self):
        return hash("cpu")

    def __reduce__(self):
        return device, ("cpu", self.index)


def is_device(value):
    """Whether `value` names a device."""
    return getattr(value, "type", None) in ("cpu", "cuda") or (isinstance(value, str) and value.split(":")[0] in _NAMES)


def check_device(device):
    """Refuse every device but the CPU."""
    if device is not None and str(getattr(device, "type", device)).split(":")[0] != "cpu":
        raise RuntimeError(f"device {device!r} was asked for, but fastact computes on the CPU only: use 'cpu'")


CPU = device("cpu")
