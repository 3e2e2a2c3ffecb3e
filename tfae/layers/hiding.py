"""Hides observed elements in training, so that a network learns to fill them in."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfae.arguments import is_number
from tfae.attributes import CheckedAttributes
from tfae.layers.seeds import next_seed


def _checked_rate(rate: float, name: str) -> float:
    if not (is_number(rate) and 0 <= rate <= 1):
        raise ValueError(f"`{name}` must lie in [0, 1]; received {name}={rate!r}.")
    return float(rate)


@keras.saving.register_keras_serializable("tfae")
class Hiding(CheckedAttributes, keras.layers.Layer):
    """Hides a random part of the observed elements in training; the identity otherwise.

    Each example gets a rate of its own, so that a network learns to fill one missing element as
    well as many. Unlike a `MaskingCorruption`, it also changes the mask: the network knows which
    elements are hidden.

    Args:
        low: The lowest rate, in [0, 1].
        high: The highest rate, from `low` to 1.
        seed: Integer seed; `None` takes one from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a rate lies outside its range.
    """

    fixed_attributes = ("seed",)
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "low": functools.partial(_checked_rate, name="low"),
        "high": functools.partial(_checked_rate, name="high"),
    }

    def __init__(self, low: float = 0.1, high: float = 0.6, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.low = low
        self.high = high
        if self.high < self.low:
            raise ValueError(f"`high` must be at least `low`; received low={low}, high={high}.")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Sequence[tf.Tensor], training: bool = False) -> tuple[Any, Any]:
        """Hides elements in training.

        Args:
            inputs: Data `(batch, ...)` with zeros at what is missing, and its mask of the same
                shape: 1 where it is observed.
            training: Whether to hide.

        Returns:
            Data and mask, both with zeros at what is missing or hidden.
        """
        x, mask = inputs
        if not training:
            return tf.identity(x), tf.identity(mask)
        of_rows, of_elements = tf.unstack(
            tf.random.split(next_seed(self.seed_generator), 2, alg="philox")
        )
        rows = tf.concat([tf.shape(x)[:1], tf.ones([x.shape.rank - 1], tf.int32)], axis=0)
        rate = tf.random.stateless_uniform(rows, of_rows, self.low, self.high, alg="philox")
        drawn = tf.random.stateless_uniform(tf.shape(x), of_elements, alg="philox")
        kept = mask * tf.cast(drawn >= rate, mask.dtype)
        return x * tf.cast(kept, x.dtype), kept

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "low": self.low, "high": self.high, "seed": self.seed}
