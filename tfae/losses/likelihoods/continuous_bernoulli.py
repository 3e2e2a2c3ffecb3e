"""Real numbers between 0 and 1."""

import keras
import tensorflow as tf

from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32

_SERIES_UP_TO = 0.5  # of logits; below it the closed forms lose digits


@keras.saving.register_keras_serializable("tfae")
class ContinuousBernoulli(Likelihood):
    """Independent elements in [0, 1] of density `c(p) p^x (1 - p)^(1 - x)`.

    The decoder gives the logits of `p`. This is what the Bernoulli loss becomes when it is
    normalised over the interval instead of its two ends; it can be negative. `p` is not the mean:
    that lies nearer to 1/2.

    Reference:
        Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in
        variational autoencoders", 2019.
    """

    support = (0.0, 1.0)
    link = "mean of the continuous Bernoulli"

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        # In terms of the logit t the density is exp(t x) t / (exp(t) - 1): the cross-entropy's own
        # normaliser cancels.
        return _log_partition(output) - output * target

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        distance = tf.abs(output)
        is_small = distance < _SERIES_UP_TO
        large = tf.where(is_small, tf.ones_like(distance), distance)
        lower = 1.0 / large - 1.0 / tf.math.expm1(large)  # of the logit -distance
        closed = tf.where(output > 0, 1.0 - lower, lower)
        small = tf.where(is_small, output, tf.zeros_like(output))
        square = tf.square(small)
        series = 0.5 + small * (1 / 12 - square * (1 / 720 - square * (1 / 30240)))
        return tf.where(is_small, series, closed)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        u = draws.uniform(tf.shape(output), seed, output.dtype)
        distance = tf.maximum(tf.abs(output), 1e-6)
        lower = -tf.math.log1p(u * tf.math.expm1(-distance)) / distance
        lower = tf.clip_by_value(lower, 0.0, 1.0)  # log1p(-1) of huge logits is infinite
        return tf.where(output > 0, 1.0 - lower, lower)


def _log_partition(logit: tf.Tensor) -> tf.Tensor:
    """The logarithm of the integral of exp(t x) over [0, 1], which is log((exp(t) - 1) / t)."""
    is_small = tf.abs(logit) < _SERIES_UP_TO
    large = tf.where(is_small, tf.ones_like(logit), logit)
    distance = tf.abs(large)
    closed = tf.nn.relu(large) + tf.math.log1p(-tf.exp(-distance)) - tf.math.log(distance)
    small = tf.where(is_small, logit, tf.zeros_like(logit))
    square = tf.square(small)
    series = 0.5 * small + square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440)))
    return tf.where(is_small, series, closed)
