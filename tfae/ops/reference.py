"""The fused op in plain TensorFlow: the oracle in tests and the fallback without a kernel."""

import math

import tensorflow as tf

from tfae.ops.arguments import convert_arguments, sample_shape


def standard_normal(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws float32 noise that is the same in eager mode, in graphs and under XLA.

    `tf.random.stateless_normal` gives other numbers under XLA, although both use Philox; only the
    random bits agree. This function does with the bits what TensorFlow's CPU kernel does: each pair
    of words gives two normals by the method of Box and Muller (1958), the sine before the cosine.

    Args:
        shape: int64 vector.
        seed: int32 or int64 vector of two elements.

    Returns:
        float32 tensor of the given shape.
    """
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 3) // 4 * 2, 2], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    uniform = _in_unit_interval(bits)
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(uniform[:, 0], 1e-7)))
    angle = 2.0 * math.pi * uniform[:, 1]
    normal = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
    return tf.reshape(tf.reshape(normal, [-1])[:size], shape)


def standard_uniform(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws uniformly from [0, 1); otherwise like `standard_normal`."""
    return _in_unit_interval(
        tf.random.stateless_uniform(
            shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
    )


def _in_unit_interval(bits: tf.Tensor) -> tf.Tensor:
    """Floats in [0, 1) from 23 bits of each word: they fill the mantissa of a float in [1, 2)."""
    mantissa = tf.bitwise.bitwise_and(bits, tf.constant(0x7FFFFF, tf.uint32))
    one_to_two = tf.bitwise.bitwise_or(mantissa, tf.constant(0x3F800000, tf.uint32))
    return tf.bitcast(one_to_two, tf.float32) - 1.0


def gaussian_sample_kl_reference(
    mean: tf.Tensor,
    log_variance: tf.Tensor,
    seed: tf.Tensor,
    num_samples: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`gaussian_sample_kl` in plain TensorFlow: same arguments, same values, any derivative."""
    mean, log_variance, seed = convert_arguments(mean, log_variance, seed, num_samples)
    # Shapes may be known only at run time, and broadcasting would hide a mismatch.
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(
                tf.shape(mean),
                tf.shape(log_variance),
                "mean and log_variance must have the same shape",
            )
        ]
    ):
        dtype = mean.dtype
        compute_dtype = tf.float64 if dtype == tf.float64 else tf.float32
        mean = tf.cast(mean, compute_dtype)
        log_variance = tf.cast(log_variance, compute_dtype)
    noise = tf.cast(standard_normal(sample_shape(mean, num_samples), seed), compute_dtype)
    z = tf.cast(mean + tf.exp(0.5 * log_variance) * noise, dtype)
    kl = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=-1)
    return z, kl
