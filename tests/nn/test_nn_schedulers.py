"""Schedules beside torch's: rates and momenta of sixty steps, resuming, and what they refuse."""

import math

import numpy as np
import pytest
import torch

from fastact import nn, optim

STEPS = 60
FIGURES = np.abs(np.sin(np.arange(STEPS) / 7.0)) + 1.0 / (1 + np.arange(STEPS))
SCHEDULES = {
    "StepLR": {"step_size": 7, "gamma": 0.5},
    "MultiStepLR": {"milestones": [3, 3, 20, 41], "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 13, "eta_min": 0.01},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
    "OneCycleLR": {"max_lr": 0.7, "total_steps": STEPS},
    "OneCycleLR linear": {"max_lr": [0.7, 0.1], "epochs": 6, "steps_per_epoch": 10, "anneal_strategy": "linear"},
    "OneCycleLR three phases": {"max_lr": 0.7, "total_steps": STEPS, "three_phase": True, "pct_start": 0.4},
    "OneCycleLR without momentum": {"max_lr": 0.7, "total_steps": STEPS, "cycle_momentum": False},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 7},
    "CyclicLR halving": {
        "base_lr": [0.1, 0.2],
        "max_lr": 0.7,
        "step_size_up": 3,
        "step_size_down": 8,
        "mode": "triangular2",
    },
    "CyclicLR shrinking": {"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 5, "mode": "exp_range", "gamma": 0.97},
    "CyclicLR of its own": {
        "base_lr": 0.1,
        "max_lr": 0.7,
        "step_size_up": 4,
        "scale_fn": lambda batch: 1 / (1 + batch),
        "scale_mode": "iterations",
        "base_momentum": [0.5, 0.6],
    },
    "CyclicLR by cycles": {
        "base_lr": 0.1,
        "max_lr": 0.7,
        "step_size_up": 4,
        "scale_fn": lambda cycle: 0.9**cycle,
        "cycle_momentum": False,
    },
    "MultiplicativeLR": {"lr_lambda": lambda epoch: 1 - 1 / (2 + epoch)},
    "LinearLR": {},
    "LinearLR to an end": {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 23},
    "ConstantLR": {"factor": 0.5, "total_iters": 7},
    "PolynomialLR": {"total_iters": 40, "power": 2.0},
    "CosineAnnealingWarmRestarts": {"T_0": 9, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts longer": {"T_0": 4, "T_mult": 3},
    "ReduceLROnPlateau": {"patience": 2, "factor": 0.5},
    "ReduceLROnPlateau max": {
        "mode": "max",
        "patience": 1,
        "threshold_mode": "abs",
        "cooldown": 3,
        "min_lr": [0.05, 0.0],
    },
    "ReduceLROnPlateau min abs": {"mode": "min", "patience": 0, "threshold_mode": "abs", "threshold": 0.01},
    "ReduceLROnPlateau max rel": {"mode": "max", "patience": 3, "threshold": 0.1, "eps": 0.05},
}
OPTIMIZERS = {"SGD": {"momentum": 0.9}, "Adam": {}, "RMSprop": {"momentum": 0.5}}


def make(library, algorithm, name, last_epoch=None):
    """(optimizer of two groups, scheduler) of either library."""
    if library is optim:
        groups = [{"params": [nn.Parameter(np.ones(2))]}, {"params": [nn.Parameter(np.ones(2))], "lr": 0.4}]
    else:
        groups = [
            {"params": [torch.nn.Parameter(torch.ones(2))]},
            {"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.4},
        ]
    optimizer = getattr(library, algorithm)(groups, lr=0.2, **OPTIMIZERS[algorithm])
    return optimizer, getattr(library.lr_scheduler, name.split()[0])(optimizer, **SCHEDULES[name])


def advance(optimizer, scheduler, figure):
    optimizer.step()
    scheduler.step(figure) if "Plateau" in type(scheduler).__name__ else scheduler.step()


def settings(optimizer):
    groups = optimizer.param_groups
    return [(group["lr"], group.get("momentum", 0.0), *group.get("betas", ())) for group in groups]


@pytest.mark.parametrize("algorithm", OPTIMIZERS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_torchs(name, algorithm):
    ours, theirs = make(optim, algorithm, name), make(torch.optim, algorithm, name)
    changed = set()
    for figure in FIGURES[: STEPS - 1]:
        for mine, other in zip(settings(ours[0]), settings(theirs[0]), strict=True):
            assert mine == pytest.approx(other, rel=1e-12, abs=1e-15)
        assert ours[1].get_last_lr() == pytest.approx(theirs[1].get_last_lr(), rel=1e-12)
        changed.add(ours[0].param_groups[0]["lr"])
        advance(*ours, figure)
        advance(*theirs, figure)
    assert len(changed) > 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_continues_where_it_stopped(name):
    first, resumed = make(optim, "SGD", name), make(optim, "SGD", name)
    for figure in FIGURES[:25]:
        advance(*first, figure)
    resumed[0].load_state_dict(first[0].state_dict())
    resumed[1].load_state_dict(first[1].state_dict())
    for figure in FIGURES[25:55]:
        advance(*first, figure)
        advance(*resumed, figure)
        assert settings(first[0]) == settings(resumed[0])


@pytest.mark.parametrize(
    "name",
    [
        *("StepLR", "ExponentialLR", "CosineAnnealingLR", "MultiStepLR", "LambdaLR", "CyclicLR"),
        *("MultiplicativeLR", "LinearLR", "PolynomialLR", "LinearLR to an end"),
    ],
)
def test_last_epoch_goes_on(name):
    rates = []
    for library in (optim, torch.optim):
        optimizer, scheduler = make(library, "SGD", name)
        for figure in FIGURES[:9]:
            advance(optimizer, scheduler, figure)
        again = type(scheduler)(optimizer, **SCHEDULES[name], last_epoch=9)
        advance(optimizer, again, 0)
        rates.append(again.get_last_lr())
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda o, s: s.StepLR(nn.Linear(1, 1), 3), TypeError, "takes an optimizer, got Linear"),
        (lambda o, s: s.ReduceLROnPlateau(nn.Linear(1, 1)), TypeError, "takes an optimizer, got Linear"),
        (lambda o, s: s.StepLR(o, 3, last_epoch=4), KeyError, "initial_lr"),
        (lambda o, s: s.LambdaLR(o, [math.sin, math.cos]), ValueError, "2 values for an optimizer of 1 groups"),
        (lambda o, s: s.OneCycleLR(o, 0.1), ValueError, "total_steps, or both"),
        (lambda o, s: s.OneCycleLR(o, 0.1, 0), ValueError, "0 steps"),
        (lambda o, s: s.OneCycleLR(o, 0.1, 9, anneal_strategy="exp"), ValueError, "'exp'"),
        (lambda o, s: s.OneCycleLR(o, 0.1, 9, pct_start=1.5), ValueError, "pct_start=1.5"),
        (lambda o, s: [s.OneCycleLR(o, 0.1, 2)] and [x.step() for x in [s.OneCycleLR(o, 0.1, 2)] * 3], ValueError, "step 3"),
        (lambda o, s: s.CyclicLR(nn.Linear(1, 1), 0.1, 0.2), TypeError, "takes an optimizer, got Linear"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, mode="sine"), ValueError, "'sine' is unknown"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, scale_mode="epochs"), ValueError, "'epochs' is unknown"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, step_size_down=0), ValueError, "both must be above 0"),
        (lambda o, s: s.CyclicLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 0.2), ValueError, "cycle_momentum=False"),
        (lambda o, s: s.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor=1.0"),
        (lambda o, s: s.ReduceLROnPlateau(o, "least"), ValueError, "mode='least'"),
        (lambda o, s: s.LRScheduler(o), NotImplementedError, "get_lr"),
        (lambda o, s: s.LinearLR(o, 0.0), ValueError, "start_factor=0.0"),
        (lambda o, s: s.ConstantLR(o, 2.0), ValueError, "factor=2.0"),
        (lambda o, s: s.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0=0"),
        (lambda o, s: s.CosineAnnealingWarmRestarts(o, 3).step(-1), ValueError, "epoch=-1"),
        (lambda o, s: s.SequentialLR(o, [], []), ValueError, "got no scheduler"),
        (lambda o, s: s.SequentialLR(o, [s.LinearLR(o)], [3]), ValueError, "1 schedulers and 1 milestones"),
        (lambda o, s: s.ChainedScheduler([s.ReduceLROnPlateau(o)]), ValueError, "which needs a figure"),
        (lambda o, s: s.SequentialLR(optim.Adam(o.param_groups), [s.LinearLR(o)], []), ValueError, "of one optimizer"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(optim.SGD([nn.Parameter(np.ones(2))], lr=0.1), optim.lr_scheduler)


ROWS = {
    "warm-up and cosine": lambda o, s: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20)], [5]
    ),
    "four": lambda o, s: s.SequentialLR(
        o,
        [s.ConstantLR(o, 0.5, 3), s.LambdaLR(o, lambda e: 0.9**e), s.ExponentialLR(o, 0.8), s.PolynomialLR(o, 9)],
        [4, 11, 20],
    ),
    "restarts": lambda o, s: s.SequentialLR(
        o, [s.StepLR(o, 3), s.CosineAnnealingWarmRestarts(o, 5), s.MultiplicativeLR(o, lambda e: 0.9)], [7, 30]
    ),
    "chained": lambda o, s: s.ChainedScheduler([s.ConstantLR(o, 0.1, 6), s.ExponentialLR(o, 0.9)]),
}


