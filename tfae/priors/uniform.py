"""The uniform prior."""

import math

import keras
import tensorflow as tf

from tfae.arguments import number
from tfae.ops.reference import standard_uniform
from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class Uniform(Prior):
    """Uniform on a cube: every dimension lies between `low` and `high`.

    Args:
        low, high: Bounds of the interval, `low` below `high`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a bound is not a finite number, or `low` is not below `high`.
    """

    is_bounded = True

    def __init__(self, low: float = -1.0, high: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = number("low", low), number("high", high)
        if self.low >= self.high:
            raise ValueError(
                f"`low` must be a number below `high`; received low={low!r}, high={high!r}."
            )

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        unit = standard_uniform([n, self.latent_dim], seed)
        return self.low + (self.high - self.low) * unit

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        inside = tf.reduce_all((code >= self.low) & (code <= self.high), axis=-1)
        log_density = tf.constant(-self.latent_dim * math.log(self.high - self.low), code.dtype)
        return tf.where(inside, log_density, tf.constant(-math.inf, code.dtype))

    def get_config(self) -> dict:
        return {**super().get_config(), "low": self.low, "high": self.high}
