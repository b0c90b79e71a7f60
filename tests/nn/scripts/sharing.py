"""A module of one's own whose decoder shares the encoder's weight, with a parameter and a buffer beside it."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

generator = np.random.default_rng(12)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(25, 8)).astype(np.float32)).to(dtype)


class Autoencoder(nn.Module):
    def __init__(self, width, code):
        super().__init__()
        self.encoder = nn.Linear(width, code)
        self.again = self.encoder
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("shift", torch.full((width,), 0.1))

    def forward(self, x):
        code = torch.tanh(self.encoder(x))
        code = code + 0.5 * torch.tanh(self.again(x * self.scale))
        return code @ self.encoder.weight + self.bias + self.shift


model = Autoencoder(8, 3).to(dtype)
same_weights(model)
optimizer = optim.Adam(model.parameters(), lr=0.01)

losses = []
for step in range(STEPS):
    output = model(x)
    loss = F.mse_loss(output, x) + 1e-3 * sum((p**2).sum() for p in model.parameters())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
