"""A student learns a teacher's probabilities (KLDivLoss) and the labels, with two activations and accumulated gradients."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

generator = np.random.default_rng(14)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(32, 6)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.integers(0, 4, 32))
teacher = nn.Sequential(nn.Linear(6, 20), nn.SiLU(), nn.Linear(20, 4)).to(dtype)
model = nn.Sequential(nn.Linear(6, 5), nn.ELU(), nn.Linear(5, 4)).to(dtype)
same_weights(teacher)
same_weights(model)
for parameter in teacher.parameters():
    parameter.requires_grad = False
criterion = nn.KLDivLoss(reduction="batchmean")
optimizer = optim.AdamW(model.parameters(), lr=0.01)
temperature = 2.0

losses = []
for step in range(STEPS):
    optimizer.zero_grad()
    for part in (slice(0, 16), slice(16, 32)):
        with torch.no_grad():
            wanted = F.softmax(teacher(x[part]) / temperature, dim=1)
        logits = model(x[part])
        soft = criterion(F.log_softmax(logits / temperature, dim=1), wanted) * temperature**2
        loss = 0.5 * soft + 0.5 * F.cross_entropy(logits, y[part])
        (loss / 2).backward()
        losses.append(loss.item())
    optimizer.step()
