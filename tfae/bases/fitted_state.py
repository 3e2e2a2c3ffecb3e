"""What is fitted after training: a density of the codes, and a threshold for anomaly scores.

Both belong to the weights that the model has at that moment. So they are saved with the weights, in
`.keras` and weights files, and a clone, which has new weights, has neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfae import priors
from tfae.bases.threshold import conformal_threshold


class FittedState:
    """The fitted parts of a model, and their conversion to arrays that are saved with its weights.

    It is a plain object, since Keras looks for layers in tuples and dictionaries, and does not
    accept new ones once a model is built.

    Attributes:
        prior: The density that `fit_prior` fitted to codes, or `None`.
        threshold: Examples with a higher score are anomalies; `None` before `fit_threshold`.
        false_positive_rate: The rate that the threshold was fitted for, or `None`.
        column_scores: The mean loss of each column of normal data `(columns,)`, for models of
            tables; `None` before `fit_threshold`.
    """

    def __init__(
        self,
        prior: priors.Prior | None = None,
        threshold: float | None = None,
        false_positive_rate: float | None = None,
        column_scores: np.ndarray | None = None,
    ):
        self.prior = prior
        self.threshold = threshold
        self.false_positive_rate = false_positive_rate
        self.column_scores = column_scores

    def fit_threshold(self, scores: np.ndarray, false_positive_rate: float) -> float:
        """Fits the threshold to the scores of normal data `(n,)`, and returns it."""
        self.threshold = conformal_threshold(scores, false_positive_rate)
        self.false_positive_rate = false_positive_rate
        return self.threshold

    def check_threshold(self) -> None:
        """Raises `ValueError` if no threshold has been fitted."""
        if self.threshold is None:
            raise ValueError(
                "There is no threshold yet: call fit_threshold(x, false_positive_rate) with normal "
                "data that was not used for training."
            )

    def exceed_threshold(self, scores: np.ndarray) -> np.ndarray:
        """Returns which scores are those of anomalies: above the threshold, or NaN."""
        return ~(scores <= self.threshold)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the fitted arrays, with names such as "fitted_prior.gaussian.means"."""
        arrays = {}
        if self.prior is not None:
            for name, array in self.prior.parameters.items():
                arrays[f"{_PRIOR}{self.prior.kind}.{name}"] = array
        if self.threshold is not None:
            arrays[_THRESHOLD] = np.array([self.threshold, self.false_positive_rate])
        if self.column_scores is not None:
            arrays[_COLUMN_SCORES] = self.column_scores
        return arrays

    @classmethod
    def pop_from(cls, arrays: dict[str, Any]) -> FittedState:
        """Removes the fitted arrays from `arrays` and returns the state they hold."""
        state = cls()
        if _THRESHOLD in arrays:
            state.threshold, state.false_positive_rate = map(float, arrays.pop(_THRESHOLD)[()])
        if _COLUMN_SCORES in arrays:
            state.column_scores = arrays.pop(_COLUMN_SCORES)[()]
        names = [name for name in arrays if name.startswith(_PRIOR)]
        if names:
            kind = names[0].split(".")[1]
            parameters = {name.split(".")[2]: arrays.pop(name)[()] for name in names}
            state.prior = priors.FITTED[kind](**parameters)
        return state


_PRIOR = "fitted_prior."
_THRESHOLD = "fitted_threshold"
_COLUMN_SCORES = "fitted_column_scores"
