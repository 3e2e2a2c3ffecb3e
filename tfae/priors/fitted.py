"""Densities fitted to codes, for models whose training has no prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.priors.fitted_categorical import FittedCategorical
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class FittedGaussianMixture(Prior):
    """A mixture of Gaussians with full covariances, of parameters that are given.

    `fit` estimates them from codes; they are constants, which no training changes.

    Args:
        probabilities: `(components,)`, positive, with the sum 1.
        means: `(components, latent_dim)`.
        scale_trils: `(components, latent_dim, latent_dim)`: lower triangular L, with the covariance
            L L^T of each component.
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
            codes: `(n, latent_dim)`, of more rows than components.
            num_components: How many Gaussians, or several numbers, of which the one with the lowest
                Bayesian information criterion (BIC) is taken.
            seed: Of the first means.

        Raises:
            ValueError: If there are fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture

        codes = np.asarray(codes, np.float64)
        if codes.ndim != 2:
            raise ValueError(
                f"A Gaussian is fitted to codes (n, latent_dim); received shape {codes.shape}."
            )
        if not np.isfinite(codes).all():
            bad = np.count_nonzero(~np.isfinite(codes).all(axis=1))
            raise ValueError(
                f"A density is fitted to finite codes; {bad} of {len(codes)} hold NaN or infinite "
                "values. Look at the data, or at a training whose loss became NaN."
            )
        numbers = [num_components] if np.ndim(num_components) == 0 else list(num_components)
        numbers = [whole_number("num_components", k, minimum=1) for k in numbers]
        if not numbers:
            raise ValueError("`num_components` must name one number at least; received none.")
        if len(codes) < max(2, *numbers):
            raise ValueError(
                f"A mixture of {max(numbers)} Gaussians needs at least {max(2, *numbers)} codes; "
                f"received {len(codes)}."
            )
        # Of one scale, so that the floor under the variances means the same for every dimension.
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
        # The last bound is left out: rounding must not leave a code without a component.
        bounds = tf.constant(np.cumsum(self.probabilities)[:-1], tf.float32)
        component = tf.reduce_sum(tf.cast(uniform >= bounds, tf.int32), axis=-1, keepdims=True)
        codes = tf.zeros_like(noise)
        for k, (mean, tril) in enumerate(zip(self.means, self.scale_trils, strict=True)):
            drawn = tf.constant(mean, tf.float32) + noise @ tf.constant(tril.T, tf.float32)
            codes = tf.where(component == k, drawn, codes)
        return codes

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        code = tf.convert_to_tensor(code)
        of_components = []
        for probability, mean, tril in zip(
            self.probabilities, self.means, self.scale_trils, strict=True
        ):
            whitening = tf.constant(np.linalg.inv(tril).T, code.dtype)
            log_scale = np.log(np.diagonal(tril)).sum()
            log_norm = math.log(probability) - log_scale - 0.5 * len(mean) * math.log(2.0 * math.pi)
            white = tf.tensordot(code - tf.constant(mean, code.dtype), whitening, 1)
            of_components.append(log_norm - 0.5 * tf.reduce_sum(tf.square(white), axis=-1))
        return tf.reduce_logsumexp(tf.stack(of_components), axis=0)

    def get_config(self) -> dict:
        lists = {name: array.tolist() for name, array in self.parameters.items()}
        return {**super().get_config(), **lists}


@keras.saving.register_keras_serializable("tfae.priors")
class FittedGaussian(FittedGaussianMixture):
    """One Gaussian with a full covariance: `FittedGaussianMixture` of one component."""

    kind = "gaussian"

    @classmethod
    def fit(cls, codes: np.ndarray, seed: int = 0) -> FittedGaussian:
        """Takes the mean and the covariance of the codes, `(n, latent_dim)`."""
        return super().fit(codes, 1, seed)


FITTED = {cls.kind: cls for cls in (FittedCategorical, FittedGaussian, FittedGaussianMixture)}
"""Densities by the `kind` of `fit_prior`: a new one is a class with `fit` and `parameters`."""


def fit(codes: np.ndarray, kind: str, **options: Any) -> Prior:
    """Fits a density to codes.

    Args:
        codes: As the density takes them: `(n, latent_dim)` for the Gaussian ones, indices for
            the categorical one.
        kind: A name in `FITTED`.
        **options: Of the `fit` of that density.

    Raises:
        ValueError: If there is no density of that name, or the codes are not fit for it.
    """
    if kind not in FITTED:
        raise ValueError(f"`kind` must be one of {sorted(FITTED)}; received {kind!r}.")
    return FITTED[kind].fit(codes, **options)
