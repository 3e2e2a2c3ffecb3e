"""The absolute error."""

from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods.likelihood import Likelihood


@keras.saving.register_keras_serializable("tfae")
class AbsoluteError(Likelihood):
    """The plain sum of absolute differences, which a median minimises: no density."""

    is_density = False

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return tf.abs(target - output)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def formula(self) -> dict[str, Any]:
        return {"term": "absolute_error"}
