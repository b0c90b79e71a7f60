"""bfloat16, which NumPy knows once ml_dtypes is imported: every ufunc gets its loops then, be that before fastact or after.
A ufunc that has seen the dtype without them would remember to go through float32."""

import sys

from . import _core

MODULE = "ml_dtypes"


def register(module):
    import numpy as np

    _core.register_bfloat16(np.dtype(module.bfloat16).num)


class Watcher:
    """A finder that finds one module as the others would, and registers its dtype when it has been executed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != MODULE:
            return None
        others = (finder for finder in sys.meta_path if finder is not Watcher)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module):
            execute(module)
            register(module)
            if Watcher in sys.meta_path:  # not before: who asks for the spec need not import
                sys.meta_path.remove(Watcher)

        spec.loader.exec_module = execute_and_register
        return spec


if MODULE in sys.modules:
    register(sys.modules[MODULE])
else:
    sys.meta_path.insert(0, Watcher)
