"""Checks of class labels: integers `(n,)` from 0, or -1 where the class is unknown."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.batches.values import array_of_numbers


class LabelRange(NamedTuple):
    """The range of valid labels.

    Attributes:
        num_classes: Labels are 0 to `num_classes - 1`.
        may_be_unknown: Whether -1 is valid too.
        name: Name of the argument in errors.
    """

    num_classes: int
    may_be_unknown: bool = True
    name: str = "label"

    def checked(self, label: Any, n: int | None = None) -> np.ndarray | tf.Tensor:
        """Returns labels as an int64 array `(n,)`.

        Raises:
            ValueError: If they are of another kind or shape, or out of range.
        """
        label = array_of_numbers(self.name, label)
        self.check_kind(label.shape, label.dtype)
        label = np.asarray(label).reshape(-1)
        if n is not None and len(label) != n:
            raise ValueError(
                f"`x` and `{self.name}` must have the same number of examples; received {n} and "
                f"{len(label)}."
            )
        low, high = np.min(label, initial=0), np.max(label, initial=0)
        if low < self._lowest or high >= self.num_classes:
            raise ValueError(f"{self} Received labels from {low} to {high}.")
        return label.astype("int64")

    def check_kind(self, shape: Any, dtype: Any) -> None:
        """Raises `ValueError` unless labels are integers `(n,)` or `(n, 1)`."""
        shape, dtype = tf.TensorShape(shape), tf.as_dtype(dtype)
        is_flat = shape.is_compatible_with([None]) or shape.is_compatible_with([None, 1])
        if not dtype.is_integer or not is_flat:
            advice = ""
            if dtype == tf.string:
                advice = f" Number the classes: numpy.unique({self.name}, return_inverse=True)[1]."
            elif shape.rank == 2:
                advice = f" One-hot labels become integers: numpy.argmax({self.name}, axis=1)."
            raise ValueError(f"{self} Received {dtype.name} of shape {tuple(shape)}.{advice}")

    def asserted(self, label: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Does the same as `checked` in a graph, for the examples of `x`."""
        label = tf.reshape(tf.cast(label, tf.int64), [-1])
        inside = tf.reduce_all((label >= self._lowest) & (label < self.num_classes))
        one_each = tf.shape(label)[0] == tf.shape(x)[0]
        low, high = map(tf.strings.as_string, (tf.reduce_min(label), tf.reduce_max(label)))
        message = tf.strings.join([f"{self} Received labels from ", low, " to ", high, "."])
        with tf.control_dependencies([tf.debugging.Assert(inside & one_each, [message])]):
            return tf.identity(label)

    @property
    def _lowest(self) -> int:
        return -1 if self.may_be_unknown else 0

    def __str__(self) -> str:
        unknown = ", or -1 where the class is unknown" if self.may_be_unknown else ""
        return (
            f"`{self.name}` must hold integer labels from 0 to {self.num_classes - 1}{unknown}, "
            "one for each example."
        )
