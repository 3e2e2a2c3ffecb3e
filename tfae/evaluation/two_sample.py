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
            the RBF kernel with the median distance of the pooled sample.
        num_permutations: Permutations to draw, at least 1.
        seed: Of the permutations.

    Raises:
        ValueError: If the samples do not fit, or `num_permutations` is no such number.

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012.
    """
    x, y = checks.pair(("x", "y"), (x, y), minimum=2)
    num_permutations = whole_number("num_permutations", num_permutations, 1)
    n, pooled = len(x), np.concatenate([x, y])
    distances = squared_distances(tf.constant(pooled), tf.constant(pooled))
    kernel = kernel or partial(rbf_kernel, bandwidths=median_distance(distances.numpy()))
    values = kernel(distances).numpy()
    np.fill_diagonal(values, 0.0)  # the unbiased estimate leaves out pairs of a point with itself

    rng = np.random.default_rng(seed)
    of_x = np.zeros((num_permutations + 1, len(pooled)))
    of_x[:, :n] = 1.0
    of_x[1:] = rng.permuted(of_x[1:], axis=1)
    found = _squared_mmds(values, of_x, n)
    rounding = 1e-12 * values.max()  # divisions that are equal but for it count as equal
    return TwoSampleTest(float(found[0]), float(np.mean(found >= found[0] - rounding)))


def _squared_mmds(values: np.ndarray, of_x: np.ndarray, n: int) -> np.ndarray:
    """The estimate of each division of the pooled sample, a row of zeros and ones each."""
    m = len(values) - n
    sums = of_x @ values
    within_x, with_x = np.sum(sums * of_x, axis=1), sums.sum(axis=1)
    between = with_x - within_x
    within_y = values.sum() - within_x - 2.0 * between
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2.0 * between / (n * m)


def median_distance(squared: np.ndarray) -> float:
    """The median distance of different rows, from the square matrix of squared distances.

    One where more than half of the rows are the same, for there is no length to see then.
    """
    return float(np.sqrt(np.median(squared[np.triu_indices(len(squared), 1)]))) or 1.0
