"""Real numbers with some outliers."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class Laplace(Likelihood):
    """Independent Laplace elements around the decoder's output, which comes to be the median.

    Args:
        scale: Mean absolute deviation shared by all elements, a positive float in the data's unit,
            or `"learned"`: one trainable scale that starts at 1.

    Raises:
        ValueError: If `scale` is neither.
    """

    def __init__(self, scale: float | str = 1.0, **kwargs):
        super().__init__(**kwargs)
        self._set_parameter("scale", scale)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        log_scale = self._log_parameter("scale", output.dtype)
        return tf.abs(target - output) * tf.exp(-log_scale) + log_scale + math.log(2.0)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        scale = tf.exp(self._log_parameter("scale", output.dtype))
        u, v = (draws.uniform(tf.shape(output), part, output.dtype) for part in draws.split(seed))
        return output + scale * tf.math.log(v) * tf.where(u > 0.5, 1.0, -1.0)

    def formula(self) -> dict[str, Any]:
        return {"term": "laplace", "scale": self._parameter_now("scale")}

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}
