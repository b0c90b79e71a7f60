"""Batches: torch's datasets and DataLoader, in this process; orders of samples are in ``_samplers.py``."""

import bisect
import sys
import types

import numpy as np

from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._samplers import SAMPLERS, in_pieces
from fastact._tape import TensorBase, raw
from fastact._tensor import tensor
from fastact._tensor_shape import stack


class Dataset:
    """What has a length and gives a sample for each index."""

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__(index)")

    def __add__(self, other):
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """What gives samples one after the other: define ``__iter__``."""

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__} has no __iter__()")


class ConcatDataset(Dataset):
    """Datasets one behind the other.

    Parameters
    ----------
    datasets : iterable of Dataset or sequence
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        self.cumulative_sizes = np.cumsum([len(dataset) for dataset in self.datasets]).tolist()
        if not self.datasets:
            raise ValueError("ConcatDataset got no dataset: give it one or more")

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, index):
        place = range(len(self))[index]
        number = bisect.bisect_right(self.cumulative_sizes, place)
        return self.datasets[number][place - (self.cumulative_sizes[number - 1] if number else 0)]


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
    dataset : Dataset, IterableDataset or sequence
        Samples: tuples, dicts, numbers, texts, arrays or Tensors.
    batch_size : int or None
        Samples in a batch; None gives them one by one.
    shuffle : bool
        A new order on every pass, repeatable after `manual_seed`.
    sampler : iterable of int, optional
        The order of the samples instead.
    batch_sampler : iterable of lists of int, optional
        The samples of each batch instead.
    num_workers, pin_memory, timeout, worker_init_fn, prefetch_factor, persistent_workers and the like
        Accepted and ignored: batches are made in this process.
    collate_fn : callable, optional
        Makes a batch of a list of samples.
    drop_last : bool
        Leave out a last batch that is not full.
    generator : Generator, optional
        Draws the orders.
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        if sampler is not None and shuffle:
            raise ValueError("DataLoader got sampler and shuffle: give one of them, since both say the order")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError(
                "batch_sampler says all that batch_size, shuffle, sampler and drop_last do: leave those out"
            )
        if isinstance(dataset, IterableDataset) and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("an IterableDataset has its own order: leave shuffle, sampler and batch_sampler out")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size={batch_size} is invalid: it must be 1 or more, or None")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, bool(shuffle)
        self.sampler, self.batch_sampler, self.num_workers = sampler, batch_sampler, num_workers
        self.drop_last, self.collate_fn, self.generator = drop_last, collate_fn, generator

    def __len__(self):
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        count = len(self.dataset if self.sampler is None else self.sampler)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self):
        if isinstance(self.dataset, IterableDataset):
            return self._made(iter(self.dataset))
        if self.batch_sampler is not None:
            return map(self._batch, self.batch_sampler)
        if self.sampler is not None:
            order = self.sampler
        else:
            with drawing_from(self.generator):
                count = len(self.dataset)
                order = current().permutation(count) if self.shuffle else np.arange(count)
        if self.batch_size is None:
            return self._made(self.dataset[int(index)] for index in order)
        return map(self._batch, in_pieces(order, self.batch_size, self.drop_last))

    def _batch(self, chosen):
        """The samples at some indices as a batch."""
        if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
            return list(self.dataset[np.asarray(chosen)])
        return (self.collate_fn or collate)([self.dataset[int(index)] for index in chosen])

    def _made(self, samples):
        """What becomes of samples that come by themselves."""
        if self.batch_size is None:
            return map(self.collate_fn or _converted, samples)
        return map(self.collate_fn or collate, in_pieces(samples, self.batch_size, self.drop_last))


def collate(samples):
    """A batch of samples: their parts stacked, as Tensors; texts as a list."""
    first = samples[0]
    if isinstance(first, str):
        return samples
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(collate(part) for part in zip(*samples, strict=True)))
    if isinstance(first, (tuple, list)):
        return [collate(part) for part in zip(*samples, strict=True)]
    if isinstance(first, dict):
        return {key: collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, TensorBase):
        return stack(samples)
    if isinstance(first, (np.ndarray, np.generic)):
        return tensor(np.stack([raw(sample) for sample in samples]))
    return tensor(samples, np.float64 if isinstance(first, float) else None)


def _converted(sample):
    """A sample that is no batch: its arrays as Tensors."""
    if isinstance(sample, (tuple, list)):
        return [_converted(part) for part in sample]
    if isinstance(sample, dict):
        return {key: _converted(part) for key, part in sample.items()}
    return tensor(sample) if isinstance(sample, (np.ndarray, np.generic)) else sample


def make_modules(name):
    """The modules ``<name>.utils`` and ``<name>.utils.data``, made known to the import system."""
    data, utils = types.ModuleType(f"{name}.utils.data"), types.ModuleType(f"{name}.utils")
    for thing in (Dataset, IterableDataset, TensorDataset, ConcatDataset, Subset, DataLoader, random_split, *SAMPLERS):
        setattr(data, thing.__name__, thing)
    data.default_collate = collate
    utils.data = data
    sys.modules[utils.__name__], sys.modules[data.__name__] = utils, data
    return utils
