"""Counts that scatter more than Poisson's."""

from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods import counts, draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class NegativeBinomial(Likelihood):
    """Independent negative binomial counts; the decoder gives the logarithm of the mean.

    The variance is `mean + dispersion * mean^2`: small dispersions come close to `Poisson`, and 1
    is the geometric distribution. `1 / dispersion` is the number of failures of the textbooks, the
    `n` of SciPy. From an output of 11 on, the mean grows along a straight line, as Poisson's.

    Args:
        dispersion: Shared by all elements, a positive number, or `"learned"`: one trainable number
            that starts at 1.

    Raises:
        ValueError: If `dispersion` is neither.
    """

    support = (0.0, float("inf"))
    integers = True
    link = "exponential"

    def __init__(self, dispersion: float | str = "learned", **kwargs):
        super().__init__(**kwargs)
        self._set_parameter("dispersion", dispersion)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        log_failures = -self._log_parameter("dispersion", output.dtype)
        failures = tf.exp(log_failures)
        remainder = counts.log_factorial_remainder
        constant = remainder(target + failures) - remainder(failures) - remainder(target)
        deviance = _deviance(target, output, failures, log_failures)
        return deviance - constant + tf.math.log1p(target / failures)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return counts.mean(at_least_float32(output))

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mean = counts.mean(at_least_float32(output))
        failures = tf.exp(-self._log_parameter("dispersion", mean.dtype))
        of_rate, of_count = draws.split(seed)
        rate = draws.gamma(failures, tf.shape(mean), of_rate) * mean / failures
        return draws.poisson(rate, of_count)

    def formula(self) -> dict[str, Any]:
        return {"term": "negative_binomial", "dispersion": self._parameter_now("dispersion")}

    def get_config(self) -> dict:
        return {**super().get_config(), "dispersion": self.dispersion}


def _deviance(
    count: tf.Tensor, output: tf.Tensor, failures: tf.Tensor, log_failures: tf.Tensor
) -> tf.Tensor:
    """`(x + r) log((m + r) / (x + r)) - x log(m / x)`, in the form whose terms do not cancel."""
    log_mean = counts.log_mean(output)
    log_ratio = counts.log_ratio(count, log_mean)
    excess = tf.where(count > 0, count * tf.math.expm1(log_ratio), counts.mean(output))
    # What `tf.where` leaves out must be finite, too, or its gradient is not a number.
    total = count + tf.maximum(failures, count)
    for_few = total * tf.math.log1p(excess / total) - count * log_ratio
    of_mean = tf.nn.softplus(log_failures - log_mean)
    of_count = tf.nn.softplus(log_failures - (log_mean - log_ratio))
    for_many = failures * log_ratio + (count + failures) * (of_mean - of_count)
    return tf.where(count > failures, for_many, for_few)
