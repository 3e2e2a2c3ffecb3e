"""The one layout of data: what a batch is.

A batch is `x`, `(x, target)` or `(x, target, sample_weight)`, as in Keras. `x` is a tensor
`(batch, ...)` or a dictionary `{"x": x, "label": label}`; `target` is what to reconstruct, `x`
itself when absent or `None`.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Batch(NamedTuple):
    """One batch, taken apart.

    Attributes:
        x: Model inputs `(batch, ...)`; for decoders, codes.
        target: What to reconstruct, `(batch, ...)`; not there outside of training.
        label: Class labels `(batch,)`, -1 where unknown, or `None`.
        sample_weight: Weights `(batch,)`, or `None`.
    """

    x: tf.Tensor
    target: tf.Tensor | None = None
    label: tf.Tensor | None = None
    sample_weight: tf.Tensor | None = None


def unpack(data: Any) -> Batch:
    """Takes what Keras hands to a step apart."""
    x, target, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    label = None
    if isinstance(x, dict):
        if "x" not in x:
            raise ValueError(
                'A dictionary of inputs must have the key "x" and may have "label"; received the '
                f"keys {sorted(x)}."
            )
        label = x.get("label")
        x = x["x"]
    elif isinstance(x, list | tuple):
        (x,) = x
    return Batch(x, x if target is None else target, label, sample_weight)
