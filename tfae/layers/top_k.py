"""Keeping only the largest units."""

import keras
import tensorflow as tf

from tfae.arguments import is_number, whole_number


@keras.saving.register_keras_serializable("tfae")
class TopK(keras.layers.Layer):
    """Keeps the `k` largest units of each example and sets the others to zero.

    Of equal units at the border the first ones are kept, so there are never more than `k`. The
    gradient passes through the units that were kept.

    Args:
        k: Number of units to keep in training, at least 1.
        alpha: Outside training `round(alpha * k)` units are kept, at most all: 1 or more. Makhzani
            and Frey found that 3 serves classifiers on the code better than 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of range, or when the layer meets fewer than `k` units.

    Reference:
        Makhzani and Frey, "k-Sparse Autoencoders", 2013.
    """

    def __init__(self, k: int = 25, alpha: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not is_number(alpha) or alpha < 1:
            raise ValueError(f"`alpha` must be a number of at least 1; received {alpha!r}.")
        self.k = whole_number("k", k, 1)
        self.alpha = float(alpha)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        units = input_shape[-1]
        if units is None or units < self.k:
            raise ValueError(
                f"`k` must not be larger than the number of units: k={self.k}, but the layer is "
                f"given {units} units, shape {tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Keeps the largest units of `inputs` `(..., units)`; the shape stays."""
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
        x: Tensor `(..., n)` with n known.
        k: From 1 to n.

    Returns:
        Tensor of the shape of `x` with at most `k` entries that are not zero.
    """
    if k >= x.shape[-1]:
        return tf.identity(x)
    # Reductions, where a slice would do: XLA merges a slice into the selection, no longer knows it
    # for one, and sorts all units, which takes it ten times as long.
    values, indices = tf.math.top_k(tf.stop_gradient(x), k)
    smallest = tf.reduce_min(values, axis=-1, keepdims=True)
    chosen = tf.where(tf.equal(values, smallest), indices, -1)
    last_chosen = tf.reduce_max(chosen, axis=-1, keepdims=True)  # of equals, those before it too
    before = tf.range(x.shape[-1], dtype=indices.dtype) <= last_chosen
    kept = (x > smallest) | (tf.equal(x, smallest) & before)
    return tf.where(kept, x, tf.zeros((), x.dtype))
