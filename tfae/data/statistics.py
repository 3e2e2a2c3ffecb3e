"""Computes each feature's range, mean and standard deviation in one pass over the examples.

NaN stands for a missing value, which counts nothing.
"""

import numpy as np

from tfae.data.examples import Examples


def extremes(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Returns each feature's minimum and maximum, float64 of the shape of one example."""
    low, high = np.full(examples.shape, np.inf), np.full(examples.shape, -np.inf)
    for x in examples.parts():
        low, high = _wider(low, high, x)
    return low, high


def moments(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Returns each feature's mean and standard deviation, float64 of the shape of one example.

    A feature that never changes has a standard deviation of exactly zero.

    Reference:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        variances", 1979.
    """
    count, mean, squares = (np.zeros(examples.shape) for _ in range(3))
    low, high = np.full(examples.shape, np.inf), np.full(examples.shape, -np.inf)
    for part in examples.parts():
        x = part.astype(np.float64)
        low, high = _wider(low, high, x)
        observed = np.count_nonzero(~np.isnan(x), axis=0)
        total = np.maximum(count + observed, 1)
        part_mean = np.nansum(x, axis=0) / np.maximum(observed, 1)
        difference = part_mean - mean
        squares += np.nansum(np.square(x - part_mean), axis=0)
        squares += np.square(difference) * (count * observed / total)
        mean += difference * (observed / total)
        count += observed
    # Rounding gives a constant feature a tiny deviation; dividing by it would amplify noise.
    return mean, np.where(high > low, np.sqrt(squares / np.maximum(count, 1)), 0.0)


def _wider(low: np.ndarray, high: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widens ranges to hold the values of `x` that are not missing."""
    return np.fmin(low, np.fmin.reduce(x, axis=0)), np.fmax(high, np.fmax.reduce(x, axis=0))
