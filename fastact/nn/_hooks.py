"""Hooks of modules: functions of the user's that see what goes into forward(), and what comes out of it."""


class Handle:
    """What takes a hook away again; ``with handle:`` does so at the end."""

    def __init__(self, hooks, key):
        self._hooks, self._key = hooks, key

    def remove(self):
        """Take the hook away; once more does nothing."""
        self._hooks.pop(self._key, None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


def add_hook(module, when, hook, prepend, with_kwargs):
    """Give `module` a hook before (`when` 0) or after (1) its forward(); returns its handle."""
    if module._hooks is None:
        module._hooks = {}, {}
    hooks, key = module._hooks[when], object()
    before = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[key] = hook, with_kwargs
    hooks.update(before)
    return Handle(hooks, key)


def call_hooked(module, args, kwargs):
    """forward() with the hooks around it."""
    first, last = module._hooks
    for hook, with_kwargs in list(first.values()):
        given = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if given is not None and with_kwargs:
            args, kwargs = given
        elif given is not None:
            args = given if isinstance(given, tuple) else (given,)
    output = module.forward(*args, **kwargs)
    for hook, with_kwargs in list(last.values()):
        given = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        output = output if given is None else given
    return output
