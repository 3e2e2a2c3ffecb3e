"""The maximum mean discrepancy: how far two samples are apart, as a pure function in the graph.

It computes in the dtype it is given; pass float32 or wider.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf


def squared_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean distance of every row of `x` `(n, d)` from every row of `y` `(m, d)`.

    Returns:
        Tensor `(n, m)`, never negative.
    """
    x_norm = tf.reduce_sum(tf.square(x), axis=-1)[:, None]
    y_norm = tf.reduce_sum(tf.square(y), axis=-1)[None, :]
    product = tf.matmul(x, y, transpose_b=True)
    return tf.maximum(x_norm + y_norm - 2.0 * product, 0.0)  # rounding may go below zero


def rbf_kernel(distances: tf.Tensor, bandwidths: float | Sequence[float] = 1.0) -> tf.Tensor:
    """`exp(-distance^2 / (2 bandwidth^2))`, the mean over the bandwidths.

    Args:
        distances: Squared distances, any shape.
        bandwidths: One or more positive lengths in the unit of the data. The median of the
            distances in the pooled sample is the usual choice for a test.
    """
    widths = bandwidths if isinstance(bandwidths, list | tuple) else [bandwidths]
    kernels = [tf.exp(distances / (-2.0 * width * width)) for width in widths]
    return tf.add_n(kernels) / len(kernels)


def inverse_multiquadratic_kernel(
    distances: tf.Tensor, scales: float | Sequence[float] = 1.0
) -> tf.Tensor:
    """`scale / (scale + distance^2)`, the sum over the scales.

    Its tails are heavier than the RBF's, so codes far from the prior still feel a pull.

    Args:
        distances: Squared distances, any shape.
        scales: One or more positive squared lengths. For codes of N(0, I) the paper takes
            `2 * latent_dim`, or that times each of 0.1, 0.2, 0.5, 1, 2, 5 and 10.

    Reference:
        Tolstikhin et al., "Wasserstein Auto-Encoders", 2018.
    """
    scales = scales if isinstance(scales, list | tuple) else [scales]
    return tf.add_n([scale / (scale + distances) for scale in scales])


def squared_mmd(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: Callable[[tf.Tensor], tf.Tensor] = rbf_kernel,
    unbiased: bool = True,
) -> tf.Tensor:
    """Estimates the squared maximum mean discrepancy of the distributions of two samples.

    Args:
        x: Sample `(n, d)`.
        y: Sample `(m, d)`.
        kernel: From squared distances to kernel values, of the same shape: one of the kernels here,
            with its lengths bound (`functools.partial`).
        unbiased: Whether each point is left out of its own mean. That estimate has the right
            expectation, so it is negative now and then, and needs two rows a sample; the other one
            is never negative.

    Returns:
        Scalar.

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012, lemma 6 and equation 5.
    """
    within = _mean_within(x, kernel, unbiased) + _mean_within(y, kernel, unbiased)
    return within - 2.0 * tf.reduce_mean(kernel(squared_distances(x, y)))


def _mean_within(x: tf.Tensor, kernel: Callable, unbiased: bool) -> tf.Tensor:
    row = tf.range(tf.shape(x)[0])
    # Not `tf.linalg.set_diag`, whose gradient XLA compiles for shapes known beforehand only.
    apart = tf.cast(row[:, None] != row[None, :], x.dtype)
    n = tf.cast(tf.shape(x)[0], x.dtype)
    # Of a point from itself the distance is zero, whatever rounding says.
    values = kernel(squared_distances(x, x) * apart)
    if not unbiased:
        return tf.reduce_sum(values) / (n * n)
    return tf.math.divide_no_nan(tf.reduce_sum(values * apart), n * (n - 1.0))
