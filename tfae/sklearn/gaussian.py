"""Fits a Gaussian to a table with missing values."""

import numpy as np

_MAX_DIM = 128  # Wider tables get a Gaussian of low rank: a full one takes time ~ dim^3.
_RANKS = (2, 4, 8, 16, 32, 64)
_CHUNK = 256  # rows at a time
_SHRINKAGE = (1.0, 5.0, 20.0, 80.0)  # in rows without correlations


def fit_gaussian(
    x: np.ndarray, truth: np.ndarray, iterations: int = 30, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits a Gaussian in the form of a linear autoencoder: x = mean + factors z + noise.

    The covariance is shrunk towards its diagonal, by the amount that fills held-out values best.
    That of more than 128 columns gets a low rank instead, chosen in the same way.

    Args:
        x: `(n, dim)`, NaN where a value is missing or held out; columns have a scale of about 1.
        truth: The same with the held-out values.
        iterations: Number of steps of expectation maximisation.
        seed: Decides which rows of a long table are used.

    Returns:
        The mean `(dim,)`, the factors `(dim, rank)`, and the variance of the noise `(dim,)`.
    """
    n, dim = x.shape
    most = max(20 * dim, 1000)
    if n > most:
        rows = np.random.default_rng(seed).permutation(n)[:most]
        x, truth = x[rows], truth[rows]
    held_out = np.isnan(x) & ~np.isnan(truth)
    fits, errors = [], []
    start = np.zeros(dim), np.eye(dim)
    for option in _RANKS if dim > _MAX_DIM else _SHRINKAGE:
        if dim > _MAX_DIM:
            *fit, filled = _low_rank(x, min(option, len(x) - 1), iterations)
        else:
            *start, filled = _maximised(x, *start, option, iterations)
            fit = start
        fits.append(fit)
        errors.append(np.sum((filled - truth)[held_out] ** 2))
        if errors[-1] > 1.02 * min(errors):  # more is not better
            break
    best = fits[int(np.argmin(errors))]
    return tuple(best) if dim > _MAX_DIM else _factored(*best)


def rank_of(dim: int) -> int:
    """Number of factors that `fit_gaussian` needs for a number of columns."""
    return dim if dim <= _MAX_DIM else _RANKS[-1]


def _maximised(
    x: np.ndarray, mean: np.ndarray, covariance: np.ndarray, strength: float, iterations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and covariance by expectation maximisation, and the filled table.

    The covariance has a prior that is worth `strength` rows without correlations.
    """
    n, dim = x.shape
    observed = ~np.isnan(x)
    values = np.where(observed, x, 0.0)
    filled = values
    for _ in range(iterations):
        precision = np.linalg.inv(covariance)
        filled = np.empty_like(values)
        scatter = np.zeros((dim, dim))
        for start in range(0, n, _CHUNK):
            rows = slice(start, start + _CHUNK)
            kept, hidden = observed[rows], ~observed[rows]
            error = np.where(kept, values[rows] - mean, 0.0)
            system = hidden[:, :, None] * precision * hidden[:, None, :]
            system += kept[:, :, None] * np.eye(dim)
            conditional = np.linalg.inv(system) * (hidden[:, :, None] & hidden[:, None, :])
            correction = np.einsum("bij,bj->bi", conditional, error @ precision)
            filled[rows] = np.where(kept, values[rows], mean - correction)
            scatter += conditional.sum(axis=0)
        mean = filled.mean(axis=0)
        deviation = filled - mean
        scatter += deviation.T @ deviation
        before = covariance
        variances = np.maximum(np.diag(scatter) / n, 1e-6)
        covariance = (scatter + strength * np.diag(variances)) / (n + strength)
        if np.abs(covariance - before).max() < 1e-3:
            break
    return mean, covariance, filled


def _factored(mean: np.ndarray, covariance: np.ndarray) -> tuple:
    """Splits a covariance into factors and as much independent noise as possible."""
    conditional = 1 / np.diag(np.linalg.inv(covariance))
    scale = np.sqrt(conditional)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    share = max(0.999 * values[0], 1e-6)
    factors = scale[:, None] * vectors * np.sqrt(np.maximum(values - share, 0.0))
    return mean, factors, share * conditional


def _low_rank(x: np.ndarray, rank: int, iterations: int) -> tuple:
    """Mean, principal factors and noise, by filling and fitting in turn; and the filled table."""
    observed = ~np.isnan(x)
    count = np.maximum(observed.sum(axis=0), 1)
    mean = np.where(observed, x, 0.0).sum(axis=0) / count
    filled = np.where(observed, x, mean)
    for _ in range(iterations):
        mean = filled.mean(axis=0)
        _, singular, vectors = np.linalg.svd(filled - mean, full_matrices=False)
        variances = singular**2 / len(x)
        noise = max(variances[rank:].sum() / (x.shape[1] - rank), 1e-4)
        factors = vectors[:rank].T * np.sqrt(np.maximum(variances[:rank] - noise, 0.0))
        system = np.eye(rank) + factors.T @ factors / noise
        z = np.linalg.solve(system, factors.T @ (filled - mean).T / noise)
        filled = np.where(observed, x, mean + (factors @ z).T)
    return mean, factors, np.full(x.shape[1], noise), filled
