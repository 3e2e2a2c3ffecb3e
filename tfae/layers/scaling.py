"""Scaling of the data inside a model, undone in its outputs."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfae.attributes import CheckedAttributes


@keras.saving.register_keras_serializable("tfae")
class Scaling(CheckedAttributes, keras.layers.Layer):
    """Scales data for the networks, `(x - shift) * factor`; `inverse` undoes it.

    A model with it, `Autoencoder(..., scaling=Scaling(shift, factor))`, takes data in its original
    units and gives reconstructions and generated data in the same units, in exports too. The
    reconstruction loss, and so the anomaly score, is computed on the scaled data.

    Args:
        shift: A number, or an array that broadcasts to an example: one number per column, say.
        factor: Likewise; finite and not zero.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a number is not finite, or a factor is zero.
    """

    fixed_attributes = ("shift", "factor")  # of which a model knows the range of its data

    def __init__(
        self,
        shift: float | Sequence[float] = 0.0,
        factor: float | Sequence[float] = 1.0,
        **kwargs,
    ):
        # No autocast: unscaled data may need all the digits of float32.
        super().__init__(**{"autocast": False, "trainable": False, **kwargs})
        self.shift = np.asarray(shift, "float32")
        self.factor = np.asarray(factor, "float32")
        for name, value in (("shift", self.shift), ("factor", self.factor)):
            if not np.isfinite(value).all() or (name == "factor" and (value == 0).any()):
                wanted = "finite" if name == "shift" else "finite and not zero"
                raise ValueError(f"`{name}` must be {wanted}; received {value.tolist()!r}.")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Scales data `(batch, ...)`: to float32, or to float64 if `x` is."""
        x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        return (x - tf.cast(self.shift, x.dtype)) * tf.cast(self.factor, x.dtype)

    def inverse(self, x: tf.Tensor) -> tf.Tensor:
        """Converts scaled data `(batch, ...)` back to its original units."""
        x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        return x / tf.cast(self.factor, x.dtype) + tf.cast(self.shift, x.dtype)

    def log_volume(self, x: tf.Tensor, observed: tf.Tensor | None = None) -> tf.Tensor:
        """log |d scaled / d x|, `(batch,)`: what is added to log-densities of scaled data.

        Args:
            x: Data `(batch, ...)`.
            observed: Which of its elements count, bool `(batch, ...)`; `None` for all.
        """
        of_element = tf.constant(np.log(np.abs(self.factor), dtype=np.float64))
        of_element = tf.broadcast_to(of_element, tf.shape(x))
        if observed is not None:
            of_element = tf.where(observed, of_element, tf.zeros_like(of_element))
        return tf.reduce_sum(of_element, axis=list(range(1, x.shape.rank)))

    def support_of(self, support: tuple[float, float] | None) -> tuple | None:
        """The interval of unscaled data that is scaled to `support`; `None` for `None`.

        Its bounds are numbers, or arrays if `shift` or `factor` is one. It is a little wider than
        necessary, since rounding may turn 255 into 254.99999.
        """
        if support is None:
            return None
        bounds = [bound / self.factor.astype(np.float64) + self.shift for bound in support]
        low, high = np.minimum(*bounds), np.maximum(*bounds)
        size = np.where(np.isfinite(high - low), high - low, 0.0)
        margin = 1e-6 * size + 4 * np.finfo("float32").eps * np.abs(self.shift)
        return low - margin, high + margin

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "shift": self.shift.tolist(),
            "factor": self.factor.tolist(),
        }


def checked_scaling(scaling: Scaling | None) -> Scaling | None:
    """Returns the argument `scaling` of a model, or raises `ValueError` for anything else."""
    if scaling is not None and not isinstance(scaling, Scaling):
        raise ValueError(f"`scaling` must be a tfae.layers.Scaling; received {scaling!r}.")
    return scaling
