"""MLPRegressor: how values meet the perceptron of ``_perceptron.py``."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d, validate_data

from fastact.nn import functional
from fastact.sklearn._perceptron import Perceptron
from fastact.sklearn._texts import documented


@documented
class MLPRegressor(RegressorMixin, MultiOutputMixin, Perceptron):
    """A multilayer perceptron that fits values, trained by half the squared error.

    One output or several. float64 data is trained in float64, everything else in float32.

    {parameters}

    {attributes}

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from fastact.sklearn import MLPRegressor
    >>> X, y = make_friedman1(300, random_state=0)
    >>> MLPRegressor((32,), activation="silu", learning_rate_init=0.05, max_iter=1000, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def partial_fit(self, X, y, sample_weight=None):
        """One pass through the data, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def _check_targets(self, X, y, reset, classes=None):
        options = {"dtype": (np.float64, np.float32), "multi_output": True, "y_numeric": True, "reset": reset}
        X, y = validate_data(self, X, y, **options)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if not reset and outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} columns, the first fit had {self.n_outputs_}")
        self.n_outputs_, self.out_activation_, self._flat = outputs, "identity", y.ndim == 1
        return X, np.ascontiguousarray(y.reshape(len(y), outputs), X.dtype), y

    def _weights(self, y, sample_weight):
        return sample_weight

    def _loss(self):
        return _squared_loss

    def _stratification(self, y):
        return None

    def _scored(self, true, predicted, weight):
        return float(r2_score(true, predicted, sample_weight=weight))

    def _decoded(self, outputs):
        return outputs.reshape(len(outputs)) if self._flat else outputs


def _squared_loss(output, target, reduction="mean"):
    """Half the squared error, added up over the outputs of a sample."""
    if reduction == "none":
        return functional.mse_loss(output, target, reduction="none").sum(dim=1) * 0.5
    return functional.mse_loss(output, target, reduction="sum") * (0.5 / len(output))
