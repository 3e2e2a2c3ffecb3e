"""Densities that are fitted to codes after training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import finite_array, whole_number
from tfae.priors.fitted_categorical import FittedCategorical
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class FittedGaussianMixture(Prior):
    """A mixture of Gaussians with full covariances and constant parameters.

    `fit` estimates the parameters from codes; training does not change them.

    Args:
        probabilities: `(components,)`, positive, summing to 1.
        means: `(components, latent_dim)`.
        scale_trils: `(components, latent_dim, latent_dim)`: lower triangular L, where L L^T is the
            covariance of a component.
    """

    kind = "gaussian_mixture"

    def __init__(self, probabilities: Any, means: Any, scale_trils: Any, **kwargs):
        super().__init__(**kwargs)
        self.probabilities = np.asarray(probabilities, np.float64)
        self.means = np.asarray(means, np.float64)
        self.scale_trils = np.asarray(scale_trils, np.float64)
        self.build((None, self.means.shape[-1]))

    @classmethod
    def fit(
        cls, codes: np.ndarray, num_components: int | Sequence[int] = 10, seed: int = 0
    ) -> FittedGaussianMixture:
        """Fits a mixture by expectation maximisation.

        Args:
            codes: `(n, latent_dim)`, at least 2 and as many as components.
            num_components: Number of Gaussians, or several numbers to choose from: the one with the
                lowest Bayesian information criterion (BIC) is taken.
            seed: Integer seed of the initial means.

        Raises:
            ValueError: If there are too few codes, or some are not finite.
        """
        from sklearn.mixture import GaussianMixture

        advice = "Check the data, and whether the training loss became NaN."
        codes = finite_array("codes", codes, advice=advice)
        if codes.ndim != 2:
            raise ValueError(
                f"`codes` must have shape (n, latent_dim); received shape {codes.shape}."
            )
        numbers = [num_components] if np.ndim(num_components) == 0 else list(num_components)
        numbers = [whole_number("num_components", k, minimum=1) for k in numbers]
        if not numbers:
            raise ValueError("`num_components` must hold at least one number; received none.")
        if len(codes) < max(2, *numbers):
            raise ValueError(
                f"A mixture of {max(numbers)} Gaussians needs at least {max(2, *numbers)} codes; "
                f"received {len(codes)}."
            )
        # Standardised, so that the floor under the variances suits every dimension.
        centre, scale = codes.mean(axis=0), np.maximum(codes.std(axis=0), 1e-6)
        standardised = (codes - centre) / scale
        mixtures = [GaussianMixture(k, random_state=seed).fit(standardised) for k in numbers]
        best = min(mixtures, key=lambda mixture: mixture.bic(standardised))
        trils = np.linalg.cholesky(best.covariances_)
        return cls(best.weights_, best.means_ * scale + centre, trils * scale[:, None])

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The constructor's arguments by name."""
        names = ("probabilities", "means", "scale_trils")
        return {name: getattr(self, name) for name in names}

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        seed = tf.cast(seed, tf.int64)
        noise = tf.random.stateless_normal([n, self.latent_dim], seed, alg="philox")
        choice_seed = tf.random.fold_in(seed, 1, alg="philox")
        uniform = tf.random.stateless_uniform([n, 1], choice_seed, alg="philox")
        # Without the last bound: rounding must not leave a code without a component.
        bounds = tf.constant(np.cumsum(self.probabilities)[:-1], tf.float32)
        component = tf.reduce_sum(tf.cast(uniform >= bounds, tf.int32), axis=-1, keepdims=True)
        codes = tf.zeros_like(noise)
        for k, (mean, tril) in enumerate(zip(self.means, self.scale_trils, strict=True)):
            drawn = tf.constant(mean, tf.float32) + noise @ tf.constant(tril.T, tf.float32)
            codes = tf.where(component == k, drawn, codes)
        return codes

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        code = tf.convert_to_tensor(code)
        log_densities = []
        for probability, mean, tril in zip(
            self.probabilities, self.means, self.scale_trils, strict=True
        ):
            whitening = tf.constant(np.linalg.inv(tril).T, code.dtype)
            log_scale = np.log(np.diagonal(tril)).sum()
            log_norm = math.log(probability) - log_scale - 0.5 * len(mean) * math.log(2.0 * math.pi)
            white = tf.tensordot(code - tf.constant(mean, code.dtype), whitening, 1)
            log_densities.append(log_norm - 0.5 * tf.reduce_sum(tf.square(white), axis=-1))
        return tf.reduce_logsumexp(tf.stack(log_densities), axis=0)

    def get_config(self) -> dict:
        lists = {name: array.tolist() for name, array in self.parameters.items()}
        return {**super().get_config(), **lists}


@keras.saving.register_keras_serializable("tfae.priors")
class FittedGaussian(FittedGaussianMixture):
    """A single Gaussian with a full covariance: `FittedGaussianMixture` with one component."""

    kind = "gaussian"

    @classmethod
    def fit(cls, codes: np.ndarray, seed: int = 0) -> FittedGaussian:
        """Estimates the mean and the covariance of codes `(n, latent_dim)`."""
        return super().fit(codes, 1, seed)


FITTED = {cls.kind: cls for cls in (FittedCategorical, FittedGaussian, FittedGaussianMixture)}
"""The densities by the `kind` of `fit_prior`; a new one needs `kind`, `fit` and `parameters`."""


def fit(codes: np.ndarray, kind: str, **options: Any) -> Prior:
    """Fits a density to codes.

    Args:
        codes: `(n, latent_dim)` for the Gaussian kinds, indices for the categorical one.
        kind: A name in `FITTED`.
        **options: Passed to the density's `fit`.

    Raises:
        ValueError: If there is no density of that name, or it cannot be fitted to the codes.
    """
    if kind not in FITTED:
        raise ValueError(f"`kind` must be one of {sorted(FITTED)}; received {kind!r}.")
    return FITTED[kind].fit(codes, **options)
