"""A deep net with clipped gradients, RMSNorm and weights drawn by nn.init."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

generator = np.random.default_rng(9)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(0, 5, (20, 6)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.normal(0, 3, (20,)).astype(np.float32)).to(dtype)


def draw(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


layers = []
for width_in, width_out in zip([6, 10, 10, 10], [10, 10, 10, 10]):
    layers += [nn.Linear(width_in, width_out), nn.RMSNorm(width_out), nn.Tanh()]
model = nn.Sequential(*layers, nn.Linear(10, 1), nn.Flatten(0)).to(dtype)
model.apply(draw)
same_weights(model)
optimizer = optim.SGD(model.parameters(), lr=0.02)

losses = []
for step in range(STEPS):
    loss = ((model(x) - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    optimizer.step()
    losses += [loss.item(), norm.item()]
