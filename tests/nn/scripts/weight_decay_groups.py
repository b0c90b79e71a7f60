"""Weight decay for matrices and none for biases, in groups with rates of their own, and a schedule in steps."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

generator = np.random.default_rng(6)
dtype = getattr(torch, DTYPE)
x = torch.tensor(generator.normal(size=(32, 7)).astype(np.float32)).to(dtype)
y = torch.tensor(generator.integers(0, 3, 32))

model = nn.Sequential(nn.Linear(7, 9), nn.LeakyReLU(0.1), nn.Linear(9, 9), nn.Sigmoid(), nn.Linear(9, 3)).to(dtype)
same_weights(model)
decay = [p for name, p in model.named_parameters() if name.endswith("weight")]
plain = [p for name, p in model.named_parameters() if name.endswith("bias")]
optimizer = optim.SGD(
    [{"params": decay, "weight_decay": 0.01}, {"params": plain, "lr": 0.2}], lr=0.1, momentum=0.9, dampening=0.1
)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=25, gamma=0.5)

losses = []
for step in range(STEPS):
    optimizer.zero_grad(set_to_none=False)
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    assert scheduler.get_last_lr()[1] == optimizer.param_groups[1]["lr"]
