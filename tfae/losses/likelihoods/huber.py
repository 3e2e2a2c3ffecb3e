"""Huber's error."""

from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import positive
from tfae.losses.likelihoods.likelihood import Likelihood


@keras.saving.register_keras_serializable("tfae")
class Huber(Likelihood):
    """Half the squared difference up to `delta`, a straight line beyond: no density.

    Outliers pull with a force of at most `delta`, small differences as under a Gaussian of scale 1.

    Args:
        delta: Difference at which the line begins, a positive number in the data's unit.

    Raises:
        ValueError: If `delta` is not positive.

    Reference:
        Huber, "Robust estimation of a location parameter", 1964.
    """

    is_density = False

    def __init__(self, delta: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = positive("delta", delta)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        distance = tf.abs(target - output)
        inner = tf.minimum(distance, self.delta)
        return 0.5 * tf.square(inner) + self.delta * (distance - inner)

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.identity(output)

    def formula(self) -> dict[str, Any]:
        return {"term": "huber", "delta": self.delta}

    def get_config(self) -> dict:
        return {**super().get_config(), "delta": self.delta}
