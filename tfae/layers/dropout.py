"""Dropout with the noise of this package: as fast under XLA as none."""

import keras
import tensorflow as tf

from tfae.layers.corruption import MaskingCorruption


@keras.saving.register_keras_serializable("tfae")
class Dropout(MaskingCorruption):
    """Drops a random part of the elements in training, and scales up the others to keep the sum.

    It is `keras.layers.Dropout` in other random numbers, which XLA draws several times faster.

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
