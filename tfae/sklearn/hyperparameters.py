"""Hyperparameters of a model as parameters of a scikit-learn estimator."""

from typing import Any, Self


class WithHyperparameters:
    """Mixin before `BaseEstimator`: `**hyperparameters` of the constructor are parameters, too.

    The constructor keeps them as `self._hyperparameters`.
    """

    _hyperparameters: dict[str, Any]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the parameters by name, including the hyperparameters that were given."""
        return {**super().get_params(deep), **self._hyperparameters}

    def set_params(self, **params) -> Self:
        """Sets parameters of this estimator or hyperparameters of the model.

        As in the constructor, an unknown hyperparameter raises only in `fit`.
        """
        names = super().get_params(deep=False)
        own = {key: value for key, value in params.items() if key in names or "__" in key}
        super().set_params(**own)
        others = {key: value for key, value in params.items() if key not in own}
        self._hyperparameters = {**self._hyperparameters, **others}
        return self