@pytest.mark.parametrize("name", ROWS)
def test_schedulers_of_schedulers(name):
    rates, states = [], []
    for library in (optim, torch.optim):
        optimizer, _ = make(library, "SGD", "LambdaLR")
        for group, rate in zip(optimizer.param_groups, (0.2, 0.4), strict=True):
            group["lr"] = group["initial_lr"] = rate
        scheduler, found = ROWS[name](optimizer, library.lr_scheduler), []
        for number in range(45):
            if number == 15 and library is optim:
                states.append((optimizer.state_dict(), scheduler.state_dict()))
            found.append([[group["lr"] for group in optimizer.param_groups], scheduler.get_last_lr()])
            optimizer.step()
            scheduler.step()
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12, atol=1e-15)
    optimizer, _ = make(optim, "SGD", "LambdaLR")
    scheduler = ROWS[name](optimizer, optim.lr_scheduler)
    optimizer.load_state_dict(states[0][0])
    scheduler.load_state_dict(states[0][1])
    for expected, _ in rates[0][16:]:
        scheduler.step()
        assert [group["lr"] for group in optimizer.param_groups] == expected


def test_restarts_at_fractions_of_epochs():
    for mult in (1, 2):
        ours, theirs = (
            library.lr_scheduler.CosineAnnealingWarmRestarts(make(library, "SGD", "LambdaLR")[0], 4, mult)
            for library in (optim, torch.optim)
        )
        for epoch in np.arange(0, 30, 0.7):
            ours.step(epoch)
            theirs.step(epoch)
            assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)
