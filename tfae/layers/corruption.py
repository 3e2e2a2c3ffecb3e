"""Noise that a denoising autoencoder learns to remove: layers that are active in training only.

Their random numbers are drawn in a form that costs next to nothing under XLA.
"""

import math
from collections.abc import Callable
from typing import ClassVar

import keras
import tensorflow as tf

from tfae import ops
from tfae.arguments import is_number, non_negative
from tfae.attributes import CheckedAttributes, checked_by
from tfae.layers.seeds import next_seed

_WORDS = 2**16  # Rates are kept to one part in that many.


def _checked_rate(rate: float) -> float:
    if not (is_number(rate) and 0 <= rate < 1 and round(rate * _WORDS) < _WORDS):
        raise ValueError(f"`rate` must lie in [0, 1); received rate={rate!r}.")
    return float(rate)


class Corruption(CheckedAttributes, keras.layers.Layer):
    """Base of the corruptions: `corrupt` in training, the identity otherwise.

    Args:
        seed: Integer seed; `None` takes one from Keras' global seed, or from the model that uses
            the layer.
        **kwargs: Passed to `keras.layers.Layer`.

    Reference:
        Vincent et al., "Stacked Denoising Autoencoders", 2010, section 3.3.
    """

    fixed_attributes = ("seed",)

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def corrupt(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Corrupts floats `(batch, ...)`; `seed` is an int64 tensor of shape `(2,)`."""
        raise NotImplementedError

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Corrupts `inputs` `(batch, ...)` in training; integers become floats either way."""
        inputs = tf.convert_to_tensor(inputs)
        if not inputs.dtype.is_floating:
            inputs = tf.cast(inputs, self.compute_dtype)
        return self.corrupt(inputs, next_seed(self.seed_generator)) if training else inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("tfae")
class MaskingCorruption(Corruption):
    """Sets a random part of the elements to zero; the others keep their values.

    Unlike dropout, it does not scale up the rest: the model never sees values that do not occur in
    the data.

    Args:
        rate: Probability in [0, 1) that an element is masked, rounded to a multiple of 1/65,536.
        seed: Integer seed; `None` takes one from the model or from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` lies outside [0, 1).
    """

    attribute_checks: ClassVar[dict[str, Callable]] = {"rate": _checked_rate}

    def __init__(self, rate: float = 0.25, seed: int | None = None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = rate

    def corrupt(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        masked = _random_words(inputs, seed) < _threshold(self.rate)
        return tf.where(masked, tf.zeros((), inputs.dtype), inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("tfae")
class GaussianCorruption(Corruption):
    """Adds Gaussian noise without clipping, so values may leave the range of the data.

    Only the input is corrupted: targets stay in [0, 1].

    Args:
        stddev: Standard deviation of the noise, zero or more, in the data's units.
        seed: Integer seed; `None` takes one from the model or from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `stddev` is negative or not finite.
    """

    attribute_checks: ClassVar[dict[str, Callable]] = {"stddev": checked_by(non_negative, "stddev")}

    def __init__(self, stddev: float = 0.3, seed: int | None = None, **kwargs):
        super().__init__(seed, **kwargs)
        self.stddev = stddev

    def corrupt(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if not self.stddev:
            return inputs
        # The op samples N(mean, variance), with the input as the mean.
        mean = tf.reshape(inputs, [-1])
        if mean.dtype != tf.float64:
            mean = tf.cast(mean, tf.float32)  # half precision would round the noise
        log_variance = tf.fill(tf.shape(mean), tf.cast(2 * math.log(self.stddev), mean.dtype))
        corrupted, _ = ops.gaussian_sample_kl(mean, log_variance, seed)
        return tf.cast(tf.reshape(corrupted, tf.shape(inputs)), inputs.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable("tfae")
class SaltAndPepperCorruption(Corruption):
    """Sets a random part of the elements to the lowest or highest value, with equal odds.

    Args:
        rate: Probability in [0, 1) that an element is replaced, rounded to a multiple of 1/65,536.
        low: Value of the pepper, the lowest of the data. The default suits data in [0, 1].
        high: Value of the salt, the highest of the data, above `low`.
        seed: Integer seed; `None` takes one from the model or from Keras' global seed.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` lies outside [0, 1), or `low` is not below `high`.
    """

    attribute_checks: ClassVar[dict[str, Callable]] = {"rate": _checked_rate}

    def __init__(
        self,
        rate: float = 0.25,
        low: float = 0.0,
        high: float = 1.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        self.rate = rate
        if not (is_number(low) and is_number(high) and low < high):
            raise ValueError(
                "`low` and `high` must be numbers, the lowest and highest value of the data, with "
                f"`low` below `high`; received low={low!r}, high={high!r}."
            )
        self.low, self.high = float(low), float(high)

    def corrupt(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        words = _random_words(inputs, seed)  # they decide what is replaced and by what
        low, high = (tf.constant(level, inputs.dtype) for level in (self.low, self.high))
        level = tf.where(words < _threshold(self.rate / 2), low, high)
        return tf.where(words < _threshold(self.rate), level, inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "low": self.low, "high": self.high}


_SHORTCUTS = {
    "masking": MaskingCorruption,
    "gaussian": GaussianCorruption,
    "salt_and_pepper": SaltAndPepperCorruption,
}


def get(identifier: str | dict | keras.layers.Layer | None) -> keras.layers.Layer | None:
    """Returns a corruption from its short name, its serialised form, or itself.

    Args:
        identifier: `"masking"`, `"gaussian"` or `"salt_and_pepper"` for one with default
            arguments, any Keras layer that keeps the shape of its input, or `None` for no
            corruption.

    Raises:
        ValueError: If it is none of these.
    """
    if identifier is None or isinstance(identifier, keras.layers.Layer):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in _SHORTCUTS:
        return _SHORTCUTS[identifier]()
    raise ValueError(
        f"`corruption` must be one of {sorted(_SHORTCUTS)}, a Keras layer such as "
        f"tfae.layers.MaskingCorruption(0.5), or None; received corruption={identifier!r}."
    )


def _random_words(like: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """An int32 tensor of the shape of `like`, uniform over the 16-bit numbers.

    Each 64-bit draw gives four words. XLA assembles narrower draws one lane at a time, which takes
    eight times as long.
    """
    shape = tf.shape(like)
    size = tf.reduce_prod(shape)
    draws = tf.random.stateless_uniform(
        [(size + 3) // 4], seed, minval=None, maxval=None, dtype=tf.uint64, alg="philox"
    )
    words = [tf.bitwise.right_shift(draws, tf.constant(16 * i, tf.uint64)) for i in range(4)]
    flat = tf.concat([tf.cast(tf.cast(w, tf.uint16), tf.int32) for w in words], axis=0)
    return tf.reshape(flat[:size], shape)


def _threshold(rate: float) -> int:
    """A random 16-bit word is below this number with probability `rate`."""
    return math.ceil(rate * _WORDS - 0.5) or math.ceil(rate)
