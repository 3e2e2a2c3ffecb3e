"""The Fréchet distance between Gaussians fitted to two samples."""

from typing import Any

import numpy as np
import scipy.linalg

from tfae.evaluation import checks


def frechet_distance(x: Any, y: Any) -> float:
    """Computes the squared Fréchet distance between Gaussians fitted to two samples of features.

    With the features of an Inception network it is known as FID. The estimate is biased upwards,
    less so for larger samples. So compare models with samples of the same size, well above the
    number of features.

    Args:
        x, y: Features `(n, d)` and `(m, d)`, two rows or more each.

    Raises:
        ValueError: If a sample is too small or not finite, or their numbers of columns differ.

    Reference:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium", 2017.
    """
    x, y = checks.pair(("x", "y"), (x, y), minimum=2)
    if x.shape[1] > max(len(x), len(y)):
        return _distance_of_wide_samples(x, y)
    return gaussian_frechet_distance(
        x.mean(axis=0), np.cov(x.T).reshape(2 * x.shape[1:]),
        y.mean(axis=0), np.cov(y.T).reshape(2 * y.shape[1:]),
    )  # fmt: skip


def _distance_of_wide_samples(x: np.ndarray, y: np.ndarray) -> float:
    """The same for fewer rows than columns, without the covariances, which would be larger.

    The trace of (A B)^(1/2) is the sum of the singular values of A^(1/2) B^(1/2). With A = X^T X
    and B = Y^T Y these are the singular values of X Y^T.
    """
    difference = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    x, y = ((a - a.mean(axis=0)) / np.sqrt(len(a) - 1) for a in (x, y))
    trace_of_root = scipy.linalg.svdvals(x @ y.T).sum()
    return float(difference + np.sum(x**2) + np.sum(y**2) - 2.0 * trace_of_root)


def gaussian_frechet_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """|mean_a - mean_b|^2 + trace(A + B - 2 (A B)^(1/2)), for covariances A and B.

    Args:
        mean_a, mean_b: `(d,)`.
        covariance_a, covariance_b: `(d, d)`, symmetric and positive semidefinite.

    Reference:
        Dowson and Landau, "The Fréchet Distance between Multivariate Normal Distributions", 1982.
    """
    # A B has the same eigenvalues as A^(1/2) B A^(1/2), which is symmetric, so they are real.
    values, vectors = scipy.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    product_values = scipy.linalg.eigvalsh(root @ covariance_b @ root)
    trace_of_root = np.sqrt(np.maximum(product_values, 0.0)).sum()
    difference = np.sum((mean_a - mean_b) ** 2)
    return float(difference + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * trace_of_root)
