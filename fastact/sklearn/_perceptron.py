"""The perceptron behind both estimators: its settings, its layers, and its training by `fastact.train`'s loop."""

import copy
import functools
import inspect
import math
import numbers
import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

import fastact as fa
from fastact import _aliases, _random, nn, optim
from fastact.nn.activations import CLASSES
from fastact.train import _loop
from fastact.train._loop import Criterion, Samples

SOLVERS = ("adam", "adamw", "sgd")
RATES = ("constant", "invscaling", "adaptive")
ALIASES = {"identity": "Identity", "logistic": "Sigmoid", "log_sigmoid": "LogSigmoid", "prelu": "PReLU"}
NOT_IN_TORCH = ("squared_relu", "quick_gelu", "erf")


class Elementwise(nn.Module):
    """A function of fastact for which torch has no module."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, input):
        """The function of every element."""
        return getattr(fa, self.name)(input)


def _activations():
    """What makes a layer of each activation that needs no parameter, by fastact's and scikit-learn's names."""
    named = {**ALIASES, **{function: cls for cls, function in CLASSES.items() if function != "threshold"}}
    made = {name: getattr(nn, cls) for name, cls in named.items() if hasattr(nn, cls)}
    made |= {alias: made[name] for alias, name in _aliases.ALIASES.items() if name in made}
    return made | {name: functools.partial(Elementwise, name) for name in NOT_IN_TORCH if hasattr(fa, name)}


ACTIVATIONS = _activations()
RANGES = {
    "alpha": (0, math.inf), "learning_rate_init": (0, math.inf), "power_t": (0, math.inf), "tol": (0, math.inf),
    "momentum": (0, 1), "epsilon": (0, math.inf), "beta_1": (0, 1), "beta_2": (0, 1), "dropout": (0, 1),
    "validation_fraction": (0, 1), "max_iter": (1, math.inf), "n_iter_no_change": (1, math.inf),
}  # fmt: skip


def extended(init, **more):
    """The signature of `init` with further keyword arguments, by which scikit-learn and `help` know an estimator's settings."""
    signature = inspect.signature(init)
    added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value) for name, value in more.items()]
    return signature.replace(parameters=[*signature.parameters.values(), *added])


