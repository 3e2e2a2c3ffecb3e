"""How much codes tell of the examples."""

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from tfae.arguments import whole_number
from tfae.evaluation import checks

_CHUNK = 512  # rows of the n x n matrix of log-densities at a time


def mutual_information(mean: Any, log_variance: Any, num_samples: int = 1, seed: int = 0) -> float:
    """Estimates I(x; z) under q(z | x) for x drawn from n given examples.

    It is E[log q(z | x) - log q(z)], with q(z) the mean of all n densities, z being drawn from
    each. So it cannot exceed log n; where it comes close, more examples are needed to see more. The
    mean KL to the prior less this is the KL of q(z), the aggregate posterior, to the prior: a value
    to trust where this one is well below log n.

    Args:
        mean, log_variance: Of the Gaussian q(z | x), `(n, latent_dim)` each.
        num_samples: Draws an example, at least 1.
        seed: Of the draws.

    Returns:
        Nats.

    Raises:
        ValueError: If the two do not fit together, or `num_samples` is no such number.

    Reference:
        Hoffman and Johnson, "ELBO surgery: yet another way to carve up the variational evidence
        lower bound", 2016.
    """
    mean, log_variance = checks.pair(("mean", "log_variance"), (mean, log_variance), minimum=1)
    if len(mean) != len(log_variance):
        raise ValueError(
            "`mean` and `log_variance` must be of the same examples; received "
            f"{len(mean)} and {len(log_variance)}."
        )
    num_samples = whole_number("num_samples", num_samples, 1)
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(num_samples):
        noise = rng.standard_normal(mean.shape)
        z = mean + np.exp(0.5 * log_variance) * noise
        log_of_own = _log_norm(log_variance) - 0.5 * np.sum(noise**2, axis=1)
        for start in range(0, len(z), _CHUNK):
            part = slice(start, start + _CHUNK)
            log_of_all = _log_densities(z[part], mean, log_variance)
            log_mean = logsumexp(log_of_all, axis=1) - math.log(len(mean))
            total += np.sum(log_of_own[part] - log_mean)
    return float(total / (num_samples * len(mean)))


def _log_densities(z: np.ndarray, mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """log N(z_i; mean_j, exp(log_variance_j)), `(i, j)`, as matrix products."""
    precision = np.exp(-log_variance)
    squares = z**2 @ precision.T - 2.0 * z @ (precision * mean).T
    return _log_norm(log_variance) - 0.5 * (squares + np.sum(precision * mean**2, axis=1))


def _log_norm(log_variance: np.ndarray) -> np.ndarray:
    return -0.5 * np.sum(math.log(2.0 * math.pi) + log_variance, axis=1)
