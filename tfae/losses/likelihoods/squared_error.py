"""The squared error."""

from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods.likelihood import Likelihood


@keras.saving.register_keras_serializable("tfae")
class SquaredError(Likelihood):
    """The plain sum of squared differences: no factor of one half, no constant, not a density."""

    is_density = False

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return tf.math.squared_difference(target, output)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def formula(self) -> dict[str, Any]:
        return {"term": "squared_error"}
