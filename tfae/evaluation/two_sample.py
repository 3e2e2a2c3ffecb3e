"""The MMD two-sample test: do two samples come from the same distribution?"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.evaluation import checks
from tfae.losses.mmd import rbf_kernel, squared_distances


class TwoSampleTest(NamedTuple):
    """The result of the test.

    Attributes:
        squared_mmd: Unbiased estimate of the squared maximum mean discrepancy; for samples from
            the same distribution it is close to zero, and may be negative.
        p_value: Probability of at least this discrepancy between samples from the same
            distribution; a test at level 1 % rejects below 0.01.
    """

    squared_mmd: float
    p_value: float


def mmd_test(
    x: Any,
    y: Any,
    kernel: Callable[[tf.Tensor], tf.Tensor] | None = None,
    num_permutations: int = 1000,
    seed: int = 0,
) -> TwoSampleTest:
    """Tests with the maximum mean discrepancy whether two samples have the same distribution.

    It is a permutation test: the p-value is the fraction of random divisions of the pooled sample,
    including the given one, with at least the discrepancy of the given one. So the level is exact
    for any number of permutations, and the p-value is at least `1 / (num_permutations + 1)`.

    The matrix of kernel values is computed in blocks: memory grows with the number of rows, time
    with its square.

    Args:
        x: Sample `(n, d)`, for example the codes of test data; two rows or more.
        y: Sample `(m, d)`, for example draws from the prior; two rows or more.
        kernel: Maps squared distances to kernel values, as the kernels of `tfae.losses.mmd` do; by
            default the RBF kernel whose bandwidth is the median distance in the pooled sample, or
            in 2,000 random rows of it.
        num_permutations: Number of permutations, at least 1.
        seed: Integer seed of the permutations.

    Raises:
        ValueError: If the samples do not fit together, or `num_permutations` is below 1.

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012.
    """
    x, y = checks.pair(("x", "y"), (x, y), minimum=2)
    num_permutations = whole_number("num_permutations", num_permutations, 1)
    n, pooled = len(x), np.concatenate([x, y])
    pooled -= pooled.mean(axis=0)  # reduces rounding errors of the distances
    rng = np.random.default_rng(seed)
    in_x = np.zeros((num_permutations + 1, len(pooled)), np.uint8)
    in_x[:, :n] = 1
    in_x[1:] = rng.permuted(in_x[1:], axis=1)
    if kernel is None:
        some = pooled
        if len(pooled) > _ROWS_FOR_MEDIAN:
            some = pooled[rng.choice(len(pooled), _ROWS_FOR_MEDIAN, replace=False)]
        distances = squared_distances(tf.constant(some), tf.constant(some)).numpy()
        kernel = partial(rbf_kernel, bandwidths=median_distance(distances))
    found, largest = _squared_mmds(pooled, kernel, in_x, n)
    rounding = 1e-12 * largest  # smaller differences count as equal
    return TwoSampleTest(float(found[0]), float(np.mean(found >= found[0] - rounding)))


def _squared_mmds(
    pooled: np.ndarray, kernel: Callable, in_x: np.ndarray, n: int
) -> tuple[np.ndarray, float]:
    """Returns the estimate for each division of the pooled sample, and the largest kernel value.

    Args:
        pooled: Both samples, `(n + m, d)`.
        kernel: As for `mmd_test`.
        in_x: For each division, ones for the rows that it assigns to x and zeros for the others,
            `(divisions, n + m)`.
        n: Number of ones in each division.
    """
    m = len(pooled) - n
    within_x, with_x = np.zeros(len(in_x)), np.zeros(len(in_x))
    total = largest = 0.0
    all_rows = tf.constant(pooled)
    size = max(1, _MAX_ELEMENTS // len(pooled))
    for start in range(0, len(pooled), size):
        block = np.arange(start, min(start + size, len(pooled)))
        values = np.array(kernel(squared_distances(all_rows, tf.constant(pooled[block]))))
        values[block, np.arange(len(block))] = 0.0  # without pairs of a point with itself
        total += values.sum()
        largest = max(largest, values.max())
        for first in range(0, len(in_x), size):
            part = slice(first, first + size)
            sums = in_x[part].astype(values.dtype) @ values
            within_x[part] += np.sum(sums * in_x[part, block], axis=1)
            with_x[part] += sums.sum(axis=1)
    between = with_x - within_x
    within_y = total - within_x - 2.0 * between
    found = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2.0 * between / (n * m)
    return found, largest


def median_distance(squared: np.ndarray) -> float:
    """The median distance between different rows, from the square matrix of squared distances.

    It is 1 if the median is zero, as when more than half of the distances are.
    """
    return float(np.sqrt(np.median(squared[np.triu_indices(len(squared), 1)]))) or 1.0


_MAX_ELEMENTS = 2**22  # at a time, of the matrix of kernel values
_ROWS_FOR_MEDIAN = 2000
