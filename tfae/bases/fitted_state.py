"""What is fitted to a model once it is trained: a density of its codes, a threshold of its scores.

Both belong to the weights that the model has at that moment. So they are kept where the weights are
kept, in `.keras` and weights files, and a clone has none of them: it has new weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfae import priors


class FittedState:
    """The fitted parts of a model, and how they are kept with its weights.

    It is a plain object, not a tuple or a dictionary: in those Keras would find a layer, and a
    model that is built may not get any more of them.

    Attributes:
        prior: The density of codes that `fit_prior` found, or `None`.
        threshold: Anomaly scores above it are anomalies; `None` before `fit_threshold`.
        false_positive_rate: For which the threshold was fitted, or `None`.
    """

    def __init__(
        self,
        prior: priors.Prior | None = None,
        threshold: float | None = None,
        false_positive_rate: float | None = None,
    ):
        self.prior = prior
        self.threshold = threshold
        self.false_positive_rate = false_positive_rate

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What there is, by names such as "fitted_prior.gaussian.means"."""
        arrays = {}
        if self.prior is not None:
            for name, array in self.prior.parameters.items():
                arrays[f"{_PRIOR}{self.prior.kind}.{name}"] = array
        if self.threshold is not None:
            arrays[_THRESHOLD] = np.array([self.threshold, self.false_positive_rate])
        return arrays

    @classmethod
    def pop_from(cls, arrays: dict[str, Any]) -> FittedState:
        """The state in `arrays`, from which it is removed."""
        state = cls()
        if _THRESHOLD in arrays:
            state.threshold, state.false_positive_rate = map(float, arrays.pop(_THRESHOLD)[()])
        names = [name for name in arrays if name.startswith(_PRIOR)]
        if names:
            kind = names[0].split(".")[1]
            parameters = {name.split(".")[2]: arrays.pop(name)[()] for name in names}
            state.prior = priors.FITTED[kind](**parameters)
        return state


_PRIOR = "fitted_prior."
_THRESHOLD = "fitted_threshold"
