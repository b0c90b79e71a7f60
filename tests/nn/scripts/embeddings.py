"""Words to vectors, their mean to classes: Embedding with padding, LayerNorm, log-probabilities."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

generator = np.random.default_rng(5)
words = torch.from_numpy(generator.integers(0, 20, (16, 7)))
labels = torch.from_numpy(generator.integers(0, 3, 16))


class Bag(nn.Module):
    def __init__(self, vocabulary, width, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, words):
        vectors = self.embedding(words)
        mask = (words != 0).to(vectors.dtype).unsqueeze(-1)
        mean = (vectors * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return F.log_softmax(self.fc(self.norm(mean)), dim=-1)


model = Bag(20, 6, 3).to(getattr(torch, DTYPE))
same_weights(model)
optimizer = optim.SGD(model.parameters(), lr=0.03, momentum=0.8, nesterov=True)
losses = []
for step in range(STEPS):
    loss = F.nll_loss(model(words), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
