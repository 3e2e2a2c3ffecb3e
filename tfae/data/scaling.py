"""Scales stored numbers to those that a model learns from, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.arguments import is_number, positive
from tfae.data.examples import Examples
from tfae.data.statistics import extremes, moments

NAMES = ("auto", "minmax", "standard")


class Scaling(NamedTuple):
    """Computes `(x - shift) * factor` in float32.

    `Source.scaling` fits one to the training examples.

    Attributes:
        shift, factor: float32 numbers, or arrays of the shape of one example; no factor is zero.
    """

    shift: np.ndarray | np.float32 = np.float32(0)
    factor: np.ndarray | np.float32 = np.float32(1)

    def scale(self, x: Any) -> Any:
        """Scales stored numbers `(n, *shape)` to float32; a tensor gives a tensor."""
        x = tf.cast(x, tf.float32) if tf.is_tensor(x) else np.array(x, np.float32)
        if np.any(self.shift):
            x -= self.shift
        if np.any(self.factor != 1):
            x *= self.factor
        return x

    def unscale(self, x: Any) -> Any:
        """Converts scaled numbers `(n, *shape)` back to the units they are stored in; float32."""
        x = tf.cast(x, tf.float32) if tf.is_tensor(x) else np.array(x, np.float32)
        return x / self.factor + self.shift

    def get_config(self) -> dict[str, Any]:
        """Returns the attributes as numbers and lists, which JSON can hold without loss."""
        return {
            "shift": np.asarray(self.shift).tolist(),
            "factor": np.asarray(self.factor).tolist(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Scaling:
        """Makes the scaling whose `get_config` returned `config`."""
        shift, factor = (np.array(config[name], np.float32)[()] for name in ("shift", "factor"))
        return cls(shift, factor)


def fit_scaling(scale: str | float | None, examples: Examples) -> Scaling:
    """Fits the scaling that `load(scale=...)` documents.

    Args:
        scale: "auto", "minmax", "standard", a number to divide by, or `None`.
        examples: The training examples; read once, in parts, if the scaling depends on them.

    Raises:
        ValueError: If `scale` is anything else.
    """
    if scale is None:
        return Scaling()
    if is_number(scale):
        return Scaling(factor=np.float32(1 / positive("scale", scale)))
    if not isinstance(scale, str) or scale not in NAMES:
        raise ValueError(
            f"`scale` must be one of {', '.join(map(repr, NAMES))}, None, a positive number to "
            f"divide by or a Scaling; received {scale!r}."
        )
    if scale == "auto":
        return Scaling(factor=np.float32(1 / _largest_pixel(examples)))
    if scale == "minmax":
        low, high = extremes(examples)
        return _scaling(low, high - low)
    return _scaling(*moments(examples))


def _scaling(shift: np.ndarray, divisor: np.ndarray) -> Scaling:
    # A feature that never changes, or changes too little for float32, becomes zero.
    divisor = np.where(divisor > np.finfo(np.float32).tiny, divisor, 1)
    return Scaling(shift.astype(np.float32), (1 / divisor).astype(np.float32))


def _largest_pixel(examples: Examples) -> int:
    """Returns the largest value that this kind of image can hold; 1 for everything else."""
    dtype, is_image = examples.dtype, len(examples.shape) == 3
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return np.iinfo(dtype).max
    if dtype.kind in "iu" and is_image:
        low, high = extremes(examples)
        if low.min() >= 0 and 1 < high.max() <= 255:
            return 255  # 8-bit pixels in a wider type
    return 1
