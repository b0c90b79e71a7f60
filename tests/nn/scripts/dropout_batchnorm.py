"""A multilayer perceptron with dropout and batch normalisation, evaluated along the way."""

import numpy as np
import torch
from torch import nn, optim

generator = np.random.default_rng(1)
dtype = getattr(torch, DTYPE)
x = torch.from_numpy(generator.normal(1.0, 2.0, (48, 10)).astype(np.float32)).to(dtype)
y = torch.from_numpy(generator.integers(0, 4, 48))

model = nn.Sequential(
    nn.Linear(10, 16, bias=False),
    nn.BatchNorm1d(16),
    nn.ReLU(),
    nn.Dropout(0.25),
    nn.Linear(16, 12, bias=False),
    nn.BatchNorm1d(12, momentum=None),
    nn.SiLU(),
    nn.Dropout(p=0.5),
    nn.Linear(12, 4),
).to(dtype)
same_weights(model)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)

losses = []
for step in range(STEPS):
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step % 20 == 19:
        model.eval()
        with torch.no_grad():
            losses.append(criterion(model(x), y).item())
