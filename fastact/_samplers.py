"""Orders of samples under torch's names: what DataLoader takes as `sampler` and `batch_sampler`."""

import itertools

import numpy as np

from fastact._random import drawing_from
from fastact._random import generator as current
from fastact._tape import raw


def in_pieces(items, size, drop_last):
    """Lists of `size` items, of an array arrays; the last may be shorter, unless it is dropped."""
    if isinstance(items, np.ndarray):
        end = len(items) // size * size if drop_last else len(items)
        yield from (items[start : start + size] for start in range(0, end, size))
        return
    items = iter(items)
    while piece := list(itertools.islice(items, size)):
        if drop_last and len(piece) < size:
            return
        yield piece


class Sampler:
    """Gives the indices of samples; define ``__iter__`` and ``__len__``."""

    def __init__(self, data_source=None):
        pass

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__} has no __iter__()")


class SequentialSampler(Sampler):
    """The samples as they stand."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """The samples in a new order on every pass; `num_samples` of them, with `replacement` each time from all."""

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples

    def __iter__(self):
        count = len(self.data_source)
        with drawing_from(self.generator):
            if self.replacement:
                return iter(current().integers(count, size=self.num_samples).tolist())
            rounds = [current().permutation(count) for _ in range(-(-self.num_samples // max(count, 1)))]
        return iter(np.concatenate([np.empty(0, np.int64), *rounds])[: self.num_samples].tolist())

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Some indices, in a new order on every pass."""

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        with drawing_from(self.generator):
            order = current().permutation(len(self.indices))
        return iter([self.indices[place] for place in order])

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` indices, each drawn in proportion to its weight: rare classes as often as common ones."""

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        self.weights, self.num_samples = np.asarray(raw(weights), np.float64), num_samples
        self.replacement, self.generator = replacement, generator
        if self.weights.ndim != 1 or not (self.weights >= 0).all() or not 0 < self.weights.sum() < np.inf:
            raise ValueError(
                f"WeightedRandomSampler got weights of shape {self.weights.shape}: expected one finite number of 0 or more "
                "for each sample, one of them above 0"
            )
        if num_samples < 1:
            raise ValueError(f"num_samples={num_samples!r} is invalid: it must be 1 or more")

    def __iter__(self):
        shares = self.weights / self.weights.sum()
        with drawing_from(self.generator):
            return iter(current().choice(len(shares), self.num_samples, self.replacement, shares).tolist())

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler."""

    def __init__(self, sampler, batch_size, drop_last):
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        return in_pieces(self.sampler, self.batch_size, self.drop_last)

    def __len__(self):
        count = len(self.sampler)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


SAMPLERS = (Sampler, SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, BatchSampler)
