"""Each optimizer on a model of its own."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

generator = np.random.default_rng(7)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(24, 5)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.integers(0, 3, 24))
base = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
same_weights(base)
makers = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
    lambda p: optim.Adam(p, lr=0.01, betas=(0.8, 0.99)),
    lambda p: optim.Adam(p, lr=0.01, weight_decay=0.01, amsgrad=True),
    lambda p: optim.AdamW(p),
    lambda p: optim.RMSprop(p, lr=0.005),
    lambda p: optim.Adagrad(p, lr=0.05),
    lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01, weight_decay=1e-3, initial_accumulator_value=0.1),
    lambda p: optim.RMSprop(p, lr=0.001, alpha=0.95, momentum=0.5, centered=True, weight_decay=1e-3),
]

losses, model = [], nn.ModuleList()
for make in makers:
    net = copy.deepcopy(base)
    optimizer = make(net.parameters())
    for step in range(STEPS):
        loss = nn.CrossEntropyLoss()(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.append(net)
