"""Packages that fastact can do without: an error that says how to install what a function needs."""

import importlib


def extra(package, name, wanted_by):
    """Import an optional package.

    Parameters
    ----------
    package : str
        What is imported.
    name : str
        The extra of fastact that brings it.
    wanted_by : str
        The function that cannot do without, for the error.

    Returns
    -------
    module

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package.split(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"{wanted_by} needs {error.name}, which is not installed: pip install 'fastact[{name}]'", name=error.name
        ) from error
