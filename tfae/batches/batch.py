"""The `Batch` that is passed around in this package.

Keras passes batches as `x`, `(x, target)` or `(x, target, sample_weight)`, where `x` is a tensor
`(batch, ...)` or a dictionary `{"x": x, "label": label}`. `unpack` turns these into a `Batch`, and
`pack` turns it back.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfae.internals import is_spec_of_none


class Batch(NamedTuple):
    """A batch, or all the arrays of a data set.

    Attributes:
        x: Model inputs `(batch, ...)`; for decoders, codes.
        target: Data to reconstruct, `(batch, ...)`; `unpack` sets it to `x` if none is given.
        label: Class labels `(batch,)`, -1 where unknown, or `None`.
        sample_weight: Weights `(batch,)`, or `None`.
    """

    x: tf.Tensor
    target: tf.Tensor | None = None
    label: tf.Tensor | None = None
    sample_weight: tf.Tensor | None = None

    @property
    def has_own_target(self) -> bool:
        """Whether the target is another tensor than `x`."""
        return self.target is not None and self.target is not self.x


def unpack(data: Any) -> Batch:
    """Converts what Keras passes to a step, or the `element_spec` of a dataset, to a `Batch`.

    Raises:
        ValueError: If there is not exactly one `x`, or a dictionary has an unknown key.
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
                f"`x` must be one array, since tfae's models have one input; received {len(x)} in "
                f"a {type(x).__name__}."
            )
        (x,) = x
    return Batch(x, x if target is None else target, label, sample_weight)


def pack(batch: Batch) -> tuple:
    """Converts a batch for Keras: `(x,)`, `(x, target)` or `(x, target, sample_weight)`.

    The tuple never holds `None`, which `tf.distribute` does not accept.
    """
    x = batch.x if batch.label is None else {"x": batch.x, "label": batch.label}
    if batch.sample_weight is not None:
        return x, batch.x if batch.target is None else batch.target, batch.sample_weight
    return (x, batch.target) if batch.has_own_target else (x,)


def _or_none(part: Any) -> Any:
    """Returns `None` also for the type specification of `None`."""
    return None if is_spec_of_none(part) else part
