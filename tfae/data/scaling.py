"""From the numbers as stored to float32, by default in [0, 1]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfae.data.examples import Examples, InMemory

NAMES = ("auto", "minmax", "standard")


class Scaling(NamedTuple):
    """`(x - offset) / divisor`, clipped to [0, 1] where asked.

    Attributes:
        offset, divisor: float32 numbers, or arrays of the shape of one example.
        clip: whether values outside [0, 1] are moved to its ends.
    """

    offset: np.ndarray | np.float32 = np.float32(0)
    divisor: np.ndarray | np.float32 = np.float32(1)
    clip: bool = False

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Scales a batch `(batch, *shape)` in a graph."""
        x = tf.cast(x, tf.float32)
        if np.any(self.offset):
            x -= self.offset
        if np.any(self.divisor != 1):
            x /= self.divisor
        return tf.clip_by_value(x, 0.0, 1.0) if self.clip else x

    def of_array(self, x: np.ndarray) -> np.ndarray:
        """Scales a whole array `(n, *shape)`; the very same numbers as in a graph."""
        x = x.astype(np.float32)
        if np.any(self.offset):
            x -= self.offset
        if np.any(self.divisor != 1):
            x /= self.divisor
        return np.clip(x, 0, 1, out=x) if self.clip else x


def scaling_for(scale: str | float | None, examples: Examples) -> Scaling:
    """Chooses the scaling that `load(scale=...)` documents.

    Args:
        scale: "auto", "minmax", "standard", a number to divide by, or `None`.
        examples: the training examples.

    Raises:
        ValueError: for anything else, or statistics of examples that are not in memory.
    """
    if scale is None:
        return Scaling()
    if isinstance(scale, (int, float)) and not isinstance(scale, bool):
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be a positive number to divide by, received {scale!r}.")
        return Scaling(divisor=np.float32(scale))
    if scale not in NAMES:
        raise ValueError(
            f"scale must be one of {', '.join(map(repr, NAMES))}, None or a number to divide by, "
            f"received {scale!r}."
        )
    if scale == "auto":
        return Scaling(divisor=np.float32(_largest_pixel(examples)))
    if not isinstance(examples, InMemory):
        raise ValueError(
            f"scale={scale!r} needs the data in memory; raise memory_limit or give a number."
        )
    x = examples.x
    if scale == "minmax":
        low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
        return _scaling(low, high - low, clip=True)
    return _scaling(x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64))


def _scaling(offset: np.ndarray, divisor: np.ndarray, clip: bool = False) -> Scaling:
    divisor = np.where(divisor > 0, divisor, 1)  # a feature that never changes
    return Scaling(offset.astype(np.float32), divisor.astype(np.float32), clip)


def _largest_pixel(examples: Examples) -> int:
    """The largest value that this kind of image can hold; 1 for everything else."""
    if examples.dtype.kind == "u" and examples.dtype.itemsize <= 2:
        return np.iinfo(examples.dtype).max
    is_image = len(examples.shape) == 3
    if examples.dtype.kind in "iu" and is_image and isinstance(examples, InMemory):
        low, high = examples.x.min(), examples.x.max()
        if low >= 0 and 1 < high <= 255:
            return 255  # 8-bit pixels in a wider type
    return 1
