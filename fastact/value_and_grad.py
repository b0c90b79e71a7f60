"""The losses of losses.py with their gradients, one fused call each.  Names and options are those of losses.py."""

from . import _core, _loss_rows
from ._loss_linear import loss_of_linear
from ._loss_pairs import loss_of_pairs
from ._loss_rows import loss_of_rows, with_lane
from ._passages import with_passages
from .losses import __all__ as __all__


@with_lane(_loss_rows.CROSS_ENTROPY, True)
@with_passages(errors="IndexError, ValueError, TypeError")
def cross_entropy(logits, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """`fastact.cross_entropy` and its gradient with respect to the logits, in one pass.

    [as the loss]
    dlogits : ndarray
        Of the shape and dtype of the logits: softmax - one-hot, or softmax * sum(target) - target, times weight and the
        factor of the mean. With reduction="none" the gradient of the sum. 0 in rows that are ignored.

    [raises as the loss]

    Notes
    -----
    At the target the gradient is -(sum over the others)/(sum), not softmax - 1, so that it does not vanish for a
    confident prediction.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> loss, dlogits = fa.value_and_grad.cross_entropy(np.zeros((1, 4)), [2])
    >>> dlogits
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    kinds = _loss_rows.CROSS_ENTROPY
    return loss_of_rows(
        cross_entropy, kinds, logits, target, True, axis, reduction, weight, ignore_index, label_smoothing
    )


@with_lane(_loss_rows.NLL, True)
@with_passages(errors="IndexError, ValueError, TypeError")
def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """`fastact.nll_loss` and its gradient with respect to log_probs.

    [as the loss]
    dlog_probs : ndarray
        -weight at the target, times the factor of the mean, and 0 elsewhere.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.nll_loss(np.array([[-1.0, -2.0]]), [1])[1]
    array([[ 0., -1.]])
    """
    return loss_of_rows(nll_loss, _loss_rows.NLL, log_probs, target, True, axis, reduction, weight, ignore_index)


@with_lane(_loss_rows.PROBABILITY_CROSS_ENTROPY, True)
@with_passages(errors="ValueError, TypeError")
def probability_cross_entropy(probs, target, *, axis=-1, reduction="mean"):
    """`fastact.probability_cross_entropy` and its gradient with respect to the probabilities.

    [as the loss]
    dprobs : ndarray
        -target / probs, times the factor of the mean; 0 where target is 0.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.probability_cross_entropy(np.array([0.5, 0.5]), [1, 0], reduction="sum")[1]
    array([-2.,  0.])
    """
    kinds = _loss_rows.PROBABILITY_CROSS_ENTROPY
    return loss_of_rows(probability_cross_entropy, kinds, probs, target, True, axis, reduction)


@with_passages(errors="IndexError, ValueError, TypeError")
def linear_cross_entropy(x, weight, target, *, bias=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """`fastact.linear_cross_entropy` and its gradients; the logits are never held all at once.

    [as the loss]
    gradients : tuple (dx, dweight, dbias)
        Of the shapes and dtypes of x, weight and bias; dbias is None without a bias. With reduction="none" the gradients
        of the sum.

    [raises as the loss]

    Notes
    -----
    Beside the results at most 64 MiB are used.

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> loss, (dx, dweight, dbias) = fa.value_and_grad.linear_cross_entropy(np.ones((1, 2)), np.zeros((4, 2)), [0])
    >>> dweight[0], dbias is None
    (array([-0.75, -0.75]), True)
    """
    options = {"bias": bias, "ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    return loss_of_linear(linear_cross_entropy, x, weight, target, options, True)


@with_passages(errors="ValueError, TypeError")
def binary_cross_entropy(probs, target, *, weight=None, reduction="mean"):
    """`fastact.binary_cross_entropy` and its gradient with respect to `probs`.

    [as the loss]
    dprobs : ndarray
        (p - t) / (p (1 - p)); 1 at p = t = 0 and -1 at p = t = 1. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.binary_cross_entropy(np.array([0.5, 0.25]), [1, 0], reduction="sum")[1]
    array([-2.        ,  1.33333333])
    """
    options = {"weight": weight, "reduction": reduction}
    return loss_of_pairs(binary_cross_entropy, _core.BINARY_CROSS_ENTROPY, probs, target, options, True)


@with_passages(errors="ValueError, TypeError")
def binary_cross_entropy_with_logits(logits, target, *, weight=None, pos_weight=None, reduction="mean"):
    """`fastact.binary_cross_entropy_with_logits` and its gradient with respect to `logits`.

    [as the loss]
    dlogits : ndarray
        (1 - t) sigmoid(x) - pos_weight t sigmoid(-x), neither term of which cancels. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.binary_cross_entropy_with_logits(np.array([0.0, 40.0]), [1, 1], reduction="sum")[1]
    array([-5.00000000e-01, -4.24835426e-18])
    """
    options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
    return loss_of_pairs(
        binary_cross_entropy_with_logits, _core.BINARY_CROSS_ENTROPY_WITH_LOGITS, logits, target, options, True
    )


@with_passages(errors="ValueError, TypeError")
def kl_div(log_probs, target, *, log_target=False, reduction="mean"):
    """`fastact.kl_div` and its gradient with respect to `log_probs`.

    [as the loss]
    dlog_probs : ndarray
        -t, or -e^t with log_target. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.kl_div(np.log([0.5, 0.5]), [0.25, 0.75], reduction="sum")[1]
    array([-0.25, -0.75])
    """
    options = {"log_target": log_target, "reduction": reduction}
    kind = _core.KL_DIV_LOG_TARGET if log_target else _core.KL_DIV
    return loss_of_pairs(kl_div, kind, log_probs, target, options, True)


@with_passages(errors="ValueError, TypeError")
def mse_loss(pred, target, *, reduction="mean"):
    """`fastact.mse_loss` and its gradient with respect to `pred`.

    [as the loss]
    dpred : ndarray
        2 (pred - target). With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.mse_loss(np.array([1.0, 2.0]), [1.0, 4.0])[1]
    array([ 0., -2.])
    """
    options = {"reduction": reduction}
    return loss_of_pairs(mse_loss, _core.MSE, pred, target, options, True)


@with_passages(errors="ValueError, TypeError")
def l1_loss(pred, target, *, reduction="mean"):
    """`fastact.l1_loss` and its gradient with respect to `pred`.

    [as the loss]
    dpred : ndarray
        The sign of pred - target, 0 where they are equal. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.l1_loss(np.array([1.0, 2.0]), [1.0, 4.0])[1]
    array([ 0. , -0.5])
    """
    options = {"reduction": reduction}
    return loss_of_pairs(l1_loss, _core.L1, pred, target, options, True)


@with_passages(errors="ValueError, TypeError")
def smooth_l1_loss(pred, target, *, beta=1.0, reduction="mean"):
    """`fastact.smooth_l1_loss` and its gradient with respect to `pred`.

    [as the loss]
    dpred : ndarray
        d / beta within beta, the sign of d beyond. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.smooth_l1_loss(np.array([0.5, 3.0]), [0.0, 0.0], reduction="sum")[1]
    array([0.5, 1. ])
    """
    options = {"beta": beta, "reduction": reduction}
    return loss_of_pairs(smooth_l1_loss, _core.SMOOTH_L1, pred, target, options, True)


@with_passages(errors="ValueError, TypeError")
def huber_loss(pred, target, *, delta=1.0, reduction="mean"):
    """`fastact.huber_loss` and its gradient with respect to `pred`.

    [as the loss]
    dpred : ndarray
        d within delta, delta times the sign of d beyond. With reduction="none" the gradient of the sum.

    [raises as the loss]

    Examples
    --------
    >>> import fastact as fa, numpy as np
    >>> fa.value_and_grad.huber_loss(np.array([0.5, 3.0]), [0.0, 0.0], delta=2.0, reduction="sum")[1]
    array([0.5, 2. ])
    """
    options = {"delta": delta, "reduction": reduction}
    return loss_of_pairs(huber_loss, _core.HUBER, pred, target, options, True)
