"""Dropout whose random numbers XLA draws fast."""

import keras
import tensorflow as tf

from tfae.layers.corruption import MaskingCorruption


@keras.saving.register_keras_serializable("tfae")
class Dropout(MaskingCorruption):
    """Sets a random part of the elements to zero in training, and scales up the rest.

    The expected sum stays the same. It is `keras.layers.Dropout` with other random numbers, which
    XLA draws several times faster.

    Args:
        rate: Probability in [0, 1) that an element is dropped.
        seed: Integer seed; `None` takes one from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` lies outside [0, 1).

    Reference:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        2014.
    """

    def corrupt(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return super().corrupt(inputs / (1.0 - self.rate), seed)
