"""A prior that is given as a function."""

from collections.abc import Callable
from typing import Any, Self

import keras
import tensorflow as tf

from tfae.priors.prior import Prior


@keras.saving.register_keras_serializable("tfae.priors")
class Sampler(Prior):
    """A prior that draws codes with a user's function.

    To be saved with a model, the function must be registered with Keras:

        ```python
        @keras.saving.register_keras_serializable()
        def heart(n, seed):
            t = 6.28 * tf.random.stateless_uniform([n], seed, alg="philox")
            return tf.stack([tf.sin(t) ** 3, tf.cos(t) - 0.4 * tf.cos(2 * t)], axis=-1)
        ```

    Args:
        function: `function(n, seed)`, in TensorFlow: returns codes `(n, latent_dim)` for `n` and an
            int64 seed `(2,)`, and depends on nothing else. With `num_classes` it is called as
            `function(n, seed, label)`, where label is int64 `(n,)` with -1 for any class.
        num_classes: Number of classes if labels choose a part of the prior, or `None`.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If the function's codes do not have the model's `latent_dim`.
    """

    is_density = False

    def __init__(self, function: Callable, num_classes: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"`function` must be a function; received {function!r}.")
        self.function = function
        self.num_classes = num_classes

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        super().build(code_shape)
        shape = self.sample(2, tf.constant([0, 0], tf.int64)).shape
        if not shape.is_compatible_with([2, self.latent_dim]):
            name = getattr(self.function, "__name__", self.function)
            raise ValueError(
                f"The prior's function {name} must return codes of shape (n, {self.latent_dim}), "
                f"as the encoder does; for n=2 it returns {tuple(shape)}."
            )

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        if self.num_classes is None:
            code = self.function(n, seed)
        else:
            label = tf.fill([n], tf.constant(-1, tf.int64)) if label is None else label
            code = self.function(n, seed, label)
        return tf.cast(code, tf.float32)

    def get_config(self) -> dict:
        function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function, "num_classes": self.num_classes}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict[str, Any] | None = None) -> Self:
        function = config["function"]
        if not callable(function):
            function = keras.saving.deserialize_keras_object(function, custom_objects)
        return cls(**{**config, "function": function})
