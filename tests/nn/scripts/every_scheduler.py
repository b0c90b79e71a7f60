"""Each schedule of the learning rate on a model of its own."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler

generator = np.random.default_rng(8)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(24, 5)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.normal(size=(24, 2)).astype(np.float32)).to(dtype)
base = nn.Sequential(nn.Linear(5, 8), nn.Softplus(), nn.Linear(8, 2)).to(dtype)
same_weights(base)
makers = [
    lambda o: lr_scheduler.StepLR(o, 10),
    lambda o: lr_scheduler.MultiStepLR(o, milestones=[20, 60], gamma=0.3),
    lambda o: lr_scheduler.ExponentialLR(o, gamma=0.98),
    lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40),
    lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.05, total_steps=STEPS + 1),
    lambda o: lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.06, step_size_up=8, mode="triangular2"),
    lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch),
    lambda o: lr_scheduler.ReduceLROnPlateau(o, "min", patience=2, threshold=0.01),
]

losses, model = [], nn.ModuleList()
for make in makers:
    net = copy.deepcopy(base)
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.5)
    scheduler = make(optimizer)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = nn.MSELoss()(net(x), y)
        loss.backward()
        optimizer.step()
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            scheduler.step(loss.item())
        else:
            scheduler.step()
        losses.append(loss.item())
    model.append(net)
