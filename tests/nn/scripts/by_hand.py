"""No module and no optimizer: leaves, a graph of operators, and steps under no_grad."""

import numpy as np
import torch

generator = np.random.default_rng(13)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(30, 4)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.integers(0, 3, 30))
w = torch.tensor(generator.normal(0, 0.5, (4, 6)).astype(np.float32)).to(dtype).requires_grad_()
b = torch.zeros(6, dtype=dtype, requires_grad=True)
v = torch.tensor(generator.normal(0, 0.5, (6, 3)).astype(np.float32)).to(dtype).requires_grad_()

losses = []
for step in range(STEPS):
    hidden = torch.relu(x @ w + b)
    scores = torch.matmul(hidden, v)
    scores = scores - scores.max(dim=1, keepdim=True).values.detach()
    p = torch.exp(scores) / torch.exp(scores).sum(dim=1, keepdim=True)
    loss = -torch.log(p[torch.arange(30), y]).mean() + 0.01 * (w.abs().sum() + torch.sqrt((v * v).sum()))
    loss.backward()
    with torch.no_grad():
        for parameter in (w, b, v):
            parameter -= 0.2 * parameter.grad
            parameter.grad.zero_()
    losses.append(loss.item())
model = {"w": w, "b": b, "v": v}
