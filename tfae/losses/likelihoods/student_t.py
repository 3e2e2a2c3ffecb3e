"""Real numbers with many or far outliers."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class StudentT(Likelihood):
    """Independent elements of Student's t distribution around the decoder's output.

    Far outliers pull less than near ones. The variance is `scale^2 * n / (n - 2)` for n > 2 degrees
    of freedom, and infinite below; with very many degrees this is the Gaussian.

    Args:
        degrees_of_freedom: Shared by all elements, a positive number, or `"learned"`: one trainable
            number that starts at 5.
        scale: Shared by all elements, a positive float in the data's unit, or `"learned"`: one
            trainable scale that starts at 1.

    Raises:
        ValueError: If one is neither.
    """

    def __init__(self, degrees_of_freedom: float | str = 5.0, scale: float | str = 1.0, **kwargs):
        super().__init__(**kwargs)
        self._set_parameter("degrees_of_freedom", degrees_of_freedom, start=5.0)
        self._set_parameter("scale", scale)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        log_scale = self._log_parameter("scale", output.dtype)
        # One number; its two terms are as large as n log n and nearly cancel.
        n = tf.exp(self._log_parameter("degrees_of_freedom", tf.float64))
        constant = tf.math.lgamma(0.5 * n) - tf.math.lgamma(0.5 * n + 0.5)
        constant = tf.cast(constant + 0.5 * tf.math.log(math.pi * n), output.dtype)
        n = tf.cast(n, output.dtype)
        standardised = (target - output) * tf.exp(-log_scale)
        tail = tf.math.log1p(tf.square(standardised) / n)
        return 0.5 * (n + 1.0) * tail + log_scale + constant

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        """The centre: the mean for more than one degree of freedom, else the median."""
        return tf.identity(output)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws by Bailey's polar method, "Polar generation of random variates", 1994."""
        output = at_least_float32(output)
        scale = tf.exp(self._log_parameter("scale", output.dtype))
        n = tf.exp(self._log_parameter("degrees_of_freedom", output.dtype))
        u, v = (draws.uniform(tf.shape(output), part, output.dtype) for part in draws.split(seed))
        exponent = tf.minimum(-2.0 / n * tf.math.log(u), 80.0)  # e^80 is nearly all of float32
        radius = tf.sqrt(n) * tf.sqrt(tf.math.expm1(exponent))
        return output + scale * radius * tf.cos(2.0 * math.pi * v)

    def formula(self) -> dict[str, Any]:
        return {
            "term": "student_t",
            "degrees_of_freedom": self._parameter_now("degrees_of_freedom"),
            "scale": self._parameter_now("scale"),
        }

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "degrees_of_freedom": self.degrees_of_freedom,
            "scale": self.scale,
        }
