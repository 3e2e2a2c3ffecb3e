"""Counts."""

from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods import counts, draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class Poisson(Likelihood):
    """Independent Poisson counts; the decoder gives the logarithm of the mean.

    The variance is the mean. Counts that scatter more are for `NegativeBinomial`. From an output of
    11 on, a mean of 60,000, the mean grows along a straight line, so that nothing overflows.
    """

    support = (0.0, float("inf"))
    integers = True
    link = "exponential"

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        log_mean = counts.log_mean(output)
        log_ratio = counts.log_ratio(target, log_mean)
        deviance = tf.where(
            target > 0, target * (tf.math.expm1(log_ratio) - log_ratio), counts.mean(output)
        )
        return deviance + counts.log_factorial_remainder(target)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return counts.mean(at_least_float32(output))

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return draws.poisson(counts.mean(at_least_float32(output)), seed)

    def formula(self) -> dict[str, Any]:
        return {"term": "poisson"}
