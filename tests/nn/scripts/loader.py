"""Batches from a DataLoader, a validation set, early stopping, and the best weights put back."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

generator = np.random.default_rng(11)
dtype = getattr(torch, DTYPE)
features = generator.normal(size=(90, 5)).astype(np.float32)
labels = (features[:, 0] + 0.3 * generator.normal(size=90) > 0).astype(np.int64)
train = TensorDataset(torch.tensor(features[:60]).to(dtype), torch.tensor(labels[:60]))
held_out = TensorDataset(torch.tensor(features[60:]).to(dtype), torch.tensor(labels[60:]))
loader = DataLoader(train, batch_size=16, shuffle=False, drop_last=False)
check = DataLoader(held_out, batch_size=len(held_out))

model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2)).to(dtype)
same_weights(model)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.02)

losses, best, waited, state = [], float("inf"), 0, None
for epoch in range(STEPS // len(loader)):
    model.train()
    for batch, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(batch), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        held = sum(criterion(model(batch), target).item() * len(batch) for batch, target in check) / len(held_out)
    losses.append(held)
    if held < best:
        best, waited, state = held, 0, copy.deepcopy(model.state_dict())
    else:
        waited += 1
        if waited == 8:
            break
model.load_state_dict(state)
