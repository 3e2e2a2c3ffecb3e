"""Gaussian densities and divergences in closed form: pure functions, in nats.

They compute in the dtype they are given; pass float32 or wider.
"""

import math

import tensorflow as tf


def gaussian_kl_per_dimension(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of every dimension.

    Args:
        mean, log_variance: Tensors `[..., d]` of the same shape.

    Returns:
        Tensor of shape `[..., d]`, nats, never negative.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return 0.5 * (tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance)


def gaussian_kl(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """`gaussian_kl_per_dimension` summed over the last axis: shape `[...]`."""
    return tf.reduce_sum(gaussian_kl_per_dimension(mean, log_variance), axis=-1)


def gaussian_entropy(log_variance: tf.Tensor) -> tf.Tensor:
    """Entropy of N(mean, exp(log_variance)) for any mean: `[..., d]` to `[...]`, nats."""
    return 0.5 * tf.reduce_sum(1.0 + math.log(2.0 * math.pi) + log_variance, axis=-1)


def expected_gaussian_log_density(
    mean: tf.Tensor, log_variance: tf.Tensor, of_mean: tf.Tensor, of_log_variance: tf.Tensor
) -> tf.Tensor:
    """E[log N(z; of_mean, exp(of_log_variance))] for z ~ N(mean, exp(log_variance)).

    Args:
        mean, log_variance: Tensors `[..., d]` of the same shape.
        of_mean, of_log_variance: Tensors that broadcast against them.

    Returns:
        Tensor of shape `[...]`, nats.
    """
    spread = tf.reduce_sum(tf.exp(log_variance - of_log_variance), axis=-1)
    return gaussian_log_density(mean, of_mean, of_log_variance) - 0.5 * spread


def free_bits(kl_per_dimension: tf.Tensor, minimum: float) -> tf.Tensor:
    """Stops penalising dimensions whose mean KL over the batch is below `minimum`.

    Each dimension j contributes `max(minimum, mean over the batch of KL_j)`; a dimension below
    the floor gets no gradient.

    Args:
        kl_per_dimension: Tensor `(batch, d)`, nats.
        minimum: The floor in nats per dimension, zero or more.

    Returns:
        Tensor `(batch,)` whose mean is the floored sum. In dimensions above the floor each example
        keeps its own KL, so sample weights still have an effect.

    Reference:
        Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016,
        appendix C.8.
    """
    batch_mean = tf.reduce_mean(kl_per_dimension, axis=0, keepdims=True)
    floored = tf.where(batch_mean > minimum, kl_per_dimension, tf.zeros_like(batch_mean) + minimum)
    return tf.reduce_sum(floored, axis=-1)


def gaussian_log_density(
    x: tf.Tensor, mean: tf.Tensor | float, log_variance: tf.Tensor | float
) -> tf.Tensor:
    """log N(x; mean, exp(log_variance)), summed over the last axis, nats.

    Args:
        x: Tensor `[..., d]`.
        mean, log_variance: Tensors or numbers that broadcast against `x`.

    Returns:
        Tensor of shape `[...]`.
    """
    log_variance = tf.convert_to_tensor(log_variance, x.dtype)
    per_dimension = -0.5 * (
        math.log(2.0 * math.pi)
        + log_variance
        + tf.math.squared_difference(x, mean) * tf.exp(-log_variance)
    )
    return tf.reduce_sum(per_dimension, axis=-1)
