"""The losses: names, arguments and docstrings, those of pairs from _pair_losses.py; value_and_grad.py has the same with
gradients.  What is done with the arguments stands in _loss_rows.py and _loss_linear.py."""

from . import _loss_rows
from ._loss_linear import loss_of_linear
from ._loss_rows import loss_of_rows, with_lane
from ._pair_losses import *  # noqa: F403
from ._pair_losses import __all__ as _pairs

__all__: list[str] = ["cross_entropy", "linear_cross_entropy", "nll_loss", "probability_cross_entropy", *_pairs]


@with_lane(_loss_rows.CROSS_ENTROPY, False)
def cross_entropy(logits, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Cross-entropy of logits: -log softmax(logits) at the target class.

    logits are what comes out of the last linear layer. Do not apply softmax first: that gives another, flatter loss and
    no error. For probabilities there is `probability_cross_entropy`.

    Parameters
    ----------
    logits : array_like
        float16, bfloat16, float32 or float64 (integers are converted), with the classes on `axis`.
    target : array_like
        Class indices of any integer dtype, of the shape of logits without `axis`; or class probabilities of a floating
        dtype and the shape of logits, which need not sum to 1.
    axis : int, default -1
        The axis of the classes. torch has them on axis 1.
    weight : array_like, optional
        One factor for each class.
    ignore_index : int, default -100
        Rows with this index have loss and gradient 0 and do not count in the mean.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of weight[target] over the rows that count (class indices) or by the number of rows
        (probabilities).
    label_smoothing : float from 0.0 to 1.0
        The part of each target that is spread evenly over all classes.

    Returns
    -------
    scalar or ndarray
        In the dtype of the logits; of the shape of logits without `axis` if reduction is "none".

    Raises
    ------
    IndexError
        If an index is outside [0, classes) and is not ignore_index.
    ValueError
        If shapes do not fit, or an option is not one of those above.
    TypeError
        If the target is neither integer nor floating, or the logits are not real numbers.

    Notes
    -----
    The loss of a row is (max - logits[target]) + log1p(sum of e^(logits - max) over the others), so that a confident
    prediction has a loss of 2e-9 rather than 0. If all rows are ignored, or there are none, the mean is NaN. A row with
    a NaN or +inf, or all -inf, has loss NaN. No floating-point warning is raised.

    References
    ----------
    Label smoothing: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> logits = np.array([[2.0, 1.0, 0.1], [0.0, -20.0, -25.0]])
    >>> fa.cross_entropy(logits, [0, 0], reduction="none")
    array([4.17030016e-01, 2.07504156e-09])
    >>> round(float(fa.cross_entropy(logits, np.array([[0.9, 0.1, 0.0], [1.0, 0.0, 0.0]]))), 6)
    0.258515
    """
    kinds = _loss_rows.CROSS_ENTROPY
    return loss_of_rows(
        cross_entropy, kinds, logits, target, False, axis, reduction, weight, ignore_index, label_smoothing
    )


@with_lane(_loss_rows.NLL, False)
def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """Negative log-likelihood: -log_probs at the target class.

    Parameters
    ----------
    log_probs : array_like
        Log-probabilities, as `log_softmax` gives them, with the classes on `axis`.
    target : array_like
        Class indices of any integer dtype, of the shape of log_probs without `axis`.
    axis : int, default -1
        The axis of the classes.
    weight : array_like, optional
        One factor for each class.
    ignore_index : int, default -100
        Rows with this index have loss 0 and do not count in the mean.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of weight[target] over the rows that count.

    Returns
    -------
    scalar or ndarray
        In the dtype of log_probs; of its shape without `axis` if reduction is "none".

    Raises
    ------
    IndexError
        If an index is outside [0, classes) and is not ignore_index.
    ValueError, TypeError
        As `cross_entropy`.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> float(fa.nll_loss(np.array([[-1.0, -2.0], [-3.0, -0.5]]), [0, 1]))
    0.75
    """
    return loss_of_rows(nll_loss, _loss_rows.NLL, log_probs, target, False, axis, reduction, weight, ignore_index)


@with_lane(_loss_rows.PROBABILITY_CROSS_ENTROPY, False)
def probability_cross_entropy(probs, target, *, axis=-1, reduction="mean"):
    """Cross-entropy of probabilities: -sum(target * log(probs)) over `axis`.

    For logits use `cross_entropy`, which is more accurate and needs no softmax.

    Parameters
    ----------
    probs : array_like
        Probabilities, as `softmax` gives them.
    target : array_like
        Of the shape of probs and any real dtype: probabilities, or ones and zeros. Where it is 0 nothing is added,
        whatever probs is there.
    axis : int, default -1
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        Over the rows.

    Returns
    -------
    scalar or ndarray
        In the dtype of probs; of its shape without `axis` if reduction is "none". Where probs is 0 and target is not
        the loss is inf.

    Raises
    ------
    ValueError
        If target has another shape than probs, or reduction is not one of those above.
    TypeError
        If either holds what is no real number.
    numpy.exceptions.AxisError
        If probs has no such axis.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> round(float(fa.probability_cross_entropy(np.array([0.7, 0.2, 0.1]), [1, 0, 0], reduction="sum")), 6)
    0.356675
    """
    kinds = _loss_rows.PROBABILITY_CROSS_ENTROPY
    return loss_of_rows(probability_cross_entropy, kinds, probs, target, False, axis, reduction)


def linear_cross_entropy(x, weight, target, *, bias=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """`cross_entropy` of the logits x @ weight.T + bias, which are never held all at once.

    Parameters
    ----------
    x : array_like, shape (..., features)
        What goes into the last linear layer.
    weight : array_like, shape (classes, features)
        As torch's `Linear` keeps it.
    target : array_like, shape (...)
        Class indices of any integer dtype.
    bias : array_like, shape (classes,), optional
        Added to the logits.
    ignore_index, reduction, label_smoothing
        As `cross_entropy`.

    Returns
    -------
    scalar or ndarray
        In the dtype of x; of the shape of x without its last axis if reduction is "none".

    Raises
    ------
    IndexError, ValueError, TypeError
        As `cross_entropy`.

    Notes
    -----
    Works through tiles of tokens whose logits take at most 52 MiB. The products are NumPy's, so the last bits may depend on
    its BLAS.

    References
    ----------
    Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models, 2024.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> x, weight = np.ones((2, 3)), np.eye(4, 3)
    >>> round(float(fa.linear_cross_entropy(x, weight, [0, 3])), 6)
    1.714283
    """
    options = {"bias": bias, "ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    return loss_of_linear(linear_cross_entropy, x, weight, target, options, False)
