"""k-sparse activations: only the largest units are kept."""

from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf

from tfae.arguments import at_least, whole_number
from tfae.attributes import CheckedAttributes, checked_by


@keras.saving.register_keras_serializable("tfae")
class TopK(CheckedAttributes, keras.layers.Layer):
    """Keeps the `k` largest units of each example and sets the others to zero.

    Among equal units the first ones are kept, so there are never more than `k`. The gradient passes
    through the units that are kept.

    Args:
        k: Number of units to keep in training, at least 1.
        alpha: Outside training `round(alpha * k)` units are kept, or all if there are fewer. 1 or
            more; Makhzani and Frey found that 3 gives better classifiers on the code than 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of range, or the input has fewer than `k` units.

    Reference:
        Makhzani and Frey, "k-Sparse Autoencoders", 2013.
    """

    attribute_checks: ClassVar[dict[str, Callable]] = {
        "k": checked_by(whole_number, "k", 1),
        "alpha": checked_by(at_least, "alpha", 1),
    }

    def __init__(self, k: int = 25, alpha: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.k = k
        self.alpha = alpha

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        units = input_shape[-1]
        if units is None or units < self.k:
            raise ValueError(
                f"`k` must not be larger than the number of units; received k={self.k} for inputs "
                f"of {units} units, shape {tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Keeps the largest units of `inputs` `(..., units)`, and sets the rest to zero."""
        units = inputs.shape[-1]
        kept = self.k if training else min(round(self.alpha * self.k), units)
        return keep_largest(inputs, kept)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "k": self.k, "alpha": self.alpha}


def keep_largest(x: tf.Tensor, k: int) -> tf.Tensor:
    """Sets all but the `k` largest entries along the last axis to zero.

    Args:
        x: Tensor `(..., n)` with static n.
        k: From 1 to n.

    Returns:
        Tensor of the shape of `x` with at most `k` entries that are not zero.
    """
    if k >= x.shape[-1]:
        return tf.identity(x)
    # Reductions instead of slices: XLA would merge a slice into the top-k, then no longer recognise
    # it, and sort all units, which takes ten times as long.
    values, indices = tf.math.top_k(tf.stop_gradient(x), k)
    smallest = tf.reduce_min(values, axis=-1, keepdims=True)
    chosen = tf.where(tf.equal(values, smallest), indices, -1)
    last_chosen = tf.reduce_max(chosen, axis=-1, keepdims=True)  # keep equal entries up to here
    before = tf.range(x.shape[-1], dtype=indices.dtype) <= last_chosen
    kept = (x > smallest) | (tf.equal(x, smallest) & before)
    return tf.where(kept, x, tf.zeros((), x.dtype))
