"""The digits that come with the package."""

import numpy as np
import pytest

from fastact.data import load_digits

# Digits of each kind in the UCI test part, from its own description.
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_counts_and_first_image():
    images, labels = load_digits(np.uint8)
    assert images.shape == (1797, 64) and images.dtype == np.uint8 and images.flags.c_contiguous
    assert np.bincount(labels).tolist() == COUNTS
    assert images[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    assert int(images.sum(dtype=np.int64)) == 561718 and images.max() == 16


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_images_are_scaled_exactly(dtype):
    stored, labels = load_digits(np.uint8)
    images, same_labels = load_digits(dtype)
    assert images.dtype == dtype and images.flags.c_contiguous and np.array_equal(images * 16, stored)
    assert labels.dtype == np.int64 and np.array_equal(labels, same_labels)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="floating or integer images, not complex128"):
        load_digits(np.complex128)
