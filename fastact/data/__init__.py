"""Data shipped with the package, so that the demo and the examples need nothing from the network.

Only files small enough to travel in the wheel, each with its source and licence in README.txt, belong here.
"""

from importlib.resources import files

import numpy as np

__all__ = ["load_digits"]


def load_digits(dtype=np.float32):
    """Return 1797 handwritten digits of 8 × 8 pixels and what each one shows.

    Parameters
    ----------
    dtype : dtype, default float32
        Type of the images. A floating type gets grey values scaled to 0 … 1, an integer type the stored 0 … 16.

    Returns
    -------
    images : ndarray of shape (1797, 64)
        One picture a row, its eight pixel rows one after the other.
    labels : ndarray of shape (1797,), int64
        The digit that each picture shows.

    Notes
    -----
    Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository (1998),
    https://doi.org/10.24432/C50P49, CC BY 4.0, as distributed with scikit-learn.

    Examples
    --------
    >>> from fastact.data import load_digits
    >>> images, labels = load_digits()
    >>> images.shape, images.dtype, float(images.max()), labels[:5].tolist()
    ((1797, 64), dtype('float32'), 1.0, [0, 1, 2, 3, 4])
    """
    with files(__name__).joinpath("digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        images, labels = stored["images"], stored["labels"]
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return images.astype(dtype, "C") / dtype.type(16), labels.astype(np.int64)
    if dtype.kind in "iu":
        return images.astype(dtype, "C"), labels.astype(np.int64)
    raise TypeError(f"load_digits gives floating or integer images, not {dtype}; convert its result instead")
