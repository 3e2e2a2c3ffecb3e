"""Random numbers that likelihoods draw from, as functions of a seed."""

import tensorflow as tf


def uniform(shape: tf.Tensor, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Uniform numbers of (0, 1]: their logarithm is finite."""
    return 1.0 - tf.random.stateless_uniform(shape, seed, dtype=dtype, alg="philox")


def normal(shape: tf.Tensor, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Standard normal numbers."""
    return tf.random.stateless_normal(shape, seed, dtype=dtype, alg="philox")


def poisson(rate: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Poisson counts, one for each rate.

    TensorFlow's op has no `alg`: it runs on the CPU only, always with Philox.
    """
    # The op draws by rejection. Rates that a float cannot count up to might never be accepted.
    rate = tf.minimum(rate, 1e9)
    return tf.random.stateless_poisson(tf.shape(rate), seed, rate, dtype=rate.dtype)


def split(seed: tf.Tensor) -> list[tf.Tensor]:
    """Two independent seeds from one."""
    return tf.unstack(tf.random.split(seed, 2, alg="philox"))


def gamma(concentration: tf.Tensor, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Gamma numbers of rate 1, of one concentration; TensorFlow's op has no `alg`, as Poisson's."""
    concentration = tf.broadcast_to(concentration, shape)
    return tf.random.stateless_gamma(shape, seed, concentration, dtype=concentration.dtype)
