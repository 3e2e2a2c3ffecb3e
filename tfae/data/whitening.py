"""Whitening, which removes the correlations in data, and its inverse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfae.arguments import finite_array, positive


class Whitening(NamedTuple):
    """Zero-phase whitening (ZCA), which gives all directions of the data the same variance.

    `Whitening.fit` makes one. Call it to whiten patches; `inverse` undoes that.

    Attributes:
        mean: Mean of the data, `(dimension,)`.
        matrix: The whitening matrix, symmetric, `(dimension, dimension)`.
        inverse_matrix: Its inverse.

    Reference:
        Bell and Sejnowski, "The 'independent components' of natural scenes are edge filters", 1997.
    """

    mean: np.ndarray
    matrix: np.ndarray
    inverse_matrix: np.ndarray

    @classmethod
    def fit(cls, patches: np.ndarray, regularisation: float = 0.01) -> Whitening:
        """Computes the whitening from the patches' mean and covariance.

        Args:
            patches: `(n, ...)`.
            regularisation: Positive. This fraction of the mean variance is added to the variance
                of every direction, so that noise in weak directions is not amplified.

        Raises:
            ValueError: If there are fewer than two patches, they are all the same, or they hold NaN
                or infinity.
        """
        x = finite_array("patches", patches).reshape(len(patches), -1)
        positive("regularisation", regularisation)
        if len(x) < 2:
            raise ValueError(f"Whitening needs at least two patches; received {len(x)}.")
        mean = x.mean(axis=0)
        variances, directions = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
        variances = np.maximum(variances, 0) + regularisation * variances.mean()
        if not variances.min() > 0:
            raise ValueError("`patches` must differ; received patches that are all the same.")
        scales = np.sqrt(variances)
        return cls(
            mean.astype(np.float32),
            ((directions / scales) @ directions.T).astype(np.float32),
            ((directions * scales) @ directions.T).astype(np.float32),
        )

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Whitens patches `(n, ...)`."""
        flat = np.asarray(patches, np.float32).reshape(len(patches), -1)
        return ((flat - self.mean) @ self.matrix).reshape(np.shape(patches))

    def inverse(self, patches: np.ndarray) -> np.ndarray:
        """Restores the variances and the mean of whitened patches `(n, ...)`."""
        flat = np.asarray(patches, np.float32).reshape(len(patches), -1)
        return (flat @ self.inverse_matrix + self.mean).reshape(np.shape(patches))
