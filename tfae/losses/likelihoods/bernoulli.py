"""Binary data."""

from typing import Any

import keras
import tensorflow as tf

from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class Bernoulli(Likelihood):
    """Independent Bernoulli elements; the decoder gives logits, targets lie in [0, 1].

    For targets strictly between 0 and 1 this is the usual cross-entropy, not a normalised
    density; `ContinuousBernoulli` is one (Loaiza-Ganem and Cunningham, 2019).
    """

    support = (0.0, 1.0)
    link = "sigmoid"

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.broadcast_to(target, tf.shape(output)), logits=output
        )

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(output)

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        u = draws.uniform(tf.shape(output), seed, output.dtype)
        return tf.cast(u <= tf.sigmoid(output), output.dtype)

    def formula(self) -> dict[str, Any]:
        return {"term": "bernoulli"}
