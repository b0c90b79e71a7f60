"""Label smoothing, class weights, labels that are ignored, decoupled weight decay and a cosine schedule."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

generator = np.random.default_rng(4)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(30, 8)).astype(np.float32)).to(dtype)
labels = generator.integers(0, 5, 30)
labels[::7] = -100
y = torch.tensor(labels)

model = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 5)).to(dtype)
same_weights(model)
weight = torch.tensor([1.0, 0.5, 2.0, 1.0, 3.0]).to(dtype)
criterion = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
optimizer = optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.05, amsgrad=True)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=1e-4)

losses = []
for step in range(STEPS):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
