"""Regression: three losses in turn, and a rate that falls when the loss stays where it is."""

import numpy as np
import torch
import torch.nn as nn
from torch.optim import Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau

generator = np.random.default_rng(2)
features = generator.uniform(-1, 1, (64, 3)).astype(np.float32)
values = (np.sin(3 * features[:, :1]) + features[:, 1:2] * features[:, 2:]).astype(np.float32)
x, y = torch.tensor(features, dtype=getattr(torch, DTYPE)), torch.tensor(values, dtype=getattr(torch, DTYPE))

model = nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 1)).to(x.dtype)
same_weights(model)
optimizer = Adam(model.parameters(), lr=0.02)
scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
criteria = [nn.MSELoss(), nn.SmoothL1Loss(beta=0.5), nn.HuberLoss(delta=0.3)]

losses = []
for step in range(STEPS):
    prediction = model(x)
    loss = criteria[step % 3](prediction, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(loss.item())
    losses.append(loss.item())
