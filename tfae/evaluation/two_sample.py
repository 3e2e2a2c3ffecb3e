"""Whether two samples come from one distribution."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.evaluation import checks
from tfae.losses.mmd import rbf_kernel, squared_distances


class TwoSampleTest(NamedTuple):
    """What the test says.

    Attributes:
        squared_mmd: Unbiased estimate of the squared maximum mean discrepancy; about zero, and
            negative now and then, for samples of one distribution.
        p_value: Probability of at least this discrepancy between samples of one distribution; the
            test of level 1 % rejects below 0.01.
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
    """Tests by the maximum mean discrepancy whether two samples come from one distribution.

    The labels "of x" and "of y" are permuted; the p-value is the part of the permutations, the
    given one counted in, whose discrepancy is not smaller. So the level is exact for any number of
    permutations, and the p-value never below `1 / (num_permutations + 1)`.

    Args:
        x: Sample `(n, d)`, for example the codes of test data; two rows or more.
        y: Sample `(m, d)`, for example draws from the prior; two rows or more.
        kernel: From squared distances to kernel values, as those of `tfae.losses.mmd`; by default
            the RBF kernel with the median distance of the pooled sample, or of 2,000 random rows
            of it.
        num_permutations: Permutations to draw, at least 1.
        seed: Of the permutations.

    The matrix of kernel values is made in blocks: the memory grows with the number of rows, the
    time with its square.

    Raises:
        ValueError: If the samples do not fit, or `num_permutations` is no such number.

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012.
    """
    x, y = checks.pair(("x", "y"), (x, y), minimum=2)
    num_permutations = whole_number("num_permutations", num_permutations, 1)
    n, pooled = len(x), np.concatenate([x, y])
    pooled -= pooled.mean(axis=0)  # distances are differences of products
    rng = np.random.default_rng(seed)
    of_x = np.zeros((num_permutations + 1, len(pooled)), np.uint8)
    of_x[:, :n] = 1
    of_x[1:] = rng.permuted(of_x[1:], axis=1)
    if kernel is None:
        some = pooled
        if len(pooled) > _ROWS_FOR_MEDIAN:
            some = pooled[rng.choice(len(pooled), _ROWS_FOR_MEDIAN, replace=False)]
        distances = squared_distances(tf.constant(some), tf.constant(some)).numpy()
        kernel = partial(rbf_kernel, bandwidths=median_distance(distances))
    found, largest = _squared_mmds(pooled, kernel, of_x, n)
    rounding = 1e-12 * largest  # divisions that are equal but for it count as equal
    return TwoSampleTest(float(found[0]), float(np.mean(found >= found[0] - rounding)))


def _squared_mmds(
    pooled: np.ndarray, kernel: Callable, of_x: np.ndarray, n: int
) -> tuple[np.ndarray, float]:
    """The estimate of each division of the pooled sample, and the largest kernel value.

    Args:
        pooled: Both samples, `(n + m, d)`.
        kernel: As for `mmd_test`.
        of_x: Zeros and ones, a row for each division, `(divisions, n + m)`.
        n: Number of ones in each.
    """
    m = len(pooled) - n
    within_x, with_x = np.zeros(len(of_x)), np.zeros(len(of_x))
    total = largest = 0.0
    all_rows = tf.constant(pooled)
    size = max(1, _MAX_ELEMENTS // len(pooled))
    for start in range(0, len(pooled), size):
        block = np.arange(start, min(start + size, len(pooled)))
        values = np.array(kernel(squared_distances(all_rows, tf.constant(pooled[block]))))
        values[block, np.arange(len(block))] = 0.0  # pairs of a point with itself are left out
        total += values.sum()
        largest = max(largest, values.max())
        for first in range(0, len(of_x), size):
            part = slice(first, first + size)
            sums = of_x[part].astype(values.dtype) @ values
            within_x[part] += np.sum(sums * of_x[part, block], axis=1)
            with_x[part] += sums.sum(axis=1)
    between = with_x - within_x
    within_y = total - within_x - 2.0 * between
    found = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2.0 * between / (n * m)
    return found, largest


def median_distance(squared: np.ndarray) -> float:
    """The median distance of different rows, from the square matrix of squared distances.

    One where more than half of the rows are the same, for there is no length to see then.
    """
    return float(np.sqrt(np.median(squared[np.triu_indices(len(squared), 1)]))) or 1.0


_MAX_ELEMENTS = 2**22  # of the matrix of kernel values, at a time
_ROWS_FOR_MEDIAN = 2000
