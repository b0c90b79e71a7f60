"""MLPClassifier: how labels meet the perceptron of ``_perceptron.py``."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

import fastact as fa
from fastact.nn import functional
from fastact.sklearn._perceptron import Perceptron, extended
from fastact.sklearn._texts import documented


@documented
class MLPClassifier(ClassifierMixin, Perceptron):
    """A multilayer perceptron that tells classes apart, trained by cross-entropy.

    Binary, multiclass and multilabel targets. float64 data is trained in float64, everything else in float32.

    {parameters}
    class_weight : dict, "balanced" or None
        What each class counts; "balanced" weighs classes by the inverse of their frequency.

    {attributes}
    classes_ : ndarray
        The labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastact.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier((16,), activation="gelu", learning_rate_init=0.02, max_iter=1000, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(self, hidden_layer_sizes=(100,), activation="relu", *, class_weight=None, **settings):
        super().__init__(hidden_layer_sizes, activation, **settings)
        self.class_weight = class_weight

    __init__.__signature__ = extended(Perceptron.__init__, class_weight=None)  # type: ignore[attr-defined]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One pass through the data, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        classes : array-like, optional
            All labels that will come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all samples at once, partial_fit sees a part: give a dict, or "
                "sample_weight"
            )
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("the first call of partial_fit needs classes=, all labels that will come")
        if classes is not None:
            classes = np.unique(classes)
            if not first and not np.array_equal(classes, self.classes_):
                raise ValueError(f"classes={classes} differ from those of the first call, {self.classes_}")
        return self._partial_fit(X, y, sample_weight, classes)

    def _check_targets(self, X, y, reset, classes=None):
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, reset=reset)
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            labels, target = np.arange(y.shape[1]), y
        else:
            y = column_or_1d(y, warn=True)
            labels, target = np.unique(y), None
        known = classes if classes is not None else None if reset else self.classes_
        if known is not None:
            unknown = np.setdiff1d(labels, known)
            if len(unknown) or (target is not None and len(labels) != len(known)):
                raise ValueError(f"y has labels {labels.tolist()}, the classes are {np.asarray(known).tolist()}")
            labels = np.asarray(known)
        self.classes_ = labels
        return X, self._encoded(y, target, X.dtype), y

    def _encoded(self, y, indicator, dtype):
        """y as the loss takes it, and the number of outputs and the kind that follow from it."""
        self._multilabel = indicator is not None
        if indicator is not None:
            self.n_outputs_, self.out_activation_ = indicator.shape[1], "logistic"
            return np.ascontiguousarray(indicator, dtype)
        index = np.searchsorted(self.classes_, y)
        if len(self.classes_) > 2:
            self.n_outputs_, self.out_activation_ = len(self.classes_), "softmax"
            return index.astype(np.int64)
        self.n_outputs_, self.out_activation_ = 1, "logistic"
        return index.reshape(-1, 1).astype(dtype)

    def _weights(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        known = self.classes_ if isinstance(self.class_weight, dict) and y.ndim == 1 else y[:0]  # a batch may lack some
        weight = compute_sample_weight(self.class_weight, np.concatenate([known, y]))[len(known) :]
        return weight if sample_weight is None else weight * sample_weight

    def _loss(self):
        return functional.cross_entropy if self.out_activation_ == "softmax" else _logistic_loss

    def _stratification(self, y):
        return None if self._multilabel else y

    def _scored(self, true, predicted, weight):
        return float(accuracy_score(true, predicted, sample_weight=weight))

    def _decoded(self, outputs):
        if self._multilabel:
            return (outputs > 0).astype(np.int64)
        if self.out_activation_ == "softmax":
            return self.classes_[outputs.argmax(axis=1)]
        return self.classes_[np.minimum(outputs[:, 0] > 0, len(self.classes_) - 1)]

    def predict_proba(self, X):
        """Probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._shares(X, fa.softmax, fa.sigmoid)

    def predict_log_proba(self, X):
        """Logarithm of `predict_proba`, exact where probabilities vanish; arguments and shape as there."""
        return self._shares(X, fa.log_softmax, lambda logits: -fa.softplus(-logits))

    def _shares(self, X, of_rows, of_logits):
        """Probabilities, or their logarithms: by one function for several classes, by another for single logits."""
        check_is_fitted(self)
        outputs = self._outputs(X)
        if self.out_activation_ == "softmax":
            return of_rows(outputs)
        if self._multilabel:
            return of_logits(outputs)
        if len(self.classes_) == 1:
            return of_rows(np.zeros_like(outputs))
        return np.concatenate([of_logits(-outputs), of_logits(outputs)], axis=1)


def _logistic_loss(output, target, reduction="mean"):
    """Cross-entropy of logits with labels 0 and 1, added up over the outputs of a sample."""
    losses = fa.softplus(output) - output * target
    return losses.sum(dim=1) if reduction == "none" else losses.sum() / len(losses)
