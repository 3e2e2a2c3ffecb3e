"""The `Batch` that is passed around in this package.

Keras passes batches as `x`, `(x, target)` or `(x, target, sample_weight)`, where `x` is a tensor
`(batch, ...)` or a dictionary with "x" and, where they are used, "label", "mask" and "weight".
`unpack` turns these into a `Batch`, and `pack` turns it back.
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
        mask: Which elements of `x` are observed, 1 or true, in the shape of `x` or with a last axis
            of size 1. `None` where `x` itself says so: it holds NaN at what is not observed. The
            checks of data turn a mask into that form.
        weight: Weights of the target's elements in the loss, in its shape or with a last axis of
            size 1, or `None`.
    """

    x: tf.Tensor
    target: tf.Tensor | None = None
    label: tf.Tensor | None = None
    sample_weight: tf.Tensor | None = None
    mask: tf.Tensor | None = None
    weight: tf.Tensor | None = None

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
    beside = {}
    if isinstance(x, dict):
        if "x" not in x or set(x) - {"x", *_BESIDE_X}:
            raise ValueError(
                'A dictionary of inputs must have the key "x" and may have "label", "mask" and '
                f'"weight"; received the keys {sorted(map(str, x))}.'
            )
        beside = {name: _or_none(x.get(name)) for name in _BESIDE_X}
        x = x["x"]
    elif isinstance(x, list | tuple):
        if len(x) != 1:
            raise ValueError(
                f"`x` must be one array, since tfae's models have one input; received {len(x)} in "
                f"a {type(x).__name__}."
            )
        (x,) = x
    return Batch(x, x if target is None else target, sample_weight=sample_weight, **beside)


def pack(batch: Batch) -> tuple:
    """Converts a batch for Keras: `(x,)`, `(x, target)` or `(x, target, sample_weight)`.

    The tuple never holds `None`, which `tf.distribute` does not accept.
    """
    beside = {name: getattr(batch, name) for name in _BESIDE_X}
    beside = {name: tensor for name, tensor in beside.items() if tensor is not None}
    x = {"x": batch.x, **beside} if beside else batch.x
    if batch.sample_weight is not None:
        return x, batch.x if batch.target is None else batch.target, batch.sample_weight
    return (x, batch.target) if batch.has_own_target else (x,)


_BESIDE_X = ("label", "mask", "weight")  # the further keys of a dictionary of inputs


def _or_none(part: Any) -> Any:
    """Returns `None` also for the type specification of `None`."""
    return None if is_spec_of_none(part) else part