class Perceptron(BaseEstimator):
    """Layers, training and early stopping; what y means is the business of the classes below it."""

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        dropout=0.0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout

    def fit(self, X, y, sample_weight=None):
        """Train on samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            What each sample counts in the loss; 0 leaves it out.

        Returns
        -------
        self
        """
        self._check_settings()
        fresh = not (self.warm_start and hasattr(self, "model_"))
        X, target, y = self._checked(X, y, fresh)
        weight = self._checked_weight(X, y, sample_weight)
        self._random_state = check_random_state(self.random_state)
        if fresh:
            self._begin(X)
        self._optimizer = self._make_optimizer()
        held_out = None
        if self.early_stopping:
            X, target, weight, held_out = self._hold_out(X, target, weight, y)
        self._train(Samples(X, target, weight), held_out)
        return self

    def predict(self, X):
        """The value or the most probable label of each sample; 0 and 1 for each label where a sample has several.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_labels)
        """
        check_is_fitted(self)
        return self._decoded(self._outputs(X))

    def _partial_fit(self, X, y, sample_weight, classes=None):
        self._check_settings()
        if self.early_stopping:
            raise ValueError("early_stopping=True holds out a share of all samples, which partial_fit does not see")
        fresh = not hasattr(self, "model_")
        X, target, y = self._checked(X, y, fresh, classes)
        weight = self._checked_weight(X, y, sample_weight)
        if fresh:
            self._random_state = check_random_state(self.random_state)
            self._begin(X)
            self._optimizer = self._make_optimizer()
        self.n_iter_ = 0
        self._pass(Samples(X, target, weight), np.arange(len(X)), self._batch_size(len(X)))
        self._next_rate()
        return self

    def _checked(self, X, y, fresh, classes=None):
        """X, y as the loss takes it, and y; in the dtype of a model that is there."""
        X, target, y = self._check_targets(X, y, fresh, classes)
        if not fresh:
            dtype = self.model_[0].weight.dtype
            X, target = X.astype(dtype, copy=False), target if target.dtype == np.int64 else target.astype(dtype)
            self._set_dropout()
        return X, target, y

    def _checked_weight(self, X, y, sample_weight):
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        weight = self._weights(y, sample_weight)
        if weight is not None and not weight.any():
            raise ValueError("sample_weight is 0 for every sample: nothing would be learnt")
        return weight

    def _begin(self, X):
        """Fresh weights by Glorot and Bengio's law (2010), and empty curves."""
        widths = [X.shape[1], *self._hidden(), self.n_outputs_]
        factor = 2.0 if ACTIVATIONS.get(self.activation) is nn.Sigmoid else 6.0
        layers = []
        with _random.using(np.random.default_rng(0)):  # whatever these draw is overwritten
            for i, (n_in, n_out) in enumerate(zip(widths, widths[1:], strict=False)):
                linear, bound = nn.Linear(n_in, n_out, dtype=X.dtype), math.sqrt(factor / (n_in + n_out))
                linear.weight._raw()[...] = self._random_state.uniform(-bound, bound, (n_in, n_out)).T
                linear.bias._raw()[...] = self._random_state.uniform(-bound, bound, n_out)
                layers.append(linear)
                if i < len(widths) - 2:
                    layers.append(self._activation(X.dtype))
        self.model_, self._dropout_generator = nn.Sequential(*layers), None
        self.n_layers_, self.t_, self.loss_curve_, self.best_loss_ = len(widths), 0, [], math.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -math.inf if self.early_stopping else None
        self._set_dropout()

    def _set_dropout(self):
        """Put dropout behind the activations, or take it out, where that changed."""
        if {layer.p for layer in self.model_ if isinstance(layer, nn.Dropout)} != {self.dropout} - {0}:
            layers = [layer for layer in self.model_ if not isinstance(layer, nn.Dropout)]
            for place in range(len(layers) - 1, 0, -2) if self.dropout else ():
                layers.insert(place, nn.Dropout(self.dropout))
            self.model_ = nn.Sequential(*layers)
        if self.dropout and self._dropout_generator is None:
            self._dropout_generator = np.random.default_rng(self._random_state.randint(1 << 31))

    def _activation(self, dtype):
        """A layer of the activation."""
        if isinstance(self.activation, nn.Module):
            activation = copy.deepcopy(self.activation)
        else:
            activation = ACTIVATIONS[self.activation]()
        return activation.to(dtype)

    def _linears(self):
        return [layer for layer in self.model_ if isinstance(layer, nn.Linear)]

    @property
    def coefs_(self):
        """Weights of each layer, shape (in, out)."""
        check_is_fitted(self)
        return [layer.weight.detach().numpy().T for layer in self._linears()]

    @property
    def intercepts_(self):
        """Biases of each layer."""
        check_is_fitted(self)
        return [layer.bias.detach().numpy() for layer in self._linears()]

    def _make_optimizer(self):
        linears = self._linears()
        others = [p for layer in self.model_ if not isinstance(layer, nn.Linear) for p in layer.parameters()]
        groups = [{"params": [x.weight for x in linears]}, {"params": [x.bias for x in linears] + others}]
        rate, self._steps = self.learning_rate_init, 0
        if self.solver == "sgd":
            nesterov = self.nesterovs_momentum and self.momentum > 0
            return optim.SGD(groups, lr=rate, momentum=self.momentum, nesterov=nesterov)
        kind = optim.Adam if self.solver == "adam" else optim.AdamW
        made = kind(groups, lr=rate, betas=(self.beta_1, self.beta_2), eps=self.epsilon, weight_decay=0.0)
        if self.solver == "adamw":
            made.param_groups[0]["weight_decay"] = self.alpha
        return made

    def _train(self, samples, held_out):
        order, batch_size = np.arange(len(samples)), self._batch_size(len(samples))
        waited, self.n_iter_, best = 0, 0, None
        if held_out is None:
            self.best_loss_ = math.inf if self.best_loss_ is None else self.best_loss_
        for _ in range(self.max_iter):
            order = self._pass(samples, order, batch_size)
            if held_out is None:
                better = self.loss_ <= self.best_loss_ - self.tol
                self.best_loss_ = min(self.loss_, self.best_loss_)
            else:
                better, best = self._judge(held_out, best)
            waited = 0 if better else waited + 1
            self._next_rate()
            if waited > self.n_iter_no_change:
                if not self._lower_rate():
                    break
                waited = 0
        else:
            warnings.warn(
                f"{type(self).__name__} still improved after max_iter={self.max_iter} passes: raise max_iter, or "
                "learning_rate_init",
                ConvergenceWarning,
                stacklevel=3,
            )
        if best is not None:
            self.model_.load_state_dict(best)
        if not all(np.isfinite(part).all() for part in self.coefs_ + self.intercepts_):
            raise ValueError("training ended in weights that are not finite: scale X, or lower learning_rate_init")

    def _pass(self, samples, order, batch_size):
        """One pass through the samples; returns their new order."""
        if self.shuffle and batch_size < len(samples):
            order = order[self._random_state.permutation(len(order))]
        generator = self._dropout_generator if self.dropout else _random.generator()
        taken = order if batch_size < len(samples) else None  # one batch of all: no order
        self._penalty = 0.0
        criterion, count = Criterion(self._loss()), len(samples) if samples.counts is None else samples.counts.sum()
        with _random.using(generator):
            self.model_.train()
            loss = _loop.train_epoch(
                self.model_, criterion, self._optimizer, samples, taken, batch_size, before=self._before_step
            )
        self.model_.eval()
        self.loss_ = loss + self._penalty / count
        self.n_iter_, self.t_ = self.n_iter_ + 1, self.t_ + len(samples)
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"pass {self.n_iter_}, loss {self.loss_:.8f}")
        return order

    def _before_step(self, total):
        """What scikit-learn does otherwise than torch: alpha / 2 · Σ w² / (samples of the batch) is the penalty, and
        Adam's epsilon stands beside a second moment that is not yet corrected for its bias."""
        self._steps += 1
        if self.solver != "adamw" and self.alpha:
            weights = self._optimizer.param_groups[0]
            weights["weight_decay"] = self.alpha / total
            self._penalty += 0.5 * self.alpha * sum(float(np.vdot(w._raw(), w._raw())) for w in weights["params"])
        if self.solver != "sgd":
            for group in self._optimizer.param_groups:
                group["eps"] = self.epsilon / math.sqrt(1 - self.beta_2**self._steps)

    def _hold_out(self, X, target, weight, y):
        parts = [X, target, y] + ([] if weight is None else [weight])
        split = train_test_split(
            *parts,
            test_size=self.validation_fraction,
            random_state=self._random_state,
            stratify=self._stratification(y),
        )
        if len(split[1]) < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of {len(X)} samples leaves fewer than 2 to judge by: "
                "raise it"
            )
        held_weight = None if weight is None else split[7]
        return split[0], split[2], None if weight is None else split[6], (split[1], split[5], held_weight)

    def _judge(self, held_out, best):
        """Score the held-out samples; whether that is better, and the weights that scored best."""
        X, y, weight = held_out
        outputs = _loop.outputs_of(self.model_, X)
        score = self._scored(y, self._decoded(outputs), weight)
        better = not score < self.best_validation_score_ + self.tol
        if score > self.best_validation_score_ or best is None:
            self.best_validation_score_ = max(score, self.best_validation_score_)
            best = {name: value.numpy().copy() for name, value in self.model_.state_dict().items()}
        self.validation_scores_.append(score)
        return better, best

    def _next_rate(self):
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            self._set_rate(self.learning_rate_init / (self.t_ + 1) ** self.power_t)

    def _lower_rate(self):
        """Whether an adaptive rate could be lowered rather than to stop."""
        rate = self._optimizer.param_groups[0]["lr"]
        if self.solver != "sgd" or self.learning_rate != "adaptive" or rate <= 1e-6:
            return False
        self._set_rate(rate / 5)
        return True

    def _set_rate(self, rate):
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _outputs(self, X):
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return _loop.outputs_of(self.model_, X.astype(self.model_[0].weight.dtype, copy=False))

    def _batch_size(self, count):
        return min(200 if self.batch_size == "auto" else self.batch_size, count)

    def _hidden(self):
        sizes = self.hidden_layer_sizes
        return [sizes] if isinstance(sizes, numbers.Integral) else list(sizes)

    def _check_settings(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not low <= value <= high or (high == 1 and value == 1):
                expected = f"of at least {low} and below 1" if high == 1 else f"from {low} to {high}"
                raise ValueError(f"{name}={value!r} is invalid: it must be a number {expected}")
        hidden = self._hidden()
        if not all(isinstance(width, numbers.Integral) and width > 0 for width in hidden):
            raise ValueError(f"hidden_layer_sizes={self.hidden_layer_sizes!r} is invalid: widths must be 1 or more")
        whole = isinstance(self.batch_size, numbers.Integral) and self.batch_size > 0
        if not whole and not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            raise ValueError(f"batch_size={self.batch_size!r} is invalid: it must be 'auto' or 1 or more")
        known = {"solver": SOLVERS, "learning_rate": RATES}
        if not isinstance(self.activation, nn.Module):
            known["activation"] = tuple(ACTIVATIONS)
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown; choose {', '.join(choices)}")
