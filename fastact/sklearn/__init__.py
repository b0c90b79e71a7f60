"""Estimators in the manner of scikit-learn; nothing is defined here. Needs scikit-learn (the extra ``train``)."""

from fastact._extras import extra

extra("sklearn", "train", "fastact.sklearn")

from fastact.sklearn._classifier import MLPClassifier  # noqa: E402
from fastact.sklearn._regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
