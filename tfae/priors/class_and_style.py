"""A prior for codes that consist of a one-hot class and a continuous style."""

from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.priors.prior import Prior, label_or_any


@keras.saving.register_keras_serializable("tfae.priors")
class ClassAndStyle(Prior):
    """A one-hot class, all classes equally likely, and a style that is independent of it.

    Args:
        num_classes: Number of classes, at least 2; the first `num_classes` elements of a code.
        style: Prior of the remaining elements.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a code has no elements left for the style.
    """

    is_density = False

    def __init__(self, num_classes: int, style: Prior, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = whole_number("num_classes", num_classes, 2)
        self.style = style

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        if code_shape[-1] <= self.num_classes:
            raise ValueError(
                f"The code must have more dimensions than the {self.num_classes} classes, to leave "
                f"some for the style; it has {code_shape[-1]}."
            )
        self.style.build((None, code_shape[-1] - self.num_classes))
        super().build(code_shape)

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        class_seed = tf.random.fold_in(seed, 3, "philox")  # independent of the style's draws
        drawn = label_or_any(n, class_seed, label, self.num_classes)
        return tf.concat([tf.one_hot(drawn, self.num_classes), self.style.sample(n, seed)], axis=-1)

    def get_config(self) -> dict:
        style = keras.saving.serialize_keras_object(self.style)
        return {**super().get_config(), "num_classes": self.num_classes, "style": style}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ClassAndStyle":
        return cls(**{**config, "style": keras.saving.deserialize_keras_object(config["style"])})
