"""How much codes tell of the examples."""

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from tfae.arguments import whole_number
from tfae.evaluation import checks

_MAX_ELEMENTS = 2**21  # of the n x n matrix of log-densities, at a time


def mutual_information(mean: Any, log_variance: Any, num_samples: int = 1, seed: int = 0) -> float:
    """Estimates I(x; z) under q(z | x) for x drawn from n given examples.

    It is E[log q(z | x) - log q(z)], with q(z) the mean of all n densities, z being drawn from
    each. So neither it nor the estimate exceeds log n; where it comes close, more examples are
    needed to see more. The mean KL to the prior less this is the KL of q(z), the aggregate
    posterior, to the prior: a value to trust where this one is well below log n.

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
    log_norm = -0.5 * np.sum(math.log(2.0 * math.pi) + log_variance, axis=1)
    rows = max(1, _MAX_ELEMENTS // len(mean))
    total = 0.0
    for _ in range(num_samples):
        noise = rng.standard_normal(mean.shape)
        for start in range(0, len(mean), rows):
            part = np.arange(start, min(start + rows, len(mean)))
            log_of_all = log_norm - 0.5 * _squared_distances(part, noise, mean, log_variance)
            log_of_own = log_norm[part] - 0.5 * np.sum(noise[part] ** 2, axis=1)
            # Exactly: sharp posteriors leave nothing of the noise in a difference of codes.
            log_of_all[np.arange(len(part)), part] = log_of_own
            log_mean = logsumexp(log_of_all, axis=1) - math.log(len(mean))
            total += np.sum(log_of_own - log_mean)
    return min(float(total / (num_samples * len(mean))), math.log(len(mean)))  # rounding


def _squared_distances(
    part: np.ndarray, noise: np.ndarray, mean: np.ndarray, log_variance: np.ndarray
) -> np.ndarray:
    """Of a draw for each of `part` from all means, in their deviations, `(len(part), n)`.

    One dimension after the other, and as differences: products would cancel.
    """
    squares = np.zeros((len(part), len(mean)))
    shift = np.exp(0.5 * log_variance[part]) * noise[part]
    with np.errstate(over="ignore"):  # infinitely far is right
        inverse = np.minimum(np.exp(-0.5 * log_variance), 1e150)
        for k in range(mean.shape[1]):
            difference = mean[part, k, None] - mean[:, k]
            difference += shift[:, k, None]
            difference *= inverse[:, k]
            squares += np.square(difference, out=difference)
    return squares
