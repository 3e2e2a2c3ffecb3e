"""What a batch is.

Keras hands batches on as `x`, `(x, target)` or `(x, target, sample_weight)`, where `x` is a tensor
`(batch, ...)` or a dictionary `{"x": x, "label": label}`. In this package a batch is a `Batch`:
`unpack` makes one of what Keras hands on, and `pack` goes back.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfae.internals import is_spec_of_none


class Batch(NamedTuple):
    """One batch, or arrays of as many rows as there are examples.

    Attributes:
        x: Model inputs `(batch, ...)`; for decoders, codes.
        target: What to reconstruct, `(batch, ...)`; `unpack` puts `x` where nothing else is given.
        label: Class labels `(batch,)`, -1 where unknown, or `None`.
        sample_weight: Weights `(batch,)`, or `None`.
    """

    x: tf.Tensor
    target: tf.Tensor | None = None
    label: tf.Tensor | None = None
    sample_weight: tf.Tensor | None = None

    @property
    def has_own_target(self) -> bool:
        """Whether something else than `x` is to be reconstructed."""
        return self.target is not None and self.target is not self.x


def unpack(data: Any) -> Batch:
    """Takes apart what Keras hands to a step, or the `element_spec` of a dataset.

    Raises:
        ValueError: If there is no one `x`, or a dictionary has an unknown key.
    """
    x, target, sample_weight = map(_or_none, keras.utils.unpack_x_y_sample_weight(data))
    label = None
    if isinstance(x, dict):
        if "x" not in x or set(x) - {"x", "label"}:
            raise ValueError(
                'A dictionary of inputs must have the key "x" and may have "label"; received the '
                f"keys {sorted(map(str, x))}."
            )
        x, label = x["x"], _or_none(x.get("label"))
    elif isinstance(x, list | tuple):
        if len(x) != 1:
            raise ValueError(
                f"`x` must be one array, as the models here have one input; received {len(x)} in a "
                f"{type(x).__name__}."
            )
        (x,) = x
    return Batch(x, x if target is None else target, label, sample_weight)


def pack(batch: Batch) -> tuple:
    """The tuple that Keras takes: `(x,)`, `(x, target)` or `(x, target, sample_weight)`.

    Nothing in it is `None`, which `tf.distribute` cannot pass on.
    """
    x = batch.x if batch.label is None else {"x": batch.x, "label": batch.label}
    if batch.sample_weight is not None:
        return x, batch.x if batch.target is None else batch.target, batch.sample_weight
    return (x, batch.target) if batch.has_own_target else (x,)


def _or_none(part: Any) -> Any:
    """`None` also for the specification of a `None`."""
    return None if is_spec_of_none(part) else part
