"""Computes each feature's range, mean and standard deviation in one pass over the examples."""

import numpy as np

from tfae.data.examples import Examples


def extremes(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Returns each feature's minimum and maximum, float64 of the shape of one example."""
    low, high = np.full(examples.shape, np.inf), np.full(examples.shape, -np.inf)
    for x in examples.parts():
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
    return low, high


def moments(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Returns each feature's mean and standard deviation, float64 of the shape of one example.

    A feature that never changes has a standard deviation of exactly zero.

    Reference:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        variances", 1979.
    """
    count, mean, squares = 0, np.zeros(examples.shape), np.zeros(examples.shape)
    low, high = np.full(examples.shape, np.inf), np.full(examples.shape, -np.inf)
    for part in examples.parts():
        x = part.astype(np.float64)
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
        part_mean = x.mean(axis=0)
        total, difference = count + len(x), part_mean - mean
        squares += np.square(x - part_mean).sum(axis=0)
        squares += np.square(difference) * (count * len(x) / total)
        mean += difference * (len(x) / total)
        count = total
    # Rounding gives a constant feature a tiny deviation; dividing by it would amplify noise.
    return mean, np.where(high > low, np.sqrt(squares / count), 0.0)
