"""Write fastact/data/digits.npz from scikit-learn's copy of the handwritten digits. Run once; needs scikit-learn."""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
images = digits.data.astype(np.uint8)
assert images.shape == (1797, 64) and np.array_equal(images, digits.data) and images.max() == 16
np.savez_compressed(
    pathlib.Path(__file__).parents[1] / "fastact" / "data" / "digits.npz",
    images=images,
    labels=digits.target.astype(np.uint8),
)
