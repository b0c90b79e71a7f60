"""What the docstrings of both estimators share."""

PARAMETERS = """Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Width of each hidden layer; () gives a linear model.
    activation : str or Module
        Any activation of fastact by name ("relu", "gelu", "silu", "mish", ...), "identity", "logistic" (sigmoid), or a
        module with settings of its own, ``nn.LeakyReLU(0.2)``.
    solver : {"adam", "adamw", "sgd"}
        With "adam" and "sgd" `alpha` is an L2 penalty on the weights, as in scikit-learn; with "adamw" it is decoupled
        weight decay.
    alpha : float
        Its strength.
    batch_size : int or "auto"
        "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"}
        "invscaling" divides the rate by t**power_t; "adaptive" divides it by 5 where the others would stop.
    learning_rate_init, power_t : float
        Rate to begin with, and the exponent of "invscaling".
    max_iter : int
        Passes through the data at most.
    shuffle : bool
        Whether each pass takes the samples in a new order.
    random_state : int, RandomState or None
        Initial weights, order and validation split; an int makes them repeatable. Without dropout they are the draws of
        scikit-learn's estimators.
    tol : float
        Improvement of the loss (or the validation score) that counts.
    verbose : bool
        Print the loss of each pass.
    warm_start : bool
        Whether `fit` goes on from the weights that are there.
    momentum, nesterovs_momentum : float, bool
        Of "sgd".
    early_stopping : bool
        Stop by the score on held-out data, and end with the weights that scored best.
    validation_fraction : float
        The share that is held out.
    beta_1, beta_2, epsilon : float
        Of "adam" and "adamw".
    n_iter_no_change : int
        Passes without improvement that are waited for.
    dropout : float
        Probability with which an output of a hidden layer is left out in training."""

ATTRIBUTES = """Attributes
    ----------
    model_ : fastact.nn.Sequential
        The network itself; `nn.save_safetensors` and `nn.export_onnx` take it.
    coefs_, intercepts_ : list of ndarray
        Weights of each layer, shape (in, out), and biases.
    loss_, best_loss_, loss_curve_ : float, float, list of float
        Loss of the last pass, the lowest, and that of each.
    validation_scores_, best_validation_score_ : list of float, float
        With `early_stopping`: the scores on held-out data; else None.
    n_iter_, t_ : int
        Passes of the last fit, and samples seen in all.
    n_features_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn."""


def documented(cls):
    """The class with {parameters} and {attributes} in its docstring filled in."""
    cls.__doc__ = (cls.__doc__ or "").format(parameters=PARAMETERS, attributes=ATTRIBUTES)
    return cls
