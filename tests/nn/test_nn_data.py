"""Datasets, samplers and loaders give the batches that torch's give; what is drawn at random is fastact's own."""

import collections

import numpy as np
import pytest
import torch

import fastact.torch as ft

Pair = collections.namedtuple("Pair", "x y")


def plain(value):
    """Values of either library as Python's own, tensors with their dtypes."""
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(plain, value)]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return (value.tolist(), str(value.dtype).removeprefix("torch.")) if hasattr(value, "tolist") else value


def kinds_of_samples(t, d):
    samples = [
        [1, 2, 3],
        [1.5, 2.5, 3.5],
        ["a", "b", "c"],
        np.arange(3.0),
        list(np.arange(6).reshape(3, 2)),
        [(1, 0.5), (2, 1.5), (3, 2.5)],
        [Pair(1, "u"), Pair(2, "v"), Pair(3, "w")],
        [{"n": "a", "v": [1.0, 2.0]}, {"n": "b", "v": [3.0, 4.0]}, {"n": "c", "v": [5.0, 6.0]}],
        [True, False, True],
        [t.tensor([1.0]), t.tensor([2.0]), t.tensor([3.0])],
    ]
    return [list(d.DataLoader(part, batch_size=2)) for part in samples] + [d.default_collate([1, 2])]


def one_by_one(t, d):
    data = d.TensorDataset(t.arange(3), t.arange(3) * 2.0)
    loader = d.DataLoader(data, batch_size=None)
    return [list(map(list, loader)), len(loader), list(d.DataLoader([np.ones(2), 3, "x"], batch_size=None))]


def orders(t, d):
    data = d.TensorDataset(t.arange(7))
    sampled = d.DataLoader(data, 3, sampler=[6, 0, 2, 4])
    batched = d.DataLoader(data, batch_sampler=d.BatchSampler(d.SequentialSampler(data), 3, True))
    dropped = d.DataLoader(data, 3, sampler=d.SequentialSampler(data), drop_last=True)
    loaders = sampled, batched, dropped, d.DataLoader(data, 2, False, None, None, 0, None, False, True)
    return [(list(loader), len(loader)) for loader in loaders]


def streams(t, d):
    class Stream(d.IterableDataset):
        def __iter__(self):
            yield from ((float(i), i) for i in range(5))

    return [list(d.DataLoader(Stream(), batch_size=2, drop_last=drop)) for drop in (False, True)] + [
        list(d.DataLoader(Stream(), batch_size=None))
    ]


def one_behind_the_other(t, d):
    class Own(d.Dataset):
        def __init__(self, start):
            self.start = start

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return self.start + index

    both = Own(0) + Own(10)
    return len(both), [both[i] for i in (0, 2, 3, -1)], both.cumulative_sizes, list(d.DataLoader(both, batch_size=4))


@pytest.mark.parametrize("use", [kinds_of_samples, one_by_one, orders, streams, one_behind_the_other])
def test_as_torch_does(use):
    assert plain(use(ft, ft.utils.data)) == plain(use(torch, torch.utils.data))


def test_samplers_draw_what_they_say():
    data, d = ft.utils.data.TensorDataset(ft.arange(10)), ft.utils.data
    ft.manual_seed(3)
    assert sorted(d.RandomSampler(data)) == list(range(10)) and len(list(d.RandomSampler(data, num_samples=25))) == 25
    assert set(d.RandomSampler(data, True, 50)) <= set(range(10)) and sorted(d.SubsetRandomSampler([4, 7, 1])) == [
        1,
        4,
        7,
    ]
    drawn = list(d.WeightedRandomSampler([0.0, 1.0, 3.0], 4000))
    assert len(drawn) == 4000 and 0 not in drawn and abs(drawn.count(2) / 4000 - 0.75) < 0.03
    assert sorted(d.WeightedRandomSampler(ft.tensor([0.1, 5.0, 2.0]), 3, replacement=False)) == [0, 1, 2]
    seeded = [list(d.RandomSampler(data, generator=ft.Generator().manual_seed(7))) for _ in range(2)]
    assert seeded[0] == seeded[1]
    loader = d.DataLoader(data, 5, sampler=d.WeightedRandomSampler(np.ones(10), 10))
    assert list(loader)[0][0].tolist() != list(loader)[0][0].tolist()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sampler": [0], "shuffle": True}, "sampler and shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler says all that batch_size"),
        ({"batch_size": 0}, "batch_size=0 is invalid"),
    ],
)
def test_contradictions_are_named(options, said):
    for library, match in ((ft, said), (torch, None)):
        with pytest.raises(ValueError, match=match):
            library.utils.data.DataLoader([1, 2], **options)
    with pytest.raises(ValueError, match="expected one finite number of 0 or more"):
        ft.utils.data.WeightedRandomSampler([-1.0, 2.0], 3)


def test_to_takes_what_is_said_of_copies():
    x = ft.zeros(2)
    assert x.to("cpu", non_blocking=True) is x and x.to(ft.float64, non_blocking=True).dtype == ft.float64
    assert ft.nn.Linear(2, 1).to("cpu", ft.float64, non_blocking=True).weight.dtype == ft.float64
