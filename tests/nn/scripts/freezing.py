"""A frozen trunk under a new head; half way the trunk is thawed and joins the optimizer."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

generator = np.random.default_rng(10)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(32, 6)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.integers(0, 4, 32))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU())
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        return self.head(self.trunk(x))


model = Net().to(dtype)
same_weights(model)
for parameter in model.trunk.parameters():
    parameter.requires_grad = False
optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
criterion = nn.CrossEntropyLoss()

losses = []
for step in range(STEPS):
    if step == STEPS // 2:
        for parameter in model.trunk.parameters():
            parameter.requires_grad_(True)
        optimizer.add_param_group({"params": model.trunk.parameters(), "lr": 1e-3})
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    assert (model.trunk[0].weight.grad is None) == (step < STEPS // 2)
    optimizer.step()
    losses.append(loss.item())
model.eval()
with torch.no_grad():
    losses.append((model(x).argmax(dim=1) == y).sum().item())
