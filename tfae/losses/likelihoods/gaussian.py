"""Real numbers with normal noise."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import positive
from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class Gaussian(Likelihood):
    """Independent Gaussian elements around the decoder's output.

    Args:
        scale: Standard deviation of all elements, a positive float in the data's units, or
            `"learned"`: one trainable scale that starts at 1 (Rybkin et al., 2021, sigma-VAE).
        min_scale: What a learned scale never falls below, a positive float, or `None`. With it,
            the loss of data that is predicted exactly has a lower bound.

    Raises:
        ValueError: If `scale` is neither, or `min_scale` is not positive.
    """

    fixed_attributes = ("min_scale",)

    def __init__(self, scale: float | str = 1.0, min_scale: float | None = None, **kwargs):
        super().__init__(**kwargs)
        self.min_scale = None if min_scale is None else positive("min_scale", min_scale)
        least = self.min_scale or 0.0
        self._set_parameter("scale", scale, start=max(1.0, 2 * least), least=least)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        log_scale = self._log_parameter("scale", output.dtype)
        standardised = (target - output) * tf.exp(-log_scale)
        return 0.5 * tf.square(standardised) + log_scale + 0.5 * math.log(2.0 * math.pi)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        scale = tf.exp(self._log_parameter("scale", output.dtype))
        return output + scale * draws.normal(tf.shape(output), seed, output.dtype)

    def formula(self) -> dict[str, Any]:
        return {"term": "gaussian", "scale": self._parameter_now("scale")}

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "min_scale": self.min_scale}
