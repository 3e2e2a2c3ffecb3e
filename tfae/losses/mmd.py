"""The maximum mean discrepancy, a distance between two samples: pure TensorFlow functions.

They compute in the dtype they are given; pass float32 or wider.
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
    return tf.maximum(x_norm + y_norm - 2.0 * product, 0.0)  # rounding may make it negative


def rbf_kernel(distances: tf.Tensor, bandwidths: float | Sequence[float] = 1.0) -> tf.Tensor:
    """`exp(-distance^2 / (2 bandwidth^2))`, averaged over the bandwidths.

    Args:
        distances: Squared distances, any shape.
        bandwidths: One or more positive lengths in the data's units. For a two-sample test the
            usual choice is the median distance in the pooled sample.
    """
    widths = bandwidths if isinstance(bandwidths, list | tuple) else [bandwidths]
    kernels = [tf.exp(distances / (-2.0 * width * width)) for width in widths]
    return tf.add_n(kernels) / len(kernels)


def inverse_multiquadratic_kernel(
    distances: tf.Tensor, scales: float | Sequence[float] = 1.0
) -> tf.Tensor:
    """`scale / (scale + distance^2)`, summed over the scales.

    Its tails are heavier than the RBF kernel's, so codes far from the prior still get a gradient.

    Args:
        distances: Squared distances, any shape.
        scales: One or more positive squared lengths. For the prior N(0, I) the paper takes
            `2 * latent_dim`, or that times each of 0.1, 0.2, 0.5, 1, 2, 5 and 10.

    Reference:
        Tolstikhin et al., "Wasserstein Auto-Encoders", 2018.
    """
    given = scales if isinstance(scales, Sequence) else [scales]
    return tf.add_n([scale / (scale + distances) for scale in given])


def squared_mmd(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: Callable[[tf.Tensor], tf.Tensor] = rbf_kernel,
    unbiased: bool = True,
) -> tf.Tensor:
    """Estimates the squared maximum mean discrepancy between two distributions from samples.

    Args:
        x: Sample `(n, d)`.
        y: Sample `(m, d)`.
        kernel: Maps squared distances to kernel values of the same shape: a kernel of this module,
            with its length scales bound by `functools.partial`.
        unbiased: Whether to leave out each point's kernel with itself. The unbiased estimate can be
            negative and needs at least two rows per sample; the biased one is never negative.

    Returns:
        Scalar.

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012, lemma 6 and equation 5.
    """
    within = _mean_within(x, kernel, unbiased) + _mean_within(y, kernel, unbiased)
    return within - 2.0 * tf.reduce_mean(kernel(squared_distances(x, y)))


def _mean_within(x: tf.Tensor, kernel: Callable, unbiased: bool) -> tf.Tensor:
    row = tf.range(tf.shape(x)[0])
    # Not `tf.linalg.set_diag`: XLA compiles its gradient only for static shapes.
    off_diagonal = tf.cast(row[:, None] != row[None, :], x.dtype)
    n = tf.cast(tf.shape(x)[0], x.dtype)
    # The distance of a point from itself is zero, which rounding may hide.
    values = kernel(squared_distances(x, x) * off_diagonal)
    if not unbiased:
        return tf.reduce_sum(values) / (n * n)
    return tf.math.divide_no_nan(tf.reduce_sum(values * off_diagonal), n * (n - 1.0))
