"""Further kinds of training scripts, each written once and run by torch and by fastact: a hundred steps of equal losses."""

import numpy as np
import pytest
import torch

import fastact.nn.functional
import fastact.torch as ft

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(96, 6))
CLASSES = RANDOM.integers(0, 3, 96)
VALUES = INPUTS @ RANDOM.normal(size=(6, 2))
TOKENS = RANDOM.integers(0, 9, (96, 4))
WEIGHTS = [RANDOM.normal(size=shape) * 0.4 for shape in ((6, 12), (12,), (12, 3), (3,))]


def initialize(model, t, seed=3):
    """Weights that do not depend on the library."""
    r = np.random.default_rng(seed)
    with t.no_grad():
        for p in model.parameters():
            p.copy_(t.tensor(r.normal(size=tuple(p.shape)) * 0.3))


def descend(optimizer, loss):
    """One step down the gradient of the loss; returns its value."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def softmax_by_hand(t, nn, F, optim):
    ws = [t.tensor(w, requires_grad=True) for w in WEIGHTS]
    x = t.tensor(INPUTS)
    y = t.tensor(CLASSES)
    losses = []
    for _i in range(100):
        h = (x @ ws[0] + ws[1]).tanh()
        z = h.mm(ws[2]) + ws[3]
        loss = -t.log_softmax(z, 1)[t.arange(96), y].mean() + 0.001 * sum((w**2).sum() for w in ws)
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            for w in ws:
                w.sub_(w.grad, alpha=0.1)
                w.grad.zero_()
    return losses


def residual_blocks(t, nn, F, optim):
    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.n = nn.LayerNorm(d)
            self.a = nn.Linear(d, 2 * d)
            self.b = nn.Linear(2 * d, d)

        def forward(self, x):
            return x + self.b(F.gelu(self.a(self.n(x))))

    model = nn.Sequential(nn.Linear(6, 8), Block(8), Block(8), nn.Linear(8, 3)).double()
    initialize(model, t)
    optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    losses = []
    for _i in range(100):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(t.tensor(INPUTS)), t.tensor(CLASSES), label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


def gated_units(t, nn, F, optim):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Linear(6, 24, bias=False)
            self.o = nn.Linear(12, 2)

        def forward(self, x):
            a, b = self.w(x).chunk(2, dim=-1)
            return self.o(F.silu(a) * b)

    model = Gated().double()
    initialize(model, t)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    losses = []
    for _i in range(100):
        loss = F.mse_loss(model(t.tensor(INPUTS)), t.tensor(VALUES))
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def variational_autoencoder(t, nn, F, optim):
    eps = t.tensor(np.random.default_rng(1).normal(size=(96, 2)))

    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.Linear(6, 8)
            self.mu = nn.Linear(8, 2)
            self.lv = nn.Linear(8, 2)
            self.d = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6), nn.Sigmoid())

        def forward(self, x):
            h = t.relu(self.e(x))
            mu, lv = (self.mu(h), self.lv(h))
            z = mu + t.exp(0.5 * lv) * eps
            return (self.d(z), mu, lv)

    model = Coder().double()
    initialize(model, t)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x = t.sigmoid(t.tensor(INPUTS))
    losses = []
    for _i in range(100):
        y, mu, lv = model(x)
        loss = F.binary_cross_entropy(y, x, reduction="sum") + -0.5 * t.sum(1 + lv - mu.pow(2) - lv.exp())
        losses.append(descend(optimizer, loss))
    return losses


def two_players(t, nn, F, optim):
    Z = np.random.default_rng(2).normal(size=(100, 32, 2))
    g = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 6)).double()
    d = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)).double()
    initialize(g, t)
    initialize(d, t, 4)
    og = optim.Adam(g.parameters(), lr=0.005, betas=(0.5, 0.999))
    od = optim.RMSprop(d.parameters(), lr=0.005)
    c = nn.BCEWithLogitsLoss()
    losses = []
    for i in range(100):
        real = t.tensor(INPUTS[:32])
        f = g(t.tensor(Z[i]))
        ld = c(d(real), t.ones(32, 1, dtype=t.float64)) + c(d(f.detach()), t.zeros(32, 1, dtype=t.float64))
        od.zero_grad()
        ld.backward()
        od.step()
        lg = c(d(f), t.ones(32, 1, dtype=t.float64))
        og.zero_grad()
        lg.backward()
        og.step()
        losses.append(ld.item() + lg.item())
    return losses


def tied_weights(t, nn, F, optim):
    w = nn.Parameter(t.tensor(WEIGHTS[0].T.copy()))
    b = nn.Parameter(t.zeros(12, dtype=t.float64))
    c = nn.Parameter(t.zeros(6, dtype=t.float64))
    optimizer = optim.Adam([w, b, c], lr=0.01)
    losses = []
    for _i in range(100):
        x = t.tensor(INPUTS)
        h = F.softplus(F.linear(x, w, b))
        y = F.linear(h, w.t(), c)
        loss = ((y - x) ** 2).mean() + 0.001 * h.abs().mean()
        losses.append(descend(optimizer, loss))
    return losses


def embeddings_without_padding(t, nn, F, optim):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.Embedding(9, 5, padding_idx=0)
            self.f = nn.Linear(5, 3)

        def forward(self, i):
            e = self.e(i)
            model = (i != 0).unsqueeze(-1).to(e.dtype)
            return self.f((e * model).sum(1) / model.sum(1).clamp(min=1))

    model = Bag().double()
    initialize(model, t)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _i in range(100):
        optimizer.zero_grad()
        tot = 0
        for k in range(0, 96, 32):
            loss = F.cross_entropy(model(t.tensor(TOKENS[k : k + 32])), t.tensor(CLASSES[k : k + 32])) / 3
            loss.backward()
            tot += loss.item()
        optimizer.step()
        losses.append(tot)
    return losses


def contrastive_loss(t, nn, F, optim):
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    initialize(model, t)
    optimizer = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    losses = []
    y = t.tensor(CLASSES[:32])
    eye = t.eye(32, dtype=t.float64).bool()
    for _i in range(100):
        z = F.normalize(model(t.tensor(INPUTS[:32])), dim=-1)
        s = (z @ z.T / 0.5).masked_fill(eye, float("-inf"))
        pos = (y[:, None] == y[None, :]) & ~eye
        lp = s - t.logsumexp(s, dim=1, keepdim=True)
        loss = -(t.where(pos, lp, t.zeros_like(lp)).sum(1) / pos.sum(1).clamp(min=1)).mean()
        losses.append(descend(optimizer, loss))
    return losses


def mixture_of_experts(t, nn, F, optim):
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.g = nn.Linear(6, 3)
            self.x = nn.ModuleList([nn.Linear(6, 2) for _ in range(3)])

        def forward(self, x):
            g = self.g(x).softmax(-1)
            v, i = g.topk(2, -1)
            g = t.zeros_like(g).scatter(1, i, v / v.sum(-1, keepdim=True))
            return (t.stack([e(x) for e in self.x], 1) * g.unsqueeze(-1)).sum(1)

    model = Mixture().double()
    initialize(model, t)
    optimizer = optim.RMSprop(model.parameters(), lr=0.003, momentum=0.5, centered=True)
    losses = []
    for _i in range(100):
        loss = F.smooth_l1_loss(model(t.tensor(INPUTS)), t.tensor(VALUES), beta=0.5)
        losses.append(descend(optimizer, loss))
    return losses


def recurrent_by_hand(t, nn, F, optim):
    a = nn.Linear(3, 5).double()
    r = nn.Linear(5, 5, bias=False).double()
    f = nn.Linear(5, 1).double()
    [initialize(q, t, k) for k, q in enumerate((a, r, f))]
    P = [*a.parameters(), *r.parameters(), *f.parameters()]
    optimizer = optim.Adam(P, lr=0.005, weight_decay=0.001)
    x = t.tensor(INPUTS.reshape(96, 2, 3)).repeat(1, 3, 1).cumsum(1)
    losses = []
    for _i in range(100):
        h = t.zeros(96, 5, dtype=t.float64)
        hs = []
        for k in range(6):
            h = t.tanh(a(x[:, k]) + r(h))
            hs.append(h)
        y = f(t.cat(hs, 0)).view(6, 96).mean(0)
        loss = F.huber_loss(y, t.tensor(VALUES[:, 0]), delta=0.7)
        optimizer.zero_grad()
        loss.backward()
        t.nn.utils.clip_grad_norm_(P, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def quantiles_and_averaged_weights(t, nn, F, optim):
    model = nn.Sequential(nn.Linear(6, 10), nn.SiLU(), nn.Linear(10, 3)).double()
    initialize(model, t)
    q = t.tensor([0.1, 0.5, 0.9], dtype=t.float64)
    ema = {k: v.clone() for k, v in model.state_dict().items()}
    model[0].bias.requires_grad_(False)
    optimizer = optim.Adam([{"params": [model[0].weight]}, {"params": model[2].parameters(), "lr": 0.001}], lr=0.01)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, [lambda e: 0.99**e, lambda e: 1 / (1 + e)])
    losses = []
    for _i in range(100):
        e = t.tensor(VALUES[:, :1]) - model(t.tensor(INPUTS))
        loss = t.max(q * e, (q - 1) * e).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        with t.no_grad():
            for k, v in model.state_dict().items():
                ema[k].mul_(0.9).add_(v, alpha=0.1)
    model.load_state_dict(ema)
    return losses + [model(t.tensor(INPUTS)).sum().item()]


def mixed_samples(t, nn, F, optim):
    model = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ELU(), nn.Linear(9, 3)).double()
    initialize(model, t)
    optimizer = optim.SGD(model.parameters(), lr=0.05, weight_decay=0.01, momentum=0.8, dampening=0.1)
    losses = []
    lam = np.random.default_rng(5).uniform(size=100)
    one = F.one_hot(t.tensor(CLASSES), 3).to(t.float64)
    for i in range(100):
        x = t.tensor(INPUTS)
        mix = lam[i] * x + (1 - lam[i]) * x.flip(0)
        tg = lam[i] * one + (1 - lam[i]) * one.flip(0)

        def cl(mix=mix, tg=tg):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(mix), tg, weight=t.tensor([1.0, 2.0, 0.5], dtype=t.float64))
            loss.backward()
            return loss

        losses.append(optimizer.step(cl).item())
        if i % 20 == 0:
            model.eval()
            with t.no_grad():
                losses.append(model(t.tensor(INPUTS)).argmax(1).eq(t.tensor(CLASSES)).to(t.float64).mean().item())
            model.train()
    return losses


def policy_gradient(t, nn, F, optim):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).double()
    initialize(model, t)
    optimizer = optim.Adam(model.parameters(), lr=0.005, maximize=True)
    act = t.tensor(np.random.default_rng(8).integers(0, 4, (96, 1)))
    rew = t.tensor(VALUES[:, 0])
    losses = []
    for _i in range(100):
        lp = F.log_softmax(model(t.tensor(INPUTS)), dim=-1)
        adv = (rew - rew.mean()) / (rew.std() + 1e-08)
        ent = -(lp.exp() * lp).sum(-1).mean()
        obj = (lp.gather(1, act).squeeze(1) * adv.detach()).mean() + 0.01 * ent
        optimizer.zero_grad()
        obj.backward()
        optimizer.step()
        losses.append(obj.item())
    return losses


def loader_and_one_cycle(t, nn, F, optim):
    model = nn.Sequential(
        nn.Linear(6, 128), nn.ReLU(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 64), nn.PReLU(), nn.Linear(64, 3)
    ).double()
    initialize(model, t)
    ds = t.utils.data.TensorDataset(t.tensor(INPUTS), t.tensor(CLASSES))
    dl = t.utils.data.DataLoader(ds, batch_size=40, shuffle=False)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, epochs=34, steps_per_epoch=len(dl))
    losses = []
    for _e in range(34):
        for xb, yb in dl:
            loss = F.nll_loss(F.log_softmax(model(xb), 1), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    return losses


@pytest.fixture(autouse=True)
def one_thread():
    """torch on one thread: for arrays of this size others only get into each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SCRIPTS = [
    softmax_by_hand,
    residual_blocks,
    gated_units,
    variational_autoencoder,
    two_players,
    tied_weights,
    embeddings_without_padding,
    contrastive_loss,
    mixture_of_experts,
    recurrent_by_hand,
    quantiles_and_averaged_weights,
    mixed_samples,
    policy_gradient,
    loader_and_one_cycle,
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_losses_are_torchs(script):
    theirs = script(torch, torch.nn, torch.nn.functional, torch.optim)
    ours = script(ft, ft.nn, fastact.nn.functional, ft.optim)
    assert len(ours) >= 100
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
