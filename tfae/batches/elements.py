"""Masks and weights of single elements of the data, in arrays and in an input pipeline.

A mask says which elements are observed. It is turned into the other form in which data says so: NaN
at what is not observed.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfae.batches.values import array_of_numbers, check_number_type

Shape = tuple[int | None, ...]


def checked_missing(missing: str | None) -> str | None:
    """Returns how a model takes missing values; raises `ValueError` if it is unknown."""
    if missing not in (None, "mask"):
        raise ValueError(f"`missing` must be None or 'mask'; received {missing!r}.")
    return missing


def checked_elements(name: str, value: Any, n: int, shape: Shape) -> np.ndarray | tf.Tensor:
    """Returns a mask or weights as an array.

    Args:
        name: "mask" or "weight".
        value: One number for each element of `n` examples of `shape`; the last axis may be 1.
        n: Number of examples.
        shape: Shape of one example.

    Raises:
        ValueError: If the shape is another one, a mask holds anything but 0 and 1, or a weight is
            not finite or negative.
    """
    array = array_of_numbers(name, value)
    check_element_shape(name, array.shape, shape)
    if array.shape[0] != n:
        raise ValueError(
            f"`x` and `{name}` must have the same number of examples; received {n} and "
            f"{array.shape[0]}."
        )
    numbers = np.asarray(array)
    fits = (numbers == 0) | (numbers == 1) if name == "mask" else numbers >= 0
    if name == "weight":
        fits &= np.isfinite(numbers)
    if not fits.all():
        raise ValueError(f"{_MESSAGES[name]} Received {numbers[~fits].flat[0]}.")
    return array


def check_element_spec(name: str, spec: Any, shape: Shape) -> None:
    """Checks the declared type and shape of a mask or of weights in a dataset.

    Raises:
        ValueError: If they do not fit examples of `shape`.
    """
    check_number_type(name, spec.dtype)
    check_element_shape(name, spec.shape, shape)


def asserted_elements(name: str, tensor: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Does the same as `checked_elements` in a graph, for the examples of `x`; gives float32."""
    tensor = tf.cast(tensor, tf.float32)
    fits = (tensor == 0) | (tensor == 1) if name == "mask" else tensor >= 0
    fits &= tf.math.is_finite(tensor)
    equal_length = tf.shape(tensor)[0] == tf.shape(x)[0]
    checks = [
        tf.debugging.Assert(tf.reduce_all(fits), [_MESSAGES[name]]),
        tf.debugging.Assert(
            equal_length, [f"`x` and `{name}` must have the same number of examples in each batch."]
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(tensor)


def check_element_shape(name: str, received: Any, shape: Shape) -> None:
    """Raises `ValueError` unless it is `(n, *shape)`, or that with a last axis of size 1."""
    received = tf.TensorShape(received)
    if not any(
        received.is_compatible_with([None, *allowed]) for allowed in (shape, (*shape[:-1], 1))
    ):
        sizes = ", ".join(map(str, shape))
        raise ValueError(
            f"`{name}` must have one number for each element, shape (n, {sizes}), or a last axis "
            f"of size 1; received shape {tuple(received)}."
        )


def is_observed(x: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """Returns in a graph which elements of data are observed, bool `(batch, ...)`.

    Args:
        x: Data `(batch, ...)`, with NaN at what is not observed if there is no mask.
        mask: 1 or true where `x` is observed, in its shape or with a last axis of size 1.
    """
    x = tf.convert_to_tensor(x)
    if mask is not None:
        return _in_shape_of(x, tf.cast(mask, tf.bool))
    if not x.dtype.is_floating:
        return tf.ones_like(x, tf.bool)
    return ~tf.math.is_nan(x)


def filled(x: tf.Tensor, mask: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns in a graph data with zeros at what is not observed, and the whole mask.

    A mask of floats is multiplied, not selected by, as int8 files need it; then `x` must be finite.

    Args:
        x, mask: As for `is_observed`.
    """
    if mask is not None and mask.dtype.is_floating:
        mask = _in_shape_of(x, tf.cast(mask, x.dtype))
        return x * mask, mask
    observed = is_observed(x, mask)
    return tf.where(observed, x, tf.zeros_like(x)), observed


def _in_shape_of(x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return mask if mask.shape[-1] == x.shape[-1] else tf.broadcast_to(mask, tf.shape(x))


def with_nan(x: Any, mask: Any, dtype: str) -> Any:
    """Returns data in a float `dtype` with NaN where the mask is 0, in an array or a tensor."""
    if tf.is_tensor(x) or tf.is_tensor(mask):
        x = x if x.dtype.is_floating else tf.cast(x, dtype)
        return tf.where(tf.cast(mask, tf.bool), x, tf.constant(np.nan, x.dtype))
    x = x if x.dtype.kind == "f" else x.astype(dtype)
    return np.where(np.asarray(mask, bool), x, np.asarray(np.nan, x.dtype))


_MESSAGES = {
    "mask": "`mask` must hold 1 (or true) where `x` is observed and 0 (or false) where it is not.",
    "weight": "`weight` must hold finite numbers of at least 0, one for each element.",
}
