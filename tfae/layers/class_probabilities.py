"""A softmax over the class part of a code."""

import keras
import tensorflow as tf

from tfae.arguments import whole_number


@keras.saving.register_keras_serializable("tfae")
class ClassProbabilities(keras.layers.Layer):
    """A softmax over the first `num_classes` elements of a code; the others stay as they are.

    It can also be the `activation` of another layer.

    Args:
        num_classes: Number of classes, at least 2.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `num_classes` is not an integer of at least 2.
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = whole_number("num_classes", num_classes, 2)
        self.built = True

    def call(self, code: tf.Tensor) -> tf.Tensor:
        """Maps codes `(batch, num_classes + style)` to codes of the same shape."""
        classes, style = code[:, : self.num_classes], code[:, self.num_classes :]
        return tf.concat([tf.nn.softmax(classes), style], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "num_classes": self.num_classes}
