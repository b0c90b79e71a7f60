"""The losses of pairs: names, arguments and docstrings.  losses.py makes them public; what is done with the arguments
stands in _loss_pairs.py."""

from . import _core
from ._loss_pairs import loss_of_pairs
from ._passages import with_passages

__all__: list[str] = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


@with_passages()
def binary_cross_entropy(probs, target, *, weight=None, reduction="mean"):
    """Binary cross-entropy of probabilities: -t log(p) - (1 - t) log(1 - p).

    Parameters
    ----------
    probs : array_like
        Probabilities of the positive class, from 0 to 1, as `sigmoid` gives them; NaN outside.
    [target]
    weight : array_like, optional
        A factor for each loss; broadcast against `probs`.
    [reduction]

    [result]

    Notes
    -----
    A term whose factor is 0 counts nothing, so that a certain right prediction has loss 0; a certain wrong one has loss inf,
    where torch clamps at 100. For logits use `binary_cross_entropy_with_logits`, which is more accurate.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> float(fa.binary_cross_entropy(np.array([0.5, 0.25]), [1, 0], reduction="sum")).__round__(6)
    0.980829
    """
    options = {"weight": weight, "reduction": reduction}
    return loss_of_pairs(binary_cross_entropy, _core.BINARY_CROSS_ENTROPY, probs, target, options, False)


@with_passages()
def binary_cross_entropy_with_logits(logits, target, *, weight=None, pos_weight=None, reduction="mean"):
    """Binary cross-entropy of logits: -pos_weight t log(sigmoid(x)) - (1 - t) log(sigmoid(-x)).

    Parameters
    ----------
    logits : array_like
        Real numbers, before any sigmoid.
    [target]
    weight : array_like, optional
        A factor for each loss; broadcast against `logits`.
    pos_weight : array_like, optional
        A factor for the positive term, for instance one for each class; broadcast against `logits`.
    [reduction]

    [result]

    Notes
    -----
    Neither term cancels: a confident prediction has its small loss, not 0, and infinite logits have loss 0 or inf.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.binary_cross_entropy_with_logits(np.array([0.0, 40.0]), [1, 1], reduction="none")
    array([6.93147181e-01, 4.24835426e-18])
    """
    options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
    return loss_of_pairs(
        binary_cross_entropy_with_logits, _core.BINARY_CROSS_ENTROPY_WITH_LOGITS, logits, target, options, False
    )


@with_passages()
def kl_div(log_probs, target, *, log_target=False, reduction="mean"):
    """Kullback-Leibler divergence: t (log(t) - log_probs), element by element.

    Parameters
    ----------
    log_probs : array_like
        Log-probabilities, as `log_softmax` gives them.
    [target]
    log_target : bool, default False
        Whether `target` holds log-probabilities too: e^t (t - log_probs).
    reduction : {"mean", "sum", "none", "batchmean"}
        Over all elements; "batchmean" divides the sum by the length of the first axis.

    [result]

    Notes
    -----
    "mean" divides by the number of elements, as torch does; the divergence of distributions is "batchmean". Where the target
    is 0 nothing is added, whatever `log_probs` is there.

    References
    ----------
    Kullback, Leibler, On Information and Sufficiency, 1951.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> round(float(fa.kl_div(np.log(p), q, reduction="batchmean")), 6)
    0.130812
    """
    options = {"log_target": log_target, "reduction": reduction}
    kind = _core.KL_DIV_LOG_TARGET if log_target else _core.KL_DIV
    return loss_of_pairs(kl_div, kind, log_probs, target, options, False)


@with_passages()
def mse_loss(pred, target, *, reduction="mean"):
    """Mean squared error: (pred - target)^2.

    Parameters
    ----------
    [pred]
    [target]
    [reduction]

    [result]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> float(fa.mse_loss(np.array([1.0, 2.0]), [1.0, 4.0]))
    2.0
    """
    options = {"reduction": reduction}
    return loss_of_pairs(mse_loss, _core.MSE, pred, target, options, False)


@with_passages()
def l1_loss(pred, target, *, reduction="mean"):
    """Mean absolute error: |pred - target|; its derivative at 0 is 0.

    Parameters
    ----------
    [pred]
    [target]
    [reduction]

    [result]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> float(fa.l1_loss(np.array([1.0, 2.0]), [1.0, 4.0]))
    1.0
    """
    options = {"reduction": reduction}
    return loss_of_pairs(l1_loss, _core.L1, pred, target, options, False)


@with_passages()
def smooth_l1_loss(pred, target, *, beta=1.0, reduction="mean"):
    """|d| - beta/2 beyond beta, d^2 / (2 beta) within, with d = pred - target.

    Parameters
    ----------
    [pred]
    [target]
    beta : float, default 1.0
        Where the square meets the line, from 0 on; 0 gives `l1_loss`.
    [reduction]

    [result]

    References
    ----------
    Girshick, Fast R-CNN, 2015.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.smooth_l1_loss(np.array([0.5, 3.0]), [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    options = {"beta": beta, "reduction": reduction}
    return loss_of_pairs(smooth_l1_loss, _core.SMOOTH_L1, pred, target, options, False)


@with_passages()
def huber_loss(pred, target, *, delta=1.0, reduction="mean"):
    """delta (|d| - delta/2) beyond delta, d^2 / 2 within, with d = pred - target.

    Parameters
    ----------
    [pred]
    [target]
    delta : float, default 1.0
        Where the square meets the line; positive.
    [reduction]

    [result]

    References
    ----------
    Huber, Robust Estimation of a Location Parameter, 1964.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.huber_loss(np.array([1.0, 3.0]), [0.0, 0.0], delta=2.0, reduction="none")
    array([0.5, 4. ])
    """
    options = {"delta": delta, "reduction": reduction}
    return loss_of_pairs(huber_loss, _core.HUBER, pred, target, options, False)
