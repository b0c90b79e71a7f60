"""Batches: torch's TensorDataset and DataLoader, in this process."""

import sys
import types

import numpy as np

from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._tape import TensorBase, raw
from fastact._tensor import tensor
from fastact._tensor_shape import stack


class Dataset:
    """What has a length and gives a sample for each index."""

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__(index)")


class TensorDataset(Dataset):
    """Tensors of equal length, whose samples are tuples of rows.

    Parameters
    ----------
    *tensors : Tensor
        Equal in their first axis.
    """

    def __init__(self, *tensors):
        lengths = {len(part) for part in tensors}
        if len(lengths) != 1:
            raise ValueError(f"TensorDataset takes tensors of one length, got {sorted(lengths)}")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(part[index] for part in self.tensors)

    def __len__(self):
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of a dataset at some indices.

    Parameters
    ----------
    dataset : Dataset or sequence
    indices : sequence of int
    """

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, list(map(int, indices))

    def __getitem__(self, index):
        return self.dataset[self.indices[index]]

    def __len__(self):
        return len(self.indices)


def random_split(dataset, lengths, generator=None):
    """Subsets of a dataset, drawn at random without overlap.

    Parameters
    ----------
    dataset : Dataset or sequence
    lengths : sequence of int, or of float
        How many samples each gets, all together as many as there are; or shares that add up to 1.
    generator : Generator, optional
        Draws them.
    """
    count = len(dataset)
    if lengths and all(isinstance(part, float) for part in lengths) and abs(sum(lengths) - 1.0) < 1e-9:
        shares, lengths = lengths, [int(part * count) for part in lengths]
        for i in range(count - sum(lengths)):
            lengths[i % len(shares)] += 1
    if sum(lengths) != count:
        raise ValueError(f"random_split got lengths that add up to {sum(lengths)} for a dataset of {count}")
    with drawing_from(generator):
        order = current().permutation(count)
    ends = np.cumsum(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


class DataLoader:
    """Batches of a dataset.

    Parameters
    ----------
    dataset : Dataset or sequence
        Samples: tuples, numbers, arrays or Tensors.
    batch_size : int
        Samples in a batch.
    shuffle : bool
        A new order on every pass, repeatable after `manual_seed`.
    drop_last : bool
        Leave out a last batch that is not full.
    num_workers, pin_memory, persistent_workers
        Accepted and ignored: batches are made in this process.
    collate_fn : callable, optional
        Makes a batch of a list of samples.
    generator : Generator, optional
        Draws the orders.
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=False,
        *,
        drop_last=False,
        num_workers=0,
        pin_memory=False,
        persistent_workers=False,
        collate_fn=None,
        generator=None,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} is invalid: it must be 1 or more")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.drop_last, self.collate_fn, self.generator = drop_last, collate_fn, generator

    def __len__(self):
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self):
        count = len(self.dataset)
        with drawing_from(self.generator):
            order = current().permutation(count) if self.shuffle else np.arange(count)
        whole = isinstance(self.dataset, TensorDataset) and self.collate_fn is None
        for number in range(len(self)):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            if whole:
                yield list(self.dataset[chosen])
            else:
                yield (self.collate_fn or collate)([self.dataset[int(index)] for index in chosen])


def collate(samples):
    """A batch of samples: their parts stacked, as Tensors."""
    first = samples[0]
    if isinstance(first, (tuple, list)):
        return [collate(list(part)) for part in zip(*samples, strict=True)]
    if isinstance(first, dict):
        return {key: collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, TensorBase):
        return stack(samples)
    return tensor(
        np.stack([raw(sample) for sample in samples]) if isinstance(first, (np.ndarray, np.generic)) else samples
    )


def make_modules(name):
    """The modules ``<name>.utils`` and ``<name>.utils.data``, made known to the import system."""
    data, utils = types.ModuleType(f"{name}.utils.data"), types.ModuleType(f"{name}.utils")
    for thing in (Dataset, TensorDataset, Subset, DataLoader, random_split):
        setattr(data, thing.__name__, thing)
    utils.data = data
    sys.modules[utils.__name__], sys.modules[data.__name__] = utils, data
    return utils
