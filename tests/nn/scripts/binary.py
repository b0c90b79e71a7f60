"""Two classes of unequal size: pos_weight on logits, and BCELoss on probabilities."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

generator = np.random.default_rng(3)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(40, 6)).astype(np.float32)).to(dtype)
y = torch.tensor((generator.uniform(size=(40, 1)) < 0.2).astype(np.float32)).to(dtype)


class Binary(nn.Module):
    def __init__(self):
        super(Binary, self).__init__()
        self.hidden = nn.Linear(6, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        return self.out(F.elu(self.hidden(x)))


model = Binary().to(dtype)
same_weights(model)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([4.0]).to(dtype))
optimizer = optim.RMSprop(model.parameters(), lr=2e-3, alpha=0.95)

losses = []
for step in range(STEPS):
    optimizer.zero_grad()
    logits = model(x)
    loss = criterion(logits, y) + 0.1 * nn.BCELoss()(torch.sigmoid(logits), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
predicted = (torch.sigmoid(model(x)) > 0.5).float()
losses.append((predicted == y.float()).float().mean().item())
