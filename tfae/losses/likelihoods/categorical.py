"""Data of categories."""

from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import whole_number_or_none
from tfae.losses.likelihoods import draws
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32


@keras.saving.register_keras_serializable("tfae")
class Categorical(Likelihood):
    """Independent choices of one class; targets are one-hot, the decoder gives a logit a class.

    Both have the shape of the data, `(batch, ..., classes)`: the last axis holds the classes of one
    choice, or, with `num_classes`, those of several choices one after the other. Make such data of
    class indices with `keras.utils.to_categorical` or `tf.one_hot`. Targets may be probabilities,
    too, and zeros for a class that is not known, which costs nothing. The mean is the probability
    of each class, a draw is one-hot.

    Args:
        num_classes: Classes of each choice; `None` for all of the last axis.

    Raises:
        ValueError: If `num_classes` is no integer of at least 2; in use, if the last axis is no
            multiple of it.
    """

    support = (0.0, 1.0)
    link = "softmax"

    def __init__(self, num_classes: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = whole_number_or_none("num_classes", num_classes, 2)

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """`-target * log(probability)`: not zero at the class of the target only."""
        log_probability = tf.nn.log_softmax(self._by_choice(output))
        return -target * tf.reshape(log_probability, tf.shape(output))

    def observed_elements(self, observed: tf.Tensor) -> tf.Tensor:
        """A choice is observed if all of its classes are."""
        blocks = self._by_choice(observed)
        whole = tf.reduce_all(blocks, axis=-1, keepdims=True)
        return tf.reshape(tf.broadcast_to(whole, tf.shape(blocks)), tf.shape(observed))

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        return tf.reshape(tf.nn.softmax(self._by_choice(output)), tf.shape(output))

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        output = at_least_float32(output)
        logits = self._by_choice(output)
        # The largest of logits with Gumbel noise is a draw of their softmax.
        noise = -tf.math.log(-tf.math.log(_below_one(tf.shape(logits), seed, logits.dtype)))
        choice = tf.argmax(logits + noise, axis=-1)
        one_hot = tf.one_hot(choice, logits.shape[-1], dtype=output.dtype)
        return tf.reshape(one_hot, tf.shape(output))

    def formula(self) -> dict[str, Any]:
        return {"term": "categorical", "num_classes": self.num_classes}

    def get_config(self) -> dict:
        return {**super().get_config(), "num_classes": self.num_classes}

    def _by_choice(self, output: tf.Tensor) -> tf.Tensor:
        """`(..., choices, num_classes)`, or the output as it is where there is one choice."""
        size = output.shape[-1]
        if self.num_classes is None or self.num_classes == size:
            return output
        if size % self.num_classes:
            raise ValueError(
                "The last axis of data under Categorical(num_classes) holds the classes of each "
                f"choice, so its size must be a multiple of {self.num_classes}; it is {size}."
            )
        choices = [size // self.num_classes, self.num_classes]
        return tf.reshape(output, tf.concat([tf.shape(output)[:-1], choices], axis=0))


def _below_one(shape: tf.Tensor, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Uniform numbers of (0, 1) without either end, for the logarithm of a logarithm."""
    return tf.clip_by_value(draws.uniform(shape, seed, dtype), 1e-30, 1.0 - 2.0**-24)
