"""The VampPrior: a variational mixture of posteriors."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.priors.mixture import Mixture


@keras.saving.register_keras_serializable("tfae.priors")
class VampPrior(Mixture):
    """A mixture, with equal weights, of the encoder's posteriors at learned pseudo-inputs.

    The pseudo-inputs are weights with the shape of the data, trained with the model. They start as
    noise; to start with real examples, assign them: `model.prior.pseudo_inputs.assign(x[:500])`.

    Args:
        num_components: Number of pseudo-inputs, at least 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If the model's data has no fixed shape, or the prior already belongs to another
            model.

    Reference:
        Tomczak and Welling, "VAE with a VampPrior", 2018.
    """

    def __init__(self, num_components: int = 500, **kwargs):
        super().__init__(num_components, **kwargs)
        self._encoder: Callable[[], keras.layers.Layer] | None = None

    def bind(
        self,
        encoder: keras.layers.Layer,
        input_shape: tuple[int | None, ...],
        support: tuple[float, float] | None,
        seed: int,
    ) -> None:
        if self._encoder is not None and self._encoder() is not encoder:
            raise ValueError("A VampPrior belongs to one model; make a new one for this model.")
        if None in input_shape:
            raise ValueError(
                "A VampPrior needs data of a fixed shape for its pseudo-inputs; received "
                f"{input_shape}."
            )
        # In a function, since Keras would otherwise save the encoder with the prior, too.
        self._encoder = lambda: encoder
        self._input_shape, self._support, self._seed = input_shape, support, seed

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        if self._encoder is None:
            raise ValueError(
                "A VampPrior is built by its model: pass it as the model's `prior` before building."
            )
        if self.built:
            return
        super().build(code_shape)
        if self._support is None:
            start, constraint = keras.initializers.RandomNormal(stddev=1.0, seed=self._seed), None
        else:
            low, high = self._support
            start, constraint = _uniform(low, high, self._seed), Within(low, high)
        self.pseudo_inputs = self.add_weight(
            name="pseudo_inputs",
            shape=(self.num_components, *self._input_shape),
            initializer=start,
            constraint=constraint,
        )

    def get_build_config(self) -> None:
        """Returns nothing: the model with which it is loaded builds it."""

    def components(self, index: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.convert_to_tensor(self.pseudo_inputs)
        x = x if index is None else tf.gather(x, index)  # encodes only these
        encoder = self._encoder()
        if len(getattr(encoder, "inputs", None) or ()) == 2:  # with missing="mask"
            x = [x, tf.ones_like(x)]
        mean, log_variance = encoder(x, training=False)
        return tf.cast(mean, tf.float32), tf.cast(log_variance, tf.float32)

    def log_weights(self) -> tf.Tensor:
        return tf.fill([self.num_components], -math.log(self.num_components))


def _uniform(low: Any, high: Any, seed: int) -> Callable:
    """An initialiser of numbers in an interval; 1 takes the place of an infinite bound."""
    low = np.where(np.isinf(low), -1.0, low)
    size = np.where(np.isinf(high), 1.0, np.asarray(high) - low)
    unit = keras.initializers.RandomUniform(0.0, 1.0, seed=seed)
    return lambda shape, dtype=None: low.astype(dtype) + size.astype(dtype) * unit(shape, dtype)


@keras.saving.register_keras_serializable("tfae.priors")
class Within(keras.constraints.Constraint):
    """Keeps weights in a closed interval by clipping them after each step.

    Args:
        low, high: Bounds of the interval: numbers, or arrays that broadcast to an example.
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    def __call__(self, w: Any) -> tf.Tensor:
        return tf.clip_by_value(w, self.low, self.high)

    def get_config(self) -> dict:
        return {"low": self.low, "high": self.high}
