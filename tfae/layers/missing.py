"""Layers for data with missing values."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras


@keras.saving.register_keras_serializable("tfae")
class WithMissing(keras.layers.Layer):
    """An encoder's first layer that knows what is missing.

    It gives `activation(layer(x) + kernel(1 - mask))`. That is what `layer` computes if the missing
    indicator is concatenated to `x`, where missing elements are zero. The indicator's own kernel
    starts at zero. Written as a sum, a row without missing values gives exactly what `layer` gives.

    Args:
        layer: A `Dense` or a convolution; its activation is applied to the sum.
        activation: That activation; `None` takes it from `layer`.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(
        self, layer: keras.layers.Layer, activation: str | Callable | None = None, **kwargs
    ):
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.activation = keras.activations.get(
            layer.activation if activation is None else activation
        )
        layer.activation = keras.activations.linear
        self.layer = layer
        config = layer.get_config()
        config.update(name=f"{layer.name}_missing", use_bias=False, kernel_initializer="zeros")
        self.of_missing = type(layer).from_config(config)

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        of_data, _ = input_shape
        for layer in (self.layer, self.of_missing):
            if not layer.built:  # a layer that is loaded comes built
                layer.build(of_data)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Applies the layer.

        Args:
            inputs: `x` as `layer` takes it, and the mask `(batch, ...)`, 1 where `x` is observed:
                in that shape or, before `x` was flattened, in the shape of the data.
        """
        x, mask = inputs
        not_missing = keras.ops.cast(mask, x.dtype) - 1
        if len(not_missing.shape) != len(x.shape):
            not_missing = keras.ops.reshape(not_missing, (-1, *x.shape[1:]))
        # Not as a sum: Grappler breaks a graph with an activation of a biased product plus another
        # product, and then optimises nothing (TensorFlow 2.21).
        return self.activation(self.layer(x) - self.of_missing(not_missing))

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple:
        return self.layer.compute_output_shape(input_shape[0])

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.layer),
            "activation": keras.activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict) -> Self:
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


@keras.saving.register_keras_serializable("tfae")
class Observed(keras.layers.Layer):
    """Splits data with NaN into data with zeros instead, and the mask: 1 where it is observed."""

    def call(self, x: Any) -> tuple[Any, Any]:
        missing = keras.ops.isnan(x)
        filled = keras.ops.where(missing, keras.ops.zeros_like(x), x)
        return filled, 1 - keras.ops.cast(missing, x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple:
        return input_shape, input_shape
