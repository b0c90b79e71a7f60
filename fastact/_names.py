"""What a module says of a name that it lacks."""

import difflib


def missing(module, name, known, what):
    """The AttributeError for `name`: `what` the module holds, and which of the names `known` come nearest."""
    nearest = difflib.get_close_matches(name, [key for key in known if not key.startswith("_")], 3)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
    return AttributeError(f"{module} has no {name!r}: it holds {what}{hint}")


def refuse_others(module, name, known, what):
    """Give the module with these globals a `__getattr__` that raises `missing`: one that type checkers saw would make every
    name Any."""

    def __getattr__(wanted):
        raise missing(name, wanted, known, what)

    module["__getattr__"] = __getattr__
