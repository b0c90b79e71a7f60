"""fastact.sklearn: scikit-learn's own checks, its tools around the estimators, and scikit-learn's perceptron beside them."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine, make_friedman1, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, validation_curve
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastact import _random, nn, optim
from fastact._aliases import ALIASES
from fastact.sklearn import MLPClassifier, MLPRegressor
from fastact.sklearn._perceptron import ACTIVATIONS
from tests.train.make import blobs, line

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
WINE_X, WINE_Y = load_wine(return_X_y=True)
WINE_X = StandardScaler().fit_transform(WINE_X)
FRIEDMAN_X, FRIEDMAN_Y = make_friedman1(150, random_state=0)


@pytest.mark.filterwarnings("default")
@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


SETTINGS = [
    {}, {"activation": "tanh", "alpha": 0.5}, {"activation": "logistic", "batch_size": 20, "max_iter": 30},
    {"solver": "sgd", "learning_rate_init": 0.02, "hidden_layer_sizes": (7, 5)},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.01, "shuffle": False},
    {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.0, "learning_rate_init": 0.1},
    {"tol": 0.1, "n_iter_no_change": 3},
    {"activation": "identity", "hidden_layer_sizes": ()},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", ["classes", "two classes", "values", "labels"])
def test_it_does_what_scikit_learns_perceptron_does(kind, settings):
    x, y = (FRIEDMAN_X, FRIEDMAN_Y) if kind == "values" else (WINE_X, WINE_Y)
    ours, theirs = (MLPRegressor, TheirRegressor) if kind == "values" else (MLPClassifier, TheirClassifier)
    if kind == "two classes":
        y = np.where(y == 1, "one", "other")
    if kind == "labels":
        x, y = make_multilabel_classification(150, n_features=6, n_classes=3, random_state=0)
        x = x / 10
    settings = {"max_iter": 60, "random_state": 3, **settings}
    mine, other = ours(**settings).fit(x, y), theirs(**settings).fit(x, y)
    assert mine.n_iter_ == other.n_iter_ and mine.out_activation_ == other.out_activation_
    for a, b in zip(mine.coefs_ + mine.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mine.loss_, other.loss_, rtol=1e-6)
    if kind == "values":
        np.testing.assert_allclose(mine.predict(x), other.predict(x), atol=1e-6)
    else:
        assert (mine.predict(x) == other.predict(x)).all()
        np.testing.assert_allclose(mine.predict_proba(x), other.predict_proba(x), atol=1e-6)
        np.testing.assert_allclose(np.exp(mine.predict_log_proba(x)), mine.predict_proba(x), atol=1e-12)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, nn.LeakyReLU(0.3)], ids=str)
def test_every_activation_learns(activation):
    x, y = blobs()
    made = MLPClassifier((16,), activation, learning_rate_init=0.05, max_iter=100, random_state=0).fit(x, y)
    assert made.score(x, y) > 0.95 and made.loss_ < made.loss_curve_[0]


def test_aliases_are_the_same_activations():
    for alias, name in {**ALIASES, "logistic": "sigmoid"}.items():
        curves = [MLPClassifier((4,), of, max_iter=3, random_state=0).fit(*blobs()).loss_curve_ for of in (alias, name)]
        assert curves[0] == curves[1]


def test_pipelines_searches_and_curves():
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((8,), random_state=0, max_iter=80, learning_rate_init=0.02)
    )
    search = GridSearchCV(pipeline, {"mlpclassifier__activation": ["relu", "gelu"]}, cv=3).fit(WINE_X, WINE_Y)
    assert search.best_score_ > 0.9
    assert cross_val_score(pipeline, WINE_X, WINE_Y, cv=3).min() > 0.85
    train, held_out = validation_curve(
        pipeline, WINE_X, WINE_Y, param_name="mlpclassifier__alpha", param_range=[0, 1], cv=2
    )
    assert train.shape == held_out.shape == (2, 2)
    assert "MLPClassifier" in pipeline._repr_html_() and "fitted" in pipeline.fit(WINE_X, WINE_Y)._repr_html_()


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_predict_and_go_on_alike(copier):
    original = MLPClassifier((8,), batch_size=20, random_state=0).partial_fit(WINE_X, WINE_Y, classes=[0, 1, 2])
    twin = copier(original)
    for _ in range(3):
        original.partial_fit(WINE_X, WINE_Y)
        twin.partial_fit(WINE_X, WINE_Y)
    assert (original.predict_proba(WINE_X) == twin.predict_proba(WINE_X)).all()
    assert original.loss_curve_ == twin.loss_curve_ and len(twin.loss_curve_) == 4 and twin.t_ == 4 * len(WINE_X)
    bare = clone(MLPClassifier(activation=nn.LeakyReLU(0.3)))
    assert bare.activation.negative_slope == 0.3 and not hasattr(bare, "model_")


def test_partial_fit_and_warm_start_go_on():
    x, y = line()
    parts = MLPRegressor((8,), random_state=0)
    for _ in range(5):
        parts.partial_fit(x, y)
    whole = MLPRegressor((8,), random_state=0, max_iter=5).fit(x, y)
    np.testing.assert_allclose(parts.predict(x), whole.predict(x))
    warm = MLPRegressor((8,), random_state=0, max_iter=5, warm_start=True).fit(x, y)
    first = warm.loss_
    warm.fit(x, y)
    assert warm.loss_ < first and len(warm.loss_curve_) == 10 and warm.n_iter_ == 5
    with pytest.raises(ValueError, match="y has 2 columns, the first fit had 1"):
        warm.fit(x, np.stack([y, y], axis=1))
    classifier = MLPClassifier((8,), random_state=0)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes="):
        classifier.partial_fit(WINE_X, WINE_Y)
    classifier.partial_fit(WINE_X[:50], WINE_Y[:50], classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"y has labels \[7\], the classes are \[0, 1, 2\]"):
        classifier.partial_fit(WINE_X[:1], [7])
    with pytest.raises(ValueError, match="differ from those of the first call"):
        classifier.partial_fit(WINE_X[:1], [1], classes=[0, 1])


def test_partial_fit_lowers_the_rate_as_scikit_learn_does():
    settings = {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "momentum": 0.0,
        "learning_rate_init": 0.1,
        "random_state": 3,
    }
    mine, other = MLPRegressor(**settings), TheirRegressor(**settings)
    for _ in range(5):
        mine.partial_fit(FRIEDMAN_X, FRIEDMAN_Y)
        other.partial_fit(FRIEDMAN_X, FRIEDMAN_Y)
        assert mine._optimizer.param_groups[0]["lr"] == pytest.approx(other._optimizer.learning_rate)
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("first", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_model_that_is_there_keeps_its_dtype(first, early_stopping):
    second = np.float64 if first == np.float32 else np.float32
    for kind, y in ((MLPRegressor, WINE_Y * 0.5), (MLPClassifier, WINE_Y), (MLPClassifier, WINE_Y == 1)):
        made = kind((8,), random_state=0, max_iter=3, warm_start=True, early_stopping=early_stopping)
        made.fit(WINE_X.astype(first), y).fit(WINE_X.astype(second), y)
        if not early_stopping:
            made.partial_fit(WINE_X.astype(second), y)
        assert made.coefs_[0].dtype == first and len(made.loss_curve_) == 7 - early_stopping


@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_dropout_may_change_between_fits(way):
    def on(made):
        return made.partial_fit(WINE_X, WINE_Y, [0, 1, 2]) if way == "partial_fit" else made.fit(WINE_X, WINE_Y)

    settings = {"hidden_layer_sizes": (16, 8), "random_state": 0, "warm_start": True, "max_iter": 2}
    runs = []
    for _ in range(2):
        made, layers = MLPClassifier(**settings), []
        for dropout in (0.0, 0.3, 0.6, 0.0):
            on(made.set_params(dropout=dropout))
            layers.append([layer.p for layer in made.model_ if isinstance(layer, nn.Dropout)])
        assert layers == [[], [0.3] * 2, [0.6] * 2, []] and len(made.coefs_) == 3
        runs.append(made)
    assert runs[0].loss_curve_ == runs[1].loss_curve_, "nothing is drawn from the global generator"
    state = _random.generator().bit_generator.state
    assert on(made).loss_ == on(copy.deepcopy(runs[0])).loss_ and _random.generator().bit_generator.state == state


def test_class_weight_of_classes_that_a_batch_lacks():
    made = MLPClassifier(class_weight={2: 5.0}, random_state=0)
    made.partial_fit(WINE_X[WINE_Y < 2], WINE_Y[WINE_Y < 2], classes=[0, 1, 2]).partial_fit(WINE_X, WINE_Y)
    other = MLPClassifier(random_state=0)
    other.partial_fit(WINE_X[WINE_Y < 2], WINE_Y[WINE_Y < 2], [0, 1, 2], np.ones((WINE_Y < 2).sum()))
    other.partial_fit(WINE_X, WINE_Y, sample_weight=np.where(WINE_Y == 2, 5.0, 1.0))
    assert (made.predict_proba(WINE_X) == other.predict_proba(WINE_X)).all()
    with pytest.raises(ValueError, match="not in class_weight"):
        MLPClassifier(class_weight={7: 5.0}).partial_fit(WINE_X, WINE_Y, classes=[0, 1, 2])
    x, y = make_multilabel_classification(50, n_classes=2, random_state=0)
    assert MLPClassifier(class_weight=[{1: 2.0}, {0: 3.0}], max_iter=2).fit(x, y).n_iter_ == 2


def test_class_weight_and_sample_weight():
    x, y = blobs(count=300, classes=2)
    x = x / 3
    rare = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:10]]
    x, y = x[rare], y[rare]
    settings = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 60, "learning_rate_init": 0.01}
    plain = MLPClassifier(**settings).fit(x, y)
    balanced = MLPClassifier(**settings, class_weight="balanced").fit(x, y)
    share = (y == 0).sum() / 10
    weighted = MLPClassifier(**settings, class_weight={1: share}).fit(x, y)
    assert balanced.predict_proba(x)[:, 1].mean() > plain.predict_proba(x)[:, 1].mean() + 0.05
    repeated = np.repeat(np.arange(len(y)), np.where(y == 1, 3, 1))
    a = MLPClassifier(**settings, batch_size=1000).fit(x, y, sample_weight=np.where(y == 1, 3, 1))
    b = MLPClassifier(**settings, batch_size=1000).fit(x[repeated], y[repeated])
    np.testing.assert_allclose(a.predict_proba(x), b.predict_proba(x), atol=1e-9)
    c = MLPClassifier(**settings, class_weight={1: 3}, batch_size=1000).fit(x, y)
    assert (c.predict_proba(x) == a.predict_proba(x)).all()
    assert weighted.predict_proba(x)[:, 1].mean() > plain.predict_proba(x)[:, 1].mean()
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples at once"):
        MLPClassifier(class_weight="balanced").partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match="sample_weight is 0 for every sample"):
        MLPClassifier(class_weight={0: 0, 1: 0}).fit(x, y)


@pytest.mark.skipif(not hasattr(nn, "Dropout"), reason="no dropout yet")
def test_dropout_is_repeatable_and_off_in_predictions():
    settings = {"hidden_layer_sizes": (32, 16), "random_state": 0, "max_iter": 20, "dropout": 0.5}
    one, two = (MLPClassifier(**settings).fit(WINE_X, WINE_Y) for _ in range(2))
    assert one.loss_curve_ == two.loss_curve_ and (one.predict_proba(WINE_X) == one.predict_proba(WINE_X)).all()
    assert one.loss_curve_ != MLPClassifier(**{**settings, "dropout": 0.0}).fit(WINE_X, WINE_Y).loss_curve_
    assert [type(layer).__name__ for layer in one.model_] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert len(one.coefs_) == 3


def test_early_stopping_ends_with_the_best_weights():
    settings = {"random_state": 0, "early_stopping": True, "learning_rate_init": 0.05, "validation_fraction": 0.3}
    made = MLPRegressor((64,), **settings, n_iter_no_change=5, max_iter=500).fit(FRIEDMAN_X, FRIEDMAN_Y)
    assert made.n_iter_ < 500 and len(made.validation_scores_) == made.n_iter_
    assert made.best_validation_score_ == max(made.validation_scores_) > made.validation_scores_[0]
    with pytest.raises(ValueError, match="early_stopping=True holds out"):
        made.partial_fit(FRIEDMAN_X, FRIEDMAN_Y)
    with pytest.raises(ValueError, match="leaves fewer than 2"):
        MLPRegressor(early_stopping=True).fit(FRIEDMAN_X[:5], FRIEDMAN_Y[:5])


@pytest.mark.parametrize("kind", ["two classes", "values"])
def test_early_stopping_is_scikit_learns(kind):
    """But for more than two classes, whose held-out samples are stratified here and not there."""
    settings = {"random_state": 3, "early_stopping": True, "learning_rate_init": 0.01, "validation_fraction": 0.3}
    x, y = (FRIEDMAN_X, FRIEDMAN_Y) if kind == "values" else (WINE_X, WINE_Y == 1)
    ours, theirs = (MLPRegressor, TheirRegressor) if kind == "values" else (MLPClassifier, TheirClassifier)
    mine, other = ours(**settings).fit(x, y), theirs(**settings).fit(x, y)
    np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_, atol=1e-6)
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], atol=1e-6)


def test_an_adaptive_rate_falls_where_the_loss_stands_still():
    settings = {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.3,
        "tol": 0.05,
        "n_iter_no_change": 2,
    }
    made = MLPClassifier((5,), **settings, max_iter=500, random_state=0).fit(WINE_X, WINE_Y)
    assert made.n_iter_ < 500 and made._optimizer.param_groups[0]["lr"] == pytest.approx(0.3 / 5**8)


def test_adamw_decays_weights_apart_from_the_loss():
    settings = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 50}
    decayed = MLPRegressor(**settings, solver="adamw", alpha=5.0).fit(FRIEDMAN_X, FRIEDMAN_Y)
    free = MLPRegressor(**settings, solver="adamw", alpha=0.0).fit(FRIEDMAN_X, FRIEDMAN_Y)
    assert isinstance(decayed._optimizer, optim.AdamW)
    assert np.abs(decayed.coefs_[0]).sum() < np.abs(free.coefs_[0]).sum() * 0.95


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"activation": "rellu"}, "activation='rellu' is unknown; choose identity, logistic"),
        ({"solver": "lbfgs"}, "solver='lbfgs' is unknown; choose adam, adamw, sgd"),
        ({"learning_rate": "fast"}, "learning_rate='fast' is unknown"),
        ({"alpha": -1}, "alpha=-1 is invalid: it must be a number from 0"),
        ({"dropout": 1.0}, "dropout=1.0 is invalid: it must be a number of at least 0 and below 1"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0 is invalid: .* below 1"),
        ({"beta_1": 1}, "beta_1=1 is invalid: .* below 1"),
        ({"max_iter": 0}, "max_iter=0 is invalid"),
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes=\(3, 0\) is invalid"),
        ({"batch_size": "all"}, "batch_size='all' is invalid: it must be 'auto' or 1 or more"),
        ({"batch_size": 0}, "batch_size=0 is invalid"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(ValueError, match=said):
        MLPClassifier(**settings).fit(WINE_X, WINE_Y)


def test_warnings_errors_and_words(capsys):
    with pytest.warns(ConvergenceWarning, match="still improved after max_iter=2 passes: raise max_iter"):
        made = MLPClassifier(max_iter=2, verbose=True).fit(WINE_X, WINE_Y)
    assert capsys.readouterr().out.count("\n") == 2
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(WINE_X)
    with (
        pytest.raises(ValueError, match="weights that are not finite"),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        MLPRegressor(activation="identity", solver="sgd", learning_rate_init=1e6).fit(FRIEDMAN_X, FRIEDMAN_Y * 1e6)
    assert made.predict(WINE_X.astype(np.float32)).shape == (178,)
    single = MLPClassifier(max_iter=2).fit(WINE_X.astype(np.float32), WINE_Y)
    assert single.predict_proba(WINE_X).dtype == np.float32 == single.coefs_[0].dtype


def test_without_scikit_learn_the_extra_is_named():
    program = "import sys; sys.modules['sklearn'] = None; import fastact.sklearn"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "fastact.sklearn needs sklearn, which is not installed: pip install 'fastact[train]'" in done.stderr
