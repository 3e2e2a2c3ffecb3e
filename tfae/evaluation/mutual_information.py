"""The mutual information of examples and codes."""

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from tfae.arguments import whole_number
from tfae.evaluation import checks

_MAX_ELEMENTS = 2**21  # at a time, of the n x n matrix of log-densities


def mutual_information(mean: Any, log_variance: Any, num_samples: int = 1, seed: int = 0) -> float:
    """Estimates I(x; z) under q(z | x) for x drawn from n given examples.

    This is E[log q(z | x) - log q(z)], where q(z), the aggregate posterior, is the mean of all n
    densities. Neither the value nor the estimate can exceed log n; if the estimate comes close to
    it, use more examples. The mean KL to the prior minus the mutual information is the KL of q(z)
    to the prior, which is reliable if the mutual information is well below log n.

    Args:
        mean, log_variance: Parameters of the Gaussian q(z | x), `(n, latent_dim)` each.
        num_samples: Number of samples per example, at least 1.
        seed: Integer seed of the samples.

    Returns:
        The estimate in nats.

    Raises:
        ValueError: If the shapes of the two differ, or `num_samples` is below 1.

    Reference:
        Hoffman and Johnson, "ELBO surgery: yet another way to carve up the variational evidence
        lower bound", 2016.
    """
    mean, log_variance = checks.pair(("mean", "log_variance"), (mean, log_variance), minimum=1)
    if len(mean) != len(log_variance):
        raise ValueError(
            "`mean` and `log_variance` must have the same number of rows; received "
            f"{len(mean)} and {len(log_variance)}."
        )
    num_samples = whole_number("num_samples", num_samples, 1)
    rng = np.random.default_rng(seed)
    log_norm = -0.5 * np.sum(math.log(2.0 * math.pi) + log_variance, axis=1)
    rows = max(1, _MAX_ELEMENTS // len(mean))
    total = 0.0
    for _ in range(num_samples):
        noise = rng.standard_normal(mean.shape)
        for start in range(0, len(mean), rows):
            part = np.arange(start, min(start + rows, len(mean)))
            log_densities = log_norm - 0.5 * _squared_distances(part, noise, mean, log_variance)
            log_own_density = log_norm[part] - 0.5 * np.sum(noise[part] ** 2, axis=1)
            # From the noise itself, which rounding may remove from codes of narrow posteriors.
            log_densities[np.arange(len(part)), part] = log_own_density
            log_mean = logsumexp(log_densities, axis=1) - math.log(len(mean))
            total += np.sum(log_own_density - log_mean)
    return min(float(total / (num_samples * len(mean))), math.log(len(mean)))  # rounding


def _squared_distances(
    part: np.ndarray, noise: np.ndarray, mean: np.ndarray, log_variance: np.ndarray
) -> np.ndarray:
    """Squared distances, in standard deviations, of samples from all means, `(len(part), n)`.

    There is one sample for each row in `part`. Distances are sums of squared differences, one
    dimension at a time: products would lose digits by cancellation.
    """
    squares = np.zeros((len(part), len(mean)))
    shift = np.exp(0.5 * log_variance[part]) * noise[part]
    with np.errstate(over="ignore"):  # an infinite distance is right
        inverse = np.minimum(np.exp(-0.5 * log_variance), 1e150)
        for k in range(mean.shape[1]):
            difference = mean[part, k, None] - mean[:, k]
            difference += shift[:, k, None]
            difference *= inverse[:, k]
            squares += np.square(difference, out=difference)
    return squares
