"""The notebook's model: one linear layer, class probabilities as targets, plain stochastic gradient descent."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim


class SimpleMultiClassModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(x)


data = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
x = torch.tensor(data).to(getattr(torch, DTYPE))
y = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]).to(x.dtype)

model = SimpleMultiClassModel().to(x.dtype)
same_weights(model)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

losses = []
for epoch in range(STEPS):
    outputs = model(x)
    loss = criterion(outputs, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
