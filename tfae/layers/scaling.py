"""The scaling of data as a part of the model: undone in what comes out."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("tfae")
class Scaling(keras.layers.Layer):
    """Scales data to what the networks take: `(x - shift) * factor`; `inverse` undoes it.

    Given to a model, `Autoencoder(..., scaling=Scaling(shift, factor))`, it makes data in units of
    its own what goes in and what comes out, also of exports and of `generate`. The reconstruction
    loss, and so the anomaly score, is that of the scaled data.

    Args:
        shift: A number, or an array of them that broadcasts to an example: one a column, say.
        factor: The same; finite, and not zero.

    Raises:
        ValueError: If a number is not finite, or a factor is zero.
    """

    def __init__(
        self,
        shift: float | Sequence[float] = 0.0,
        factor: float | Sequence[float] = 1.0,
        **kwargs,
    ):
        # No autocast: raw data may need all digits of float32 before it is scaled.
        super().__init__(**{"autocast": False, "trainable": False, **kwargs})
        self.shift = np.asarray(shift, "float32")
        self.factor = np.asarray(factor, "float32")
        for name, value in (("shift", self.shift), ("factor", self.factor)):
            if not np.isfinite(value).all() or (name == "factor" and (value == 0).any()):
                wanted = "finite" if name == "shift" else "finite and not zero"
                raise ValueError(f"`{name}` must be {wanted}; received {value.tolist()!r}.")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Scales data `(batch, ...)`; float32, or float64 as `x` is."""
        x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        return (x - tf.cast(self.shift, x.dtype)) * tf.cast(self.factor, x.dtype)

    def inverse(self, x: tf.Tensor) -> tf.Tensor:
        """Brings scaled data `(batch, ...)` back to its own units."""
        x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        return x / tf.cast(self.factor, x.dtype) + tf.cast(self.shift, x.dtype)

    def log_volume(self, shape: Sequence[int]) -> float:
        """log |d scaled / d x| of an example of `shape`: what it adds to a log-density."""
        return float(np.sum(np.log(np.abs(np.broadcast_to(self.factor, shape)), dtype=np.float64)))

    def support_of(self, support: tuple[float, float] | None) -> tuple | None:
        """The interval of the data that is scaled to an interval `(low, high)`, or `None`.

        It is two numbers, or two arrays where shift or factor is one; and a little wider, since
        what was scaled to 1 may come back as 254.99999.
        """
        if support is None:
            return None
        bounds = [bound / self.factor.astype(np.float64) + self.shift for bound in support]
        low, high = np.minimum(*bounds), np.maximum(*bounds)
        margin = 1e-6 * (high - low) + 4 * np.finfo("float32").eps * np.abs(self.shift)
        return low - margin, high + margin

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "shift": self.shift.tolist(),
            "factor": self.factor.tolist(),
        }
