"""What is fitted to a model once it is trained: a density of its codes, a threshold of its scores.

Both belong to the weights that the model has at that moment. So they are kept where the weights are
kept, in `.keras` and weights files, and a clone has none of them: it has new weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfae import priors
from tfae.arguments import is_number
from tfae.layers.seeds import random_seed
from tfae.training import Trainer


class Fitted(Trainer):
    """Fits a prior and an anomaly threshold; `Autoencoding` gives it codes and scores.

    Attributes:
        fitted_prior: The density of codes that `fit_prior` found, or `None`.
        threshold: Anomaly scores above it are anomalies; `None` before `fit_threshold`.
        false_positive_rate: For which the threshold was fitted, or `None`.
        prior_kinds: The kinds of `fit_prior` that the codes are fit for; the first is the default.
    """

    prior_kinds: tuple[str, ...] = ("gaussian_mixture", "gaussian")

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self._fitted = _State()

    @property
    def fitted_prior(self) -> priors.Prior | None:
        return self._fitted.prior

    @property
    def threshold(self) -> float | None:
        return self._fitted.threshold

    @property
    def false_positive_rate(self) -> float | None:
        return self._fitted.false_positive_rate

    def fit_prior(
        self,
        x: Any,
        kind: str | None = None,
        *,
        seed: int | None = None,
        batch_size: int = 256,
        **options: Any,
    ) -> priors.Prior:
        """Fits a density to the codes of data, from which `generate` draws from then on.

        It gives a model that has no prior something to generate from. Where training had a prior,
        that stays part of the objective and of `log_likelihood`; only what is generated comes from
        the fitted density, which often lies closer to the codes. They are those of `draw_codes`.

        The density is kept in `.keras` and weights files and in exported SavedModels. It is of the
        weights that the model has now: fit it again after more training. `forget_prior` drops it.

        Args:
            x: Array `(n, ...)` or batched dataset; the training data is the usual choice.
            kind: `"gaussian_mixture"`, of full covariances, or `"gaussian"`; for discrete codes
                `"categorical"`, of each position by itself. `None` for the first that the model's
                codes are fit for.
            seed: Integer that the result follows from; `None` draws one.
            batch_size: Examples at a time, for arrays.
            **options: Of the kind. `num_components=10` of the mixture may be several numbers, such
                as `(5, 10, 20)`; that with the lowest Bayesian information criterion is taken.
                `smoothing=1.0` of the categorical kind is how many examples of evenly used
                embeddings are added.

        Returns:
            The density; `self.fitted_prior` is it, too.

        Raises:
            ValueError: If there is no density of that kind for the model's codes, or there are too
                few codes.
            TypeError: If the kind has no such option.

        Reference:
            Ghosh et al., "From Variational to Deterministic Autoencoders", 2020: ex-post density
            estimation.
        """
        seed = random_seed() if seed is None else seed
        kind = self.prior_kinds[0] if kind is None else kind
        if kind not in self.prior_kinds:
            raise ValueError(
                f"`kind` must be one of {list(self.prior_kinds)}, which the codes of "
                f"{type(self).__name__} are fit for; received {kind!r}."
            )
        self._fitted.prior = self._density_of(x, kind, seed, batch_size, **options)
        return self._fitted.prior

    def forget_prior(self) -> None:
        """Drops what `fit_prior` has found: `generate` draws from the model's own prior again."""
        self._fitted.prior = None

    def _density_of(
        self, x: Any, kind: str, seed: int, batch_size: int, **options: Any
    ) -> priors.Prior:
        codes = self.draw_codes(x, seed, batch_size)
        return priors.fit(codes, kind, seed=seed, **options)

    def fit_threshold(
        self, x: Any, false_positive_rate: float = 0.01, batch_size: int = 256
    ) -> float:
        """Finds the anomaly score above which an example counts as an anomaly.

        Of n scores it takes the one of rank ceil((n + 1) * (1 - false_positive_rate)) from below.
        So a new normal example counts as an anomaly with a probability of at most
        `false_positive_rate`, for any n and any distribution, if it is exchangeable with `x`: drawn
        alike, and as little seen in training. (The mean is over the draw of `x`; the rate of one
        threshold scatters around it by about sqrt(rate / n).)

        The threshold is kept in `.keras` and weights files. It is of the weights that the model has
        now: fit it again after more training.

        Args:
            x: Normal data that was not trained on: array `(n, ...)` or batched dataset.
            false_positive_rate: Wanted part of normal examples that count as anomalies, in (0, 1).
            batch_size: Examples at a time, for arrays.

        Returns:
            The threshold, in the unit of `anomaly_score`; `self.threshold` is it, too.

        Raises:
            ValueError: If the rate is out of range, or there are too few examples for it:
                `1 / false_positive_rate - 1` are needed.

        Reference:
            Laxhammar and Falkman, "Conformal Prediction for Distribution-Independent Anomaly
            Detection in Streaming Vessel Data", 2010.
        """
        if not is_number(false_positive_rate) or not 0 < false_positive_rate < 1:
            raise ValueError(
                f"`false_positive_rate` must lie between 0 and 1; received {false_positive_rate!r}."
            )
        self._fitted.threshold = conformal_threshold(
            self.anomaly_score(x, batch_size), false_positive_rate
        )
        self._fitted.false_positive_rate = float(false_positive_rate)
        return self._fitted.threshold

    def is_anomaly(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Whether each example is an anomaly: its score is above the fitted threshold.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Booleans `(n,)`.

        Raises:
            ValueError: If no threshold is fitted.
        """
        if self.threshold is None:
            raise ValueError(
                "There is no threshold yet: call fit_threshold(x, false_positive_rate) with normal "
                "data that was not trained on."
            )
        return self.anomaly_score(x, batch_size) > self.threshold

    # ------------------------------------------------------------------ serialisation

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for name, array in self._fitted.arrays().items():
            store[name] = array

    def load_own_variables(self, store: Any) -> None:
        arrays = {key: store[key] for key in store.keys()}  # noqa: SIM118 - an HDF5 group
        self._fitted = _State.taken_from(arrays)
        super().load_own_variables(arrays)


def conformal_threshold(scores: np.ndarray, false_positive_rate: float) -> float:
    """The score that a new one exceeds with a probability of at most `false_positive_rate`.

    Args:
        scores: `(n,)`, of normal examples.
        false_positive_rate: In (0, 1).

    Raises:
        ValueError: If there are too few scores.
    """
    n = len(scores)
    # The margin keeps 0.9 * 10 from becoming 9.000000000000002.
    rank = math.ceil((n + 1) * (1 - false_positive_rate) - 1e-9)
    if rank > n:
        needed = math.ceil(1 / false_positive_rate - 1 - 1e-9)
        raise ValueError(
            f"A false-positive rate of {false_positive_rate:g} needs at least {needed} normal "
            f"examples; received {n}."
        )
    return float(np.partition(scores, rank - 1)[rank - 1])


class _State:
    """Not a tuple or dictionary, in which Keras would find a layer that a built model may not get.

    Attributes are those of `Fitted`.
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

    def arrays(self) -> dict[str, np.ndarray]:
        """What there is, by names such as "fitted_prior.gaussian.means"."""
        arrays = {}
        if self.prior is not None:
            for name, array in self.prior.parameters.items():
                arrays[f"{_PRIOR}{self.prior.kind}.{name}"] = array
        if self.threshold is not None:
            arrays[_THRESHOLD] = np.array([self.threshold, self.false_positive_rate])
        return arrays

    @classmethod
    def taken_from(cls, arrays: dict[str, Any]) -> _State:
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
